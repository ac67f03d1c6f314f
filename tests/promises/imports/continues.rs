//! A newer manifest continues what is there: what says the same is not touched, whoever wrote it.

use insta::assert_snapshot;
use longshore_tests::manifest::{Entitlement, Era, Manifest};
use longshore_tests::{ORG, UPSTREAM, World, later, small};

/// Tables that every import writes.
const ALWAYS: [&str; 4] = ["cp_import_record", "cp_import_upstream_consumer", "cp_export_metadata", "cp_owner"];

#[tokio::test]
async fn a_newer_manifest_that_says_the_same_writes_no_object() {
    let world = World::with_owner().await;
    let manifest = Manifest::sample(Era::D);
    world.import(&manifest).await;
    let before = world.row_versions(&ALWAYS).await;
    world.forget_events().await;
    world.import(&later(&manifest, 1)).await;
    assert_eq!(world.row_versions(&ALWAYS).await, before);
    assert_snapshot!(world.events_in_full().await, @"IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid");
    assert_snapshot!(world.last_entry().await, @"0 | 5318290: manifest imported");
}

#[tokio::test]
async fn other_bytes_that_say_the_same_change_no_object() {
    let world = World::with_owner().await;
    let manifest = Manifest::sample(Era::D);
    world.import(&manifest).await;
    let updated = "SELECT 'product ' || uuid || updated FROM cp_products
                   UNION ALL SELECT 'content ' || uuid || updated FROM cp_contents
                   UNION ALL SELECT id || updated FROM cp_subscription UNION ALL SELECT id || updated FROM cp_pool";
    let updated = format!("SELECT * FROM ({updated}) u ORDER BY 1");
    let before = world.list(&updated).await;
    world.forget_events().await;
    // Every file has the moment in it.
    world.import(&manifest.clone().created(manifest.created_at() + time::Duration::minutes(1))).await;
    assert_eq!(world.list(&updated).await, before);
    assert_snapshot!(world.events().await, @"IMPORT CREATED 5318290");
}

#[tokio::test]
async fn what_clients_have_taken_of_a_pool_stays() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    world.execute("UPDATE cp_pool SET quantity_consumed = 3, quantity_exported = 2").await;
    world.import(&later(&small().entitlement(Entitlement::new("e1", "p1", "SKU").quantity(20)), 1)).await;
    let taken = "SELECT quantity, quantity_consumed AS consumed, quantity_exported AS exported, version FROM cp_pool";
    assert_snapshot!(world.columns(taken).await, @"quantity=20 | consumed=3 | exported=2 | version=1");
}

#[tokio::test]
async fn manifests_of_later_eras_continue_what_those_of_earlier_ones_began() {
    let world = World::with_owner().await;
    let ids = "SELECT s.id || ' ' || p.id FROM cp_subscription s JOIN cp_pool p ON p.subscriptionid = s.id
               WHERE p.subscriptionsubkey = 'master' ORDER BY s.upstream_entitlement_id";
    let mut before = String::new();
    for era in Era::ALL {
        world.import(&Manifest::sample(era)).await;
        let now = world.list(ids).await;
        assert!(before.is_empty() || now == before, "{era:?}");
        before = now;
    }
    assert_snapshot!(world.history().await, @"
    0 | 5318290: manifest imported
    0 | 5318290: manifest imported
    0 | 5318290: manifest imported
    0 | 5318290: manifest imported
    ");
    assert_snapshot!(world.list("SELECT version FROM cp_rules").await, @"4.2");
    let first = World::with_owner().await;
    first.import(&Manifest::sample(Era::D)).await;
    let but_rules = |rows: String| rows.lines().filter(|row| !row.starts_with("rules")).collect::<Vec<_>>().join("\n");
    assert_eq!(but_rules(world.imported_rows().await), but_rules(first.imported_rows().await));
}

#[tokio::test]
async fn an_owner_that_an_upgrade_has_linked_gets_what_it_lacks_with_its_next_import() {
    let world = World::with_owner().await;
    let upgraded = format!(
        "INSERT INTO cp_upstream_consumer (id, uuid, name, owner_id, type_id, prefix_url_web)
         VALUES ('migrated', '{UPSTREAM}', 'lab-distributor', '{ORG}', '1003', 'upstream.example/subs/');
         UPDATE cp_owner SET upstream_id = 'migrated'"
    );
    world.execute(&upgraded).await;
    world.import(&small().uuid("another")).await;
    assert_snapshot!(world.list("SELECT conflicts::text FROM imports").await, @"{DISTRIBUTOR_CONFLICT}");
    world.import(&small()).await;
    let events = world.events_in_full().await;
    assert_snapshot!(events.lines().find(|line| line.starts_with("UPSTREAM")).unwrap_or_default(), @r#"UPSTREAM_CONSUMER MODIFIED | lab-distributor | id | changed,uuid | changed ["apiUrl", "contentAccessMode", "idCert"]"#);
    let linked = "SELECT u.prefix_url_api AS api, i.cert IS NOT NULL AS id_cert
                  FROM cp_upstream_consumer u LEFT JOIN cp_id_cert i ON i.id = u.consumer_idcert_id";
    assert_snapshot!(world.columns(linked).await, @"api=https://upstream.example/candlepin/consumers/ | id_cert=true");
}
