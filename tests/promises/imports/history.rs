//! The history of an owner's imports: who made what, how it ended, and the newest entries only.

use insta::assert_snapshot;
use longshore_tests::manifest::{Entitlement, Product};
use longshore_tests::{ORG, World, later, small};

const ENTRIES: &str = "
  SELECT r.status, r.statusmessage AS message, r.generated_by AS by, r.generated_date AS date, r.file_name AS file,
         u.uuid, u.name, u.owner_id AS owner, u.type_label AS type, u.content_access_mode AS mode
  FROM cp_import_record r LEFT JOIN cp_import_upstream_consumer u ON u.id = r.upstream_id ORDER BY r.seq";

#[tokio::test]
async fn the_newest_ten_entries_are_kept() {
    let world = World::with_owner().await;
    for _ in 0..12 {
        world.import_forcing(&small(), &["MANIFEST_SAME"]).await;
    }
    assert_eq!(world.history().await.lines().count(), 10);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM cp_import_upstream_consumer").await, 10);
    assert_eq!(world.value::<i64>("SELECT min(seq) FROM cp_import_record").await, 3);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM imports").await, 12, "our own log keeps all");
}

#[tokio::test]
async fn a_setting_says_how_many_entries_are_kept_of_each_owner() {
    let world = World::with(&[("LONGSHORE_IMPORT_RECORDS", "2")]).await;
    world.owner(ORG).await;
    world.owner("6000001").await;
    world.import_for("6000001", &small().uuid("another")).await;
    for minutes in 1..4 {
        world.import(&later(&small(), minutes)).await;
        world.import(&small().signature("garbage")).await;
    }
    assert_snapshot!(world.history().await, @"
    0 | 6000001: manifest imported
    0 | 5318290: manifest imported
    1 | SIGNATURE_CONFLICT: the signature does not verify: CN=Longshore Test Authority: its signatures have 256 bytes, this one has 7; to force it, name SIGNATURE_CONFLICT in metadata.force
    ");
    world.undo().await.unwrap();
    assert_snapshot!(world.history().await, @"
    0 | 6000001: manifest imported
    1 | SIGNATURE_CONFLICT: the signature does not verify: CN=Longshore Test Authority: its signatures have 256 bytes, this one has 7; to force it, name SIGNATURE_CONFLICT in metadata.force
    2 | 5318290: imports undone by admin
    ");
}

#[tokio::test]
async fn a_failure_says_whose_manifest_it_was() {
    let world = World::with_owner().await;
    world.import(&small().principal("first")).await;
    let other = small().uuid("another").name("other").principal("second").content_access_mode("org_environment");
    world.import_announced(world.announce_manifest(&later(&other, 1)).metadata("file_name", "second.zip")).await;
    assert_snapshot!(world.columns(ENTRIES).await, @"
    status=0 | message=5318290: manifest imported | by=first | date=2026-03-05T10:20:30.4 | file=manifest.zip | uuid=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | name=lab-distributor | owner=5318290 | type=candlepin | mode=entitlement
    status=1 | message=DISTRIBUTOR_CONFLICT: it is of consumer another, the owner imports from consumer 0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 (lab-distributor), which can be undone; to force it, name DISTRIBUTOR_CONFLICT in metadata.force | by=second | date=2026-03-05T10:21:30.4 | file=second.zip | uuid=another | name=other | owner=5318290 | type=candlepin | mode=org_environment
    ");
}

#[tokio::test]
async fn a_failure_says_what_could_be_read_of_the_manifest() {
    let world = World::with_owner().await;
    world.import(&small().without("meta.json")).await;
    world.import(&small().without("consumer.json")).await;
    world.import(&small().signature("garbage")).await;
    world.import_announced(world.announce_bytes(b"no zip at all".to_vec())).await;
    assert_snapshot!(world.columns(ENTRIES).await, @"
    status=1 | message=the manifest has no meta.json | file=manifest.zip | uuid=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | name=lab-distributor | owner=5318290 | type=candlepin | mode=entitlement
    status=1 | message=the manifest has no consumer.json | by=exporter | date=2026-03-05T10:20:30.4 | file=manifest.zip
    status=1 | message=SIGNATURE_CONFLICT: the signature does not verify: CN=Longshore Test Authority: its signatures have 256 bytes, this one has 7; to force it, name SIGNATURE_CONFLICT in metadata.force | by=exporter | date=2026-03-05T10:20:30.4 | file=manifest.zip | uuid=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | name=lab-distributor | owner=5318290 | type=candlepin | mode=entitlement
    status=1 | message=neither a manifest (a zip) nor a data bundle (gzip): it starts with [6e, 6f, 20, 7a] | file=manifest.zip
    ");
}

#[tokio::test]
async fn a_long_message_is_cut_between_characters() {
    let world = World::with_owner().await;
    let name = "ü".repeat(250);
    world.import(&small().name(&name)).await;
    world.import(&later(&small().uuid(&"u".repeat(255)), 1)).await;
    let entries = "SELECT status || ' ' || length(statusmessage) || ' ' || right(statusmessage, 4) FROM cp_import_record ORDER BY seq";
    assert_snapshot!(world.list(entries).await, @"
    0 26 rted
    1 255 uu..
    ");
    let whole: i64 = world.value("SELECT count(*) FROM imports WHERE length(error) > 255").await;
    assert_eq!(whole, 1, "our own log has all of it");
}

#[tokio::test]
async fn snapshots_outlive_the_upstream_consumer_and_hold_no_key() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    world.import_forcing(&later(&small().uuid("another").name("other"), 1), &["DISTRIBUTOR_CONFLICT"]).await;
    world.undo().await.unwrap();
    let snapshots = "SELECT u.uuid, u.name, u.content_access_mode AS mode, u.prefix_url_api AS api
                     FROM cp_import_record r JOIN cp_import_upstream_consumer u ON u.id = r.upstream_id ORDER BY r.seq";
    assert_snapshot!(world.columns(snapshots).await, @"
    uuid=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | name=lab-distributor | mode=entitlement | api=https://upstream.example/candlepin/consumers/
    uuid=another | name=other | mode=entitlement | api=https://upstream.example/candlepin/consumers/
    uuid=another | name=other | mode=entitlement | api=https://upstream.example/candlepin/consumers/
    ");
    let columns = "SELECT string_agg(column_name, ' ' ORDER BY ordinal_position) FROM information_schema.columns
                   WHERE table_name = 'cp_import_upstream_consumer'";
    assert_snapshot!(world.list(columns).await, @"id uuid name owner_id type_id type_label prefix_url_web prefix_url_api content_access_mode created updated");
}

#[tokio::test]
async fn a_record_that_is_delivered_again_has_one_entry() {
    let world = World::with_owner().await;
    let events = [
        world.event(&[world.announce_manifest(&small())]),
        world.event(&[world.announce_manifest(&small().product(Product::new("X", "X")))]),
        world.event(&[
            world.announce_manifest(&later(&small().entitlement(Entitlement::new("e2", "p2", "NOWHERE")), 1))
        ]),
    ];
    for _ in 0..3 {
        for event in &events {
            assert!(world.deliver_event(event).await.is_empty());
        }
    }
    assert_snapshot!(world.history().await, @"
    0 | 5318290: manifest imported
    1 | MANIFEST_SAME: another manifest that was made at 2026-03-05 10:20:30.400 UTC was imported last; to force it, name MANIFEST_SAME in metadata.force
    1 | entitlements/e2.json: product NOWHERE is not in products/
    ");
    assert_snapshot!(world.list("SELECT concat_ws(' ', outcome, attempts) FROM imports ORDER BY id").await, @"
    imported 1
    failed 3
    failed 3
    ");
}

/// Rows of imports that ended that many days ago, of the usual owner, of another, and of nobody.
async fn ended_days_ago(world: &World, days: u32) {
    let sql = format!(
        "INSERT INTO imports (owner_id, topic, kafka_partition, kafka_offset, record_time, started_at, finished_at, outcome)
         SELECT o, 'day {days}', 0, n, now(), t, t, 'failed'
         FROM unnest(ARRAY['5318290', 'other', NULL]) WITH ORDINALITY x (o, n), (SELECT now() - interval '{days} days') y (t)"
    );
    world.execute(&sql).await;
}

#[tokio::test]
async fn our_own_rows_of_imports_are_kept_for_ninety_days() {
    let world = World::with_owner().await;
    ended_days_ago(&world, 89).await;
    ended_days_ago(&world, 91).await;
    world.import(&small()).await;
    let rows = "SELECT topic || ' ' || count(*) FROM imports GROUP BY topic ORDER BY 1";
    assert_eq!(world.list(rows).await, "day 89 3\nplatform.upload.candlepin 1");
}

#[tokio::test]
async fn a_record_that_is_delivered_again_after_ninety_days_keeps_its_row() {
    let world = World::with_owner().await;
    let event = world.event(&[world.announce_manifest(&small().signature("garbage"))]);
    world.deliver_event(&event).await;
    world.execute("UPDATE imports SET finished_at = now() - interval '91 days'").await;
    world.deliver_event(&event).await;
    assert_eq!(world.list("SELECT attempts::text FROM imports").await, "2");
    assert_eq!(world.value::<i64>("SELECT count(*) FROM cp_import_record").await, 1);
}
