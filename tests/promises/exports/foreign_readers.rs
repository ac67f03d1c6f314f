//! Exports are read by tools that are not ours: Python's zipfile and tarfile, and OpenSSL.

use insta::assert_snapshot;
use longshore::export::Format;
use longshore_tests::exports::Exporting;
use longshore_tests::manifest::{Content, Entitlement, Manifest, Product};
use longshore_tests::{ORG, small};
use std::process::Command;

fn suite() -> Manifest {
    small()
        .product(Product::new("901", "Engine").content(Content::new("90101", "engine-rpms")))
        .product(Product::new("902", "Tools").content(Content::new("90201", "tools-rpms")))
        .product(Product::new("SKU-G", "Suite for guests").provides(&["902"]))
        .product(
            Product::new("SKU", "Suite").provides(&["901", "902"]).derived("SKU-G").attribute("support_level", "Gold"),
        )
        .entitlement(Entitlement::new("e1", "p1", "SKU").contract("C-1").account("A-1").order("O-1"))
        .entitlement(Entitlement::new("e2", "p2", "901"))
}

/// What the script says of an archive.
async fn read(world: &Exporting, uuid: &str, format: Format) -> String {
    let (archive, signature) = world.export(ORG, uuid, format).await;
    let (archive_file, signature_file) = (world.files().join("export"), world.files().join("export.sig"));
    std::fs::write(&archive_file, archive).unwrap();
    std::fs::write(&signature_file, signature).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/promises/exports/foreign/read_manifest.py");
    let mut python = Command::new("python3");
    python.arg(script).arg(archive_file).arg("--authority").arg(world.files().join("trusted.pem"));
    if format == Format::Tar {
        python.arg("--signature").arg(signature_file);
    }
    let output = python.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn both_containers_say_the_same_to_others() {
    let world = Exporting::start().await;
    world.import(&suite()).await;
    let uuid = world.distributor_with(ORG, "first", 3).await;
    let mut lines: Vec<String> = Vec::new();
    for format in [Format::Zip, Format::Tar] {
        let text = read(&world, &uuid, format).await;
        // In the order of their ids, which are new each time.
        let (head, rest) = text.split_once("Subscription: ").unwrap();
        let mut subscriptions: Vec<&str> = rest.split("Subscription: ").collect();
        subscriptions.sort_unstable();
        lines.push(format!("{head}{}", subscriptions.concat()));
    }
    assert_eq!(lines[0].replace("Version: 0.1.0", "Version: 1.0"), lines[1]);
    assert_snapshot!(lines[0], @"
    Server: None | Version: 0.1.0 | 2026-10-05T10:20:30.456Z | exporter
    Consumer: first | candlepin | entitlement
    901 Engine x 3 | [None, None, None]
      2026-03-05T00:00:00.000Z to 2040-01-01T00:00:00.000Z | None
      Provided:  | Derived: 
      Content: ['/content/engine-rpms/$releasever/os']
    SKU Suite x 3 | ['C-1', 'O-1', 'A-1']
      2026-03-05T00:00:00.000Z to 2040-01-01T00:00:00.000Z | Gold
      Provided: 901: Engine, 902: Tools | Derived: 902: Tools
      Content: ['/content/engine-rpms/$releasever/os', '/content/tools-rpms/$releasever/os']
    ");
}

#[tokio::test]
async fn an_export_of_nothing_is_read_too() {
    let world = Exporting::start().await;
    let uuid = world.distributor("empty").await;
    for format in [Format::Zip, Format::Tar] {
        assert!(read(&world, &uuid, format).await.contains("Consumer: empty | candlepin"));
    }
}
