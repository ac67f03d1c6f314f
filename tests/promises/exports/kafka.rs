//! Records that ask for a manifest: what is left of them, who may, and what comes again.

use insta::assert_snapshot;
use longshore_tests::exports::{BUCKET, Exporting, contents, export_record};
use longshore_tests::{ORG, small};
use serde_json::{Value, json};

/// No record is to come again.
const DONE: [i64; 0] = [];

async fn world() -> (Exporting, String) {
    let world = Exporting::start().await;
    world.import(&small()).await;
    let uuid = world.distributor_with(ORG, "first", 3).await;
    world.forget_events().await;
    (world, uuid)
}

fn with(mut record: Value, key: &str, value: impl Into<Value>) -> Value {
    record[key] = value.into();
    record
}

#[tokio::test]
async fn a_record_leaves_an_archive_a_row_and_an_event() {
    let (world, uuid) = world().await;
    assert_eq!(world.ask(&[export_record(&uuid)]).await, DONE);
    assert_snapshot!(world.export_log().await, @"exported | zip | 1 entitlements | admin | req-1");
    let location: String = world.value("SELECT location FROM exports").await;
    let key = location.strip_prefix("s3://exports/").unwrap();
    assert!(key.starts_with(&format!("manifests/{uuid}/20261005T102030Z-")), "{key}");
    assert_eq!(world.s3().list(BUCKET, "").unwrap(), [key]);
    let archive = world.s3().get(BUCKET, key).await.unwrap().to_vec();
    let row = "SELECT x.archive_bytes, x.archive_sha256, o.account FROM exports x JOIN cp_owner o ON o.id = x.owner_id";
    let row = world.client().query_one(row, &[]).await.unwrap();
    let sha256 = longshore_tests::exports::sha256(&archive);
    assert_eq!((row.get(0), row.get(1), row.get(2)), (archive.len() as i64, sha256.as_str(), ORG));
    let event = "SELECT json_build_array(key, type, target, target_name, entity_id, principal_data, request_id, event_data)::text
                 FROM outbox WHERE family = 'event'";
    let event: Value = serde_json::from_str(&world.value::<String>(event).await).unwrap();
    let data = json!({"location": location, "entitlements": 1, "format": "zip", "sha256": sha256});
    let principal = json!({"type": "user", "name": "admin"});
    assert_eq!(event, json!([format!("owner/{ORG}"), "CREATED", "EXPORT", "first", uuid, principal, "req-1", data]));
}

#[tokio::test]
async fn a_record_that_comes_again_exports_nothing_again() {
    let (world, uuid) = world().await;
    for _ in 0..2 {
        assert_eq!(world.ask_again(7, &[export_record(&uuid)]).await, DONE);
    }
    assert_snapshot!(world.export_log().await, @"exported | zip | 1 entitlements | admin | req-1");
    assert_eq!(world.events().await, "EXPORT CREATED first");
    assert_eq!(world.s3().list(BUCKET, "").unwrap().len(), 1);
}

#[tokio::test]
async fn rows_of_exports_are_kept_for_ninety_days() {
    let (world, uuid) = world().await;
    // Today is the fifth of October.
    let rows = "INSERT INTO exports (consumer_uuid, topic, kafka_partition, kafka_offset, record_time, started_at, finished_at,
                                     outcome, format)
                SELECT 'somebody', t, 0, 1, d, d, d, 'failed', 'zip'
                FROM unnest(ARRAY['2026-07-06'::timestamp, '2026-07-08']) d, unnest(ARRAY['topic', NULL]) t";
    world.execute(rows).await;
    assert_eq!(world.ask(&[export_record(&uuid)]).await, DONE);
    let left = "SELECT to_char(finished_at, 'MM-DD') FROM exports ORDER BY finished_at";
    assert_eq!(world.list(left).await, "07-08\n07-08\n10-05");
}

#[tokio::test]
async fn a_tar_has_its_signature_beside_it() {
    let (world, uuid) = world().await;
    assert_eq!(world.ask(&[with(export_record(&uuid), "format", "tar")]).await, DONE);
    let mut keys = world.s3().list(BUCKET, "").unwrap();
    keys.sort();
    assert!(keys[0].ends_with(".tar.gz") && keys[1] == format!("{}.sig", keys[0]), "{keys:?}");
    let archive = world.s3().get(BUCKET, &keys[0]).await.unwrap().to_vec();
    assert!(contents(archive).contains_key("meta.json"));
    assert_eq!(world.s3().get(BUCKET, &keys[1]).await.unwrap().len(), 256);
}

