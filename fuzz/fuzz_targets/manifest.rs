//! One file of a sound data bundle is replaced, or one of a kind that it lacks is added. Whatever is read of it is refused or
//! fits its columns; what an import would read of products, entitlements and certificates goes as far.
#![no_main]

use flate2::{Compression, write::GzEncoder};
use libfuzzer_sys::fuzz_target;
use longshore::archive::Limits;
use longshore::candlepin::rehearse;
use longshore::manifest::read::Export;
use longshore::warnings::Warnings;

/// Files of a bundle, all that is needed and one of each other kind.
const FILES: [(&str, &str); 11] = [
    ("meta.json", r#"{"version":"1.0","created":"2026-03-05T10:20:30.400Z"}"#),
    ("consumer.json", r#"{"uuid":"u","name":"n","type":{"label":"candlepin"}}"#),
    ("consumer_types/candlepin.json", r#"{"label":"candlepin","manifest":true}"#),
    ("products/S.json", r#"{"id":"S","name":"Suite","attributes":[{"name":"virt_limit","value":"4"}]}"#),
    (
        "entitlements/e.json",
        r#"{"id":"e","quantity":1,"startDate":1,"endDate":"2040-01-01","pool":{"id":"p","productId":"S"}}"#,
    ),
    ("products/S.pem", ""),
    ("entitlement_certificates/1.pem", ""),
    ("upstream_consumer/u.json", ""),
    ("rules/rules.js", ""),
    ("distributor_version/d.json", ""),
    ("content_delivery_network/c.json", ""),
];

fn bundle(replaced: &str, content: &[u8]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::none()));
    for (name, sound) in FILES {
        let bytes = if name == replaced { content } else { sound.as_bytes() };
        if name == replaced || !sound.is_empty() {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, name, bytes).unwrap();
        }
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fuzz_target!(|input: (u8, &[u8])| {
    let (which, content) = input;
    let (replaced, _) = FILES[usize::from(which) % FILES.len()];
    let Ok(export) = Export::open(bundle(replaced, content).into(), &Limits::for_manifests()) else { return };
    let mut warnings = Warnings::default();
    if let Ok(head) = export.head(&mut warnings) {
        assert_eq!(export.meta().unwrap(), head.meta);
        assert!((1..=9999).contains(&head.meta.created.0.year()));
        let names = head.distributor_versions.iter().map(|version| &version.display_name);
        let texts = names.chain(head.cdns.iter().map(|cdn| &cdn.name)).chain([&head.consumer.uuid]);
        texts.for_each(|text| assert!(text.chars().count() <= 255 && !text.contains('\0')));
        let _ = rehearse(&export);
    }
});
