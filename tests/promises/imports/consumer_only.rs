//! A manifest of which only the consumer is taken: the owner's link is what the manifest says, and all else as it was.

use insta::assert_snapshot;
use longshore_tests::manifest::{Authority, Era, Manifest, Product};
use longshore_tests::{Announcement, ORG, UPSTREAM, World, later, small};
use serde_json::json;

/// Where an import of the consumer alone may write.
const WRITTEN: [&str; 6] = [
    "cp_owner",
    "cp_upstream_consumer",
    "cp_id_cert",
    "cp_cert_serial",
    "cp_import_record",
    "cp_import_upstream_consumer",
];

const OTHER: &str = "11111111-2222-4333-8444-555555555555";

/// The next manifest of the consumer, in which everything is another than in [`small`].
fn next() -> Manifest {
    let manifest = small()
        .name("renamed")
        .urls("https://new.example/web", "https://new.example/api")
        .consumer_type("appliance", true)
        .rules("5.99")
        .cdn("lab", "Lab", "https://cdn.example")
        .distributor_version("lab-1", "Lab 1", &["cert_v3"])
        .product(Product::new("902", "Further"));
    later(&manifest, 10)
}

/// A manifest of the consumer alone: nothing else in it could be imported.
fn damaged() -> Manifest {
    Manifest::new(Era::D)
        .product(Product::new("SKU", "Suite"))
        .raw("products/SKU.json", "{")
        .raw("entitlements/e1.json", "[]")
        .raw("rules2/rules.js", "no version")
        .raw("distributor_version/x.json", "{")
        .without("consumer_types/")
}

fn alone(announcement: Announcement) -> Announcement {
    announcement.metadata("only", "consumer")
}

async fn import_alone(world: &World, manifest: &Manifest) {
    world.import_announced(alone(world.announce_manifest(manifest))).await;
}

async fn consumer(world: &World) -> String {
    world.imported_rows().await.lines().filter(|line| line.starts_with("consumer: ")).collect()
}