/// A manifest carries private keys.
#[tokio::test]
async fn only_who_was_granted_exports_gets_one() {
    let (world, uuid) = world().await;
    let of = |org: &str| with(export_record(&uuid), "org_id", org);
    // Another organisation; one that may only import; the owner's own, without a grant.
    world.execute("INSERT INTO grants SELECT 'importer', id, 'import', now() FROM cp_owner").await;
    assert_eq!(world.ask(&[of("stranger"), of("importer")]).await, DONE);
    world.execute("DELETE FROM grants WHERE permission = 'export'").await;
    assert_eq!(world.ask(&[of(ORG), export_record("no-such-consumer")]).await, DONE);
    assert_eq!(world.s3().list(BUCKET, "").unwrap(), Vec::<String>::new());
    let log = world.export_log().await.replace(&uuid, "{uuid}");
    assert_snapshot!(log, @"
    failed | zip | admin | req-1 | Owner | consumer {uuid} is unknown, or the caller may not export it; see create-distributor and grant of setup
    failed | zip | admin | req-1 | Owner | consumer {uuid} is unknown, or the caller may not export it; see create-distributor and grant of setup
    failed | zip | admin | req-1 | Owner | consumer {uuid} is unknown, or the caller may not export it; see create-distributor and grant of setup
    failed | zip | admin | req-1 | Owner | consumer no-such-consumer is unknown, or the caller may not export it; see create-distributor and grant of setup
    rejected | Owner | consumer {uuid} is unknown, or the caller may not export it; see create-distributor and grant of setup
    rejected | Owner | consumer {uuid} is unknown, or the caller may not export it; see create-distributor and grant of setup
    rejected | Owner | consumer {uuid} is unknown, or the caller may not export it; see create-distributor and grant of setup
    rejected | Owner | consumer no-such-consumer is unknown, or the caller may not export it; see create-distributor and grant of setup
    ");
    world.execute("INSERT INTO grants SELECT 'an-admin', id, 'admin', now() FROM cp_owner").await;
    assert_eq!(world.ask(&[of("an-admin")]).await, DONE);
    assert_eq!(world.s3().list(BUCKET, "").unwrap().len(), 1);
}

#[tokio::test]
async fn what_can_never_be_exported_is_rejected() {
    let (world, uuid) = world().await;
    let other = world.distributor("other").await;
    let plain = format!(
        "UPDATE cp_consumer SET type_id = (SELECT id FROM cp_consumer_type WHERE label = 'system') WHERE uuid = '{other}'"
    );
    world.execute(&plain).await;
    let records = [
        with(export_record(&uuid), "cdn_label", "nowhere"),
        export_record(&other),
        with(export_record(&uuid), "format", "rar"),
        with(export_record(&uuid), "api_url", "x".repeat(256)),
        json!({"org_id": ORG}),
        json!({"consumer": uuid}),
    ];
    assert_eq!(world.ask(&records).await, DONE);
    // Sorted: records of several consumers are handled side by side.
    let log = world.export_log().await.replace(&other, "{other}");
    let mut lines: Vec<&str> = log.lines().collect();
    lines.sort_unstable();
    assert_snapshot!(lines.join("\n"), @"
    failed | zip | admin | req-1 | Export | consumer {other} is of the type system, which is no type of consumers that get manifests
    failed | zip | admin | req-1 | Export | the content delivery network nowhere is unknown
    rejected | Export | api_url is over 255 characters, or has U+0000
    rejected | Export | consumer {other} is of the type system, which is no type of consumers that get manifests
    rejected | Export | format is zip or tar
    rejected | Export | the content delivery network nowhere is unknown
    rejected | Message | consumer is missing
    rejected | Message | the identity is missing, and so are org_id and account
    ");
}

#[tokio::test]
async fn a_label_that_is_known_is_in_the_manifest_with_both_bases() {
    let (world, uuid) = world().await;
    world.import(&longshore_tests::later(&small().cdn("main", "Main", "https://cdn.example"), 1)).await;
    let record = with(export_record(&uuid), "cdn_label", "main");
    let record = with(with(record, "webapp_prefix", "web.example/c"), "api_url", "https://api.example/consumers/");
    assert_eq!(world.ask(&[record]).await, DONE);
    let key = world.s3().list(BUCKET, "").unwrap().remove(0);
    let files = contents(world.s3().get(BUCKET, &key).await.unwrap().to_vec());
    let consumer = longshore_tests::exports::json_file(&files, "consumer.json");
    assert_eq!(consumer["urlWeb"], "web.example/c/");
    assert_eq!(consumer["urlApi"], "https://api.example/consumers/");
    assert_eq!(longshore_tests::exports::json_file(&files, "meta.json")["cdnLabel"], "main");
}

#[tokio::test]
async fn what_an_operator_can_mend_comes_again() {
    for (setting, value, kind) in [
        ("LONGSHORE_AUTHORITY", "", "Authority"),
        ("LONGSHORE_KEYS", "", "Keys"),
        ("LONGSHORE_EXPORT_TARGET", "", "Storage"),
    ] {
        let (world, uuid) = world().await;
        let broken = world.also_with(&[(setting, value)]).await;
        assert_eq!(broken.ask_again(5, &[export_record(&uuid)]).await, [5], "{setting}={value}");
        let error: String = world.value("SELECT error_kind FROM exports WHERE outcome = 'failed'").await;
        assert_eq!(error, kind);
        assert_eq!(world.ask_again(5, &[export_record(&uuid)]).await, DONE);
        assert_eq!(world.export_log().await, "exported | zip | 1 entitlements | admin | req-1 | 2 attempts");
    }
}
