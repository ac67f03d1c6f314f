//! Exports over HTTP: who may, where the archive is, and what a client is told.

use hyper::Method;
use insta::assert_snapshot;
use longshore_devkit::http_client;
use longshore_tests::exports::{BUCKET, Exporting, contents, json_file, token_of};
use longshore_tests::{ORG, small};
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::123456789012:role/katello";

async fn world() -> (Exporting, String) {
    let world = Exporting::start().await;
    world.import(&small().cdn("main", "Main", "https://cdn.example")).await;
    let uuid = world.distributor_with(ORG, "first", 3).await;
    world.forget_events().await;
    (world, uuid)
}

/// What is behind a link, which must be all that a client needs.
async fn download(link: &str) -> Vec<u8> {
    let found = http_client::send(Method::GET, link, &[], Default::default()).await.unwrap();
    assert_eq!(found.status, 200);
    found.body.to_vec()
}

/// The URL of a `Link` header with `rel="signature"`.
fn signature_link(header: &str) -> &str {
    header.strip_prefix('<').and_then(|rest| rest.strip_suffix(">; rel=\"signature\"")).unwrap()
}

#[tokio::test]
async fn a_client_is_led_to_the_archive() {
    let (world, uuid) = world().await;
    let query = "cdn_label=main&webapp_prefix=web.example/c&api_url=https%3A%2F%2Fapi.example%2Fc%2F";
    let answer = world.get(&uuid, query, "*/*", &token_of(ORG)).await;
    assert_eq!((answer.status_code, answer.header("cache-control"), answer.header("link")), (303, "no-store", ""));
    let files = contents(download(answer.header("location")).await);
    assert_eq!(json_file(&files, "meta.json")["cdnLabel"], "main");
    assert_eq!(json_file(&files, "meta.json")["principalName"], ORG);
    assert_eq!(json_file(&files, "consumer.json")["urlApi"], "https://api.example/c/");
    assert_snapshot!(world.export_log().await, @"exported | zip | 1 entitlements | 5318290 | req-h");
    assert_eq!(world.events().await, "EXPORT CREATED first");
}

#[tokio::test]
async fn a_tar_comes_with_a_link_to_its_signature() {
    let (world, uuid) = world().await;
    for accept in ["*/*", "application/gzip"] {
        let answer = world.get(&uuid, "format=tar", accept, &token_of(ORG)).await;
        let archive = if accept == "*/*" { download(answer.header("location")).await } else { answer.body() };
        let signature = download(signature_link(answer.header("link"))).await;
        world.pass(60_000);
        world.import_downstream(archive, &signature).await;
    }
    assert_eq!(world.s3().list(BUCKET, "").unwrap().len(), 3);
}

#[tokio::test]
async fn a_small_archive_is_answered_to_who_names_its_type() {
    let (world, uuid) = world().await;
    let answer = world.get(&uuid, "", "application/zip, */*;q=0.1", &token_of(ORG)).await;
    assert_eq!((answer.status_code, answer.header("content-type")), (200, "application/zip"));
    assert_eq!(answer.header("content-disposition"), format!("attachment; filename=\"{uuid}-export.zip\""));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(contents(answer.body()).contains_key("consumer.json"));
    assert_eq!(world.s3().list(BUCKET, "").unwrap(), Vec::<String>::new());
    // The type of the other container leads to a link as any other does.
    assert_eq!(world.get(&uuid, "", "application/gzip", &token_of(ORG)).await.status_code, 303);
}

#[tokio::test]
async fn it_takes_the_right_to_export_even_of_ones_own_owner() {
    let (world, uuid) = world().await;
    world.execute("DELETE FROM grants").await;
    let role = json!({"iam": {"userArn": "arn:aws:sts::123456789012:assumed-role/katello/session"}});
    let mut told = Vec::new();
    for (who, authorizer) in [("own", token_of(ORG)), ("other", token_of("other")), ("role", role.clone())] {
        told.push((who, world.get(&uuid, "", "*/*", &authorizer).await));
    }
    told.push(("own, unknown", world.get("no-such-consumer", "", "*/*", &token_of(ORG)).await));
    assert!(
        told.iter().all(|(_, answer)| answer.status_code == 403 && answer.message() == told[0].1.message()),
        "{told:?}"
    );
    assert_eq!(world.get(&uuid, "", "*/*", &Value::Null).await.status_code, 401);
    for (org, permission, authorizer, status) in [
        (ORG, "read-keys", token_of(ORG), 403),
        (ORG, "export", token_of(ORG), 303),
        ("other", "admin", token_of("other"), 303),
        (ROLE, "export", role, 303),
    ] {
        let command = json!({"command": "grant", "org": org, "owner": ORG, "permission": permission});
        world.setup(command).await;
        assert_eq!(world.get(&uuid, "", "*/*", &authorizer).await.status_code, status, "{org} {permission}");
    }
}

#[tokio::test]
async fn what_cannot_be_exported_is_told() {
    let (world, uuid) = world().await;
    let plain = "UPDATE cp_consumer SET type_id = (SELECT id FROM cp_consumer_type WHERE label = 'system') WHERE name = 'other'";
    let other = world.distributor("other").await;
    world.execute(plain).await;
    let long = format!("api_url={}", "x".repeat(256));
    let mut told = Vec::new();
    for (consumer, query) in [
        (&uuid, "cdn_label=nowhere"),
        (&other, ""),
        (&uuid, "format=rar"),
        (&uuid, long.as_str()),
        (&uuid, "format=zip&format=tar"),
        (&uuid, "cdn_label=%00"),
    ] {
        let answer = world.get(consumer, query, "*/*", &token_of(ORG)).await;
        told.push(format!("{} {}", answer.status_code, answer.message().replace(consumer.as_str(), "{uuid}")));
    }
    assert_snapshot!(told.join("\n"), @"
    403 the content delivery network nowhere is unknown
    403 consumer {uuid} is of the type system, which is no type of consumers that get manifests
    400 format is zip or tar
    400 api_url is over 255 characters, or has U+0000
    400 bad request
    400 cdn_label is over 255 characters, or has U+0000
    ");
    assert_eq!(world.s3().list(BUCKET, "").unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn what_fails_here_is_not_told_and_may_be_tried_again() {
    let (world, uuid) = world().await;
    let broken = world.also_with(&[("LONGSHORE_AUTHORITY", "")]).await;
    let answer = broken.get(&uuid, "", "*/*", &token_of(ORG)).await;
    assert_eq!((answer.status_code, answer.header("retry-after")), (503, "5"));
    assert!(!answer.message().contains("LONGSHORE"), "{}", answer.message());
}