#[tokio::test]
async fn the_upstream_consumer_is_updated_and_nothing_else() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    world.forget_events().await;
    let before = world.row_versions(&WRITTEN).await;
    let refreshed = "SELECT last_refreshed::text FROM cp_owner";
    let last = world.list(refreshed).await;
    import_alone(&world, &next()).await;
    assert_eq!(world.row_versions(&WRITTEN).await, before);
    assert_eq!(world.list(refreshed).await, last);
    assert_snapshot!(consumer(&world).await, @"consumer: owner=5318290 | uuid=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | name=renamed | type=candlepin | web=https://new.example/web | api=https://new.example/api | mode=entitlement | serial=4222494339595690431 | expires=2049-01-01T00:00:00 | sealed=k1");
    assert_snapshot!(world.events_in_full().await, @r#"UPSTREAM_CONSUMER MODIFIED | renamed | id | changed,uuid | changed ["name", "webUrl", "apiUrl", "idCert"]"#);
    assert_snapshot!(world.history().await, @"
    0 | 5318290: manifest imported
    0 | 5318290: upstream consumer imported, and nothing else
    ");
    assert_eq!(world.orphans().await, "");
    // It was not the last manifest, so that the whole of it can still be imported.
    world.import(&next()).await;
    assert_snapshot!(world.last_entry().await, @"0 | 5318290: manifest imported");
    assert_snapshot!(world.list("SELECT version FROM cp_rules").await, @"5.99");
}

#[tokio::test]
async fn the_manifest_that_was_imported_last_may_be_read_again_for_its_consumer() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    world.execute("UPDATE cp_upstream_consumer SET name = 'edited'").await;
    import_alone(&world, &small()).await;
    assert_eq!(world.list("SELECT name FROM cp_upstream_consumer").await, "lab-distributor");
    import_alone(&world, &small().name("of the same second")).await;
    assert_eq!(world.list("SELECT name FROM cp_upstream_consumer").await, "of the same second");
    assert_snapshot!(world.history().await, @"
    0 | 5318290: manifest imported
    0 | 5318290: upstream consumer imported, and nothing else
    0 | 5318290: upstream consumer imported, and nothing else
    ");
}

#[tokio::test]
async fn once_more_it_changes_nothing() {
    let world = World::with_owner().await;
    import_alone(&world, &small()).await;
    world.forget_events().await;
    let before = world.row_versions(&["cp_import_record", "cp_import_upstream_consumer"]).await;
    import_alone(&world, &small()).await;
    assert_eq!(world.row_versions(&["cp_import_record", "cp_import_upstream_consumer"]).await, before);
    assert_eq!(world.events().await, "");
    assert_snapshot!(world.history().await, @"
    0 | 5318290: upstream consumer imported, and nothing else
    0 | 5318290: the upstream consumer is as this manifest has it, nothing has changed
    ");
    assert_snapshot!(world.import_log().await, @"
    imported
    already imported
    ");
}

#[tokio::test]
async fn an_owner_without_imports_is_linked_and_can_be_freed_again() {
    let world = World::with_owner().await;
    import_alone(&world, &small()).await;
    assert_eq!(world.list("SELECT uuid FROM cp_upstream_consumer").await, UPSTREAM);
    for table in ["cp_products", "cp_subscription", "cp_pool", "cp_rules", "cp_export_metadata"] {
        assert_eq!(world.value::<i64>(&format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
    world.undo().await.unwrap();
    assert_eq!(world.value::<i64>("SELECT count(*) FROM cp_upstream_consumer").await, 0);
    assert_eq!(world.orphans().await, "");
}

#[tokio::test]
async fn what_else_is_in_the_manifest_is_not_even_read() {
    let world = World::with_owner().await;
    import_alone(&world, &damaged()).await;
    assert_snapshot!(world.last_entry().await, @"0 | 5318290: upstream consumer imported, and nothing else");
    let (bundle, signature) = damaged().signed_bundle(longshore_tests::manifest::Spelling::Plain, &Authority::new());
    let announced = Announcement::manifest(&world.serve(bundle)).set("signature_url", world.serve(signature));
    world.import_announced(alone(announced)).await;
    assert_snapshot!(world.last_entry().await, @"0 | 5318290: the upstream consumer is as this manifest has it, nothing has changed");
}

#[tokio::test]
async fn its_type_comes_with_it_and_no_other_type_does() {
    let world = World::with_owner().await;
    let typed = |label: &str| small().consumer_type("appliance", true).consumer_type("shop", true).type_label(label);
    import_alone(&world, &typed("appliance")).await;
    assert_snapshot!(world.events().await, @"
    CONSUMER_TYPE CREATED appliance
    UPSTREAM_CONSUMER CREATED lab-distributor
    ");
    let imported = "SELECT label FROM cp_consumer_type WHERE NOT seeded";
    assert_eq!(world.list(imported).await, "appliance");
    // Another owner's whole import does not take it away.
    world.owner("6000001").await;
    world.import_for("6000001", &small().uuid(OTHER).consumer_type("shop", true)).await;
    assert_eq!(world.list(&format!("{imported} ORDER BY 1")).await, "appliance\nshop");
    import_alone(&world, &small().type_label("unheard-of")).await;
    assert_snapshot!(world.last_entry().await, @"1 | consumer.json: the consumer's type is neither in consumer_types/ nor known here");
}

#[tokio::test]
async fn a_manifest_that_nobody_signed_brings_no_type() {
    let world = World::with_owner().await;
    let manifest = small().consumer_type("appliance", true).type_label("appliance").signature(*b"none");
    let announced = |manifest: &Manifest| alone(world.announce_manifest(manifest)).force(&["SIGNATURE_CONFLICT"]);
    world.import_announced(announced(&manifest)).await;
    assert_snapshot!(world.last_entry().await, @"1 | consumer.json: the consumer's type is neither in consumer_types/ nor known here");
    world.import_announced(announced(&small().signature(*b"none"))).await;
    assert_snapshot!(world.last_entry().await, @"0 | 5318290: upstream consumer imported, and nothing else, forcing SIGNATURE_CONFLICT");
}

#[tokio::test]
async fn conflicts_apply_as_to_any_import_and_can_be_forced() {
    let world = World::with_owner().await;
    world.import(&next()).await;
    let other = small().uuid(OTHER).name("other");
    let cases = [
        ("other and older", alone(world.announce_manifest(&other))),
        ("not signed", alone(world.announce_manifest(&next().signature(*b"none")))),
        ("unknown part", world.announce_manifest(&next()).metadata("only", "products")),
    ];
    for (name, announcement) in cases {
        world.import_announced(announcement.set("request_id", name)).await;
    }
    assert_snapshot!(world.import_log().await, @r#"
    imported
    failed | Conflict | MANIFEST_OLD: it was made at 2026-03-05 10:20:30.400 UTC, the one imported last at 2026-03-05 10:30:30.400 UTC; DISTRIBUTOR_CONFLICT: it is of consumer 11111111-2222-4333-8444-555555555555, the owner imports from consumer 0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 (renamed), which can be undone; to force it, name MANIFEST_OLD and DISTRIBUTOR_CONFLICT in metadata.force
    failed | Conflict | SIGNATURE_CONFLICT: the signature does not verify: CN=Longshore Test Authority: its signatures have 256 bytes, this one has 4; to force it, name SIGNATURE_CONFLICT in metadata.force
    rejected | Conflict | MANIFEST_OLD: it was made at 2026-03-05 10:20:30.400 UTC, the one imported last at 2026-03-05 10:30:30.400 UTC; DISTRIBUTOR_CONFLICT: it is of consumer 11111111-2222-4333-8444-555555555555, the owner imports from consumer 0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 (renamed), which can be undone; to force it, name MANIFEST_OLD and DISTRIBUTOR_CONFLICT in metadata.force
    rejected | Conflict | SIGNATURE_CONFLICT: the signature does not verify: CN=Longshore Test Authority: its signatures have 256 bytes, this one has 4; to force it, name SIGNATURE_CONFLICT in metadata.force
    rejected | Message | metadata.only: "products" cannot be imported alone; consumer can
    "#);
    world
        .import_announced(alone(world.announce_manifest(&other)).force(&["MANIFEST_OLD", "DISTRIBUTOR_CONFLICT"]))
        .await;
    assert_snapshot!(world.last_entry().await, @"0 | 5318290: upstream consumer imported, and nothing else, forcing MANIFEST_OLD and DISTRIBUTOR_CONFLICT");
    assert_eq!(world.list("SELECT name FROM cp_upstream_consumer").await, "other");
    assert_eq!(world.value::<i64>("SELECT count(*) FROM cp_subscription").await, 1);
    assert_eq!(world.orphans().await, "");
}

#[tokio::test]
async fn a_consumer_of_another_owner_stays_there() {
    let world = World::with_owner().await;
    world.owner("6000001").await;
    world.import(&small()).await;
    let announced = alone(world.announce_manifest(&small())).org("6000001").metadata("owner", json!("6000001"));
    world.import_announced(announced).await;
    assert_snapshot!(world.last_entry().await, @"1 | consumer.json: consumer 0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 is another owner's; undo that owner's import first, or have a manifest made for another consumer");
    assert_eq!(world.list("SELECT owner_id FROM cp_upstream_consumer").await, ORG);
}
