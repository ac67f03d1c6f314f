//! The archive as a whole: what it leaves out, its form, and that it is the same for the same state and time.

use longshore::export::Format;
use longshore_tests::exports::{Exporting, contents, exported, member};
use longshore_tests::manifest::Product;
use longshore_tests::{ORG, small};

#[tokio::test]
async fn a_pool_that_follows_from_another_is_left_out_and_its_products_are_not() {
    let world = Exporting::start().await;
    let guests = Product::new("SKU", "Suite").provides(&["901"]).attribute("virt_limit", "4");
    world.import(&small().product(guests)).await;
    let uuid = world.distributor("first").await;
    let both = "INSERT INTO cp_entitlement (id, owner_id, consumer_id, pool_id, quantity)
                SELECT md5(p.id), c.owner_id, c.id, p.id, 1 FROM cp_consumer c JOIN cp_pool p USING (owner_id)";
    world.execute(both).await;
    let files = contents(world.export(ORG, &uuid, Format::Zip).await.0);
    let pools: i64 = world.value("SELECT count(*) FROM cp_entitlement").await;
    let count = |folder: &str| files.keys().filter(|name| name.starts_with(folder)).count();
    assert_eq!((pools, count("entitlements/"), count("entitlement_certificates/")), (2, 1, 1));
    assert!(files.contains_key("products/SKU.json") && files.contains_key("products/901.json"));
}

/// Nothing of it is regenerated when it is exported again.
#[tokio::test]
async fn the_same_state_at_the_same_time_is_the_same_archive() {
    let (world, uuid, _) = exported().await;
    for format in [Format::Zip, Format::Tar] {
        let first = world.export(ORG, &uuid, format).await;
        assert!(first == world.export(ORG, &uuid, format).await, "{format:?} differs");
        world.pass(1);
        assert!(first != world.export(ORG, &uuid, format).await, "{format:?} does not tell its time");
    }
}

/// As it has been read in the world for fifteen years.
#[tokio::test]
async fn both_zips_have_the_form_and_the_comments_of_candlepin() {
    let (world, uuid, _) = exported().await;
    let (outer, _) = world.export(ORG, &uuid, Format::Zip).await;
    assert!(outer.ends_with(format!("signed Candlepin export for {uuid}").as_bytes()));
    let inner = member(outer.clone(), "consumer_export.zip");
    assert!(inner.ends_with(format!("Candlepin export for {uuid}").as_bytes()));
    for zip in [outer, inner] {
        // Every local header: streamed, DEFLATE.
        let headers = zip.windows(10).filter(|bytes| bytes.starts_with(b"PK\x03\x04\x14\0")).count();
        let streamed = zip.windows(10).filter(|bytes| bytes.starts_with(b"PK\x03\x04\x14\0\x08\0\x08\0")).count();
        assert!(headers > 0 && headers == streamed);
    }
}

/// Somebody else's upstream identity, which the owner imports with, is not passed on.
#[tokio::test]
async fn no_other_private_key_is_in_it() {
    let (_, _, files) = exported().await;
    let keys = |bytes: &[u8]| String::from_utf8_lossy(bytes).matches("PRIVATE KEY-----").count() / 2;
    for (name, bytes) in &files {
        let expected = match name.split('/').next().unwrap() {
            "entitlements" | "entitlement_certificates" | "upstream_consumer" => 1,
            _ => 0,
        };
        assert_eq!(keys(bytes), expected, "{name}");
    }
    let text: String = files.values().map(|bytes| String::from_utf8_lossy(bytes)).collect();
    assert!(!text.contains("upstreamConsumer\""));
}
