//! Each file in `events/manifest-exporter/` does what `events/README.md` says of it, handed to the function as Lambda would.

use insta::assert_snapshot;
use longshore_tests::exports::{BUCKET, Exporting, contents};
use longshore_tests::samples::{files, sample};
use longshore_tests::{function, small};
use serde_json::Value;
use std::time::Duration;

const EXPORTER: &str = "manifest-exporter";
const TIMEOUT: Duration = Duration::from_secs(60);

/// What the local stack has for the samples, and what was made for them.
async fn stage() -> Exporting {
    let world = Exporting::start().await;
    world.import(&small()).await;
    let made = serde_json::from_slice(&sample("setup", "create-distributor")).unwrap();
    let uuid = world.setup(made).await["uuid"].as_str().unwrap().to_owned();
    let pool: String = world.value("SELECT id FROM cp_pool").await;
    world.entitle(&uuid, &pool, 2).await;
    world
}

/// What the function answers to a file, as a line.
async fn play(world: &Exporting, name: &str) -> String {
    let credentials = world.s3().credentials();
    let further = [
        ("AWS_ENDPOINT_URL_S3", world.s3().endpoint()),
        ("AWS_ACCESS_KEY_ID", &credentials.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key),
    ];
    let mut process = function::start(EXPORTER, &world.variables(), &further).await;
    let answer = process.invoke(&sample(EXPORTER, name), TIMEOUT).await.unwrap().result.unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    match answer["statusCode"].as_u64() {
        Some(status) => format!("{status} {}", answer["headers"]["content-type"].as_str().unwrap_or_default()),
        None => answer.to_string(),
    }
}

#[tokio::test]
async fn each_event_of_manifest_exporter_does_what_is_said_of_it() {
    let world = stage().await;
    let mut told = Vec::new();
    for name in files(EXPORTER).iter().map(String::as_str).chain(["export"]) {
        told.push(format!("{name}: {}", play(&world, name).await));
    }
    assert_snapshot!(told.join("\n"), @r#"
    data-bundle: {"batchItemFailures":[]}
    export: {"batchItemFailures":[]}
    http-at-once: 200 application/zip
    http-link: 303 
    http-stranger: 403 application/json
    tombstone: {"batchItemFailures":[]}
    unknown-consumer: {"batchItemFailures":[]}
    unknown-network: {"batchItemFailures":[]}
    export: {"batchItemFailures":[]}
    "#);
    assert_snapshot!(world.export_log().await, @"
    exported | tar | 1 entitlements | jdoe | sample-tar
    exported | zip | 1 entitlements | jdoe | sample-export
    exported | zip | 1 entitlements | 5318290 | sample-http
    exported | zip | 1 entitlements | 5318290 | sample-http
    failed | zip | sample-unknown-consumer | Owner | consumer 00000000-0000-4000-8000-000000000000 is unknown, or the caller may not export it; see create-distributor and grant of setup
    failed | zip | sample-unknown-network | Export | the content delivery network nowhere is unknown
    rejected | Message | the record is a tombstone: it has no value
    rejected | Owner | consumer 00000000-0000-4000-8000-000000000000 is unknown, or the caller may not export it; see create-distributor and grant of setup
    rejected | Export | the content delivery network nowhere is unknown
    ");
    let keys = world.s3().list(BUCKET, "").unwrap();
    let count = |ending: &str| keys.iter().filter(|key| key.ends_with(ending)).count();
    assert_eq!((count(".zip"), count(".tar.gz"), count(".sig")), (2, 1, 1), "{keys:?}");
}

#[tokio::test]
async fn what_the_samples_export_can_be_imported() {
    let world = stage().await;
    play(&world, "export").await;
    let key = world.s3().list(BUCKET, "").unwrap().remove(0);
    let archive = world.s3().get(BUCKET, &key).await.unwrap().to_vec();
    assert!(contents(archive.clone()).keys().any(|name| name.starts_with("entitlements/")));
    world.import_downstream(archive, &[]).await;
}
