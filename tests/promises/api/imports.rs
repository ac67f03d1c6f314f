//! An owner's history over HTTP, and undoing its imports.

use insta::assert_snapshot;
use longshore_tests::api::{Api, Request, role_arn};
use longshore_tests::{ORG, World, later, small};
use serde_json::{Value, json};

fn path() -> String {
    format!("/candlepin/owners/{ORG}/imports")
}

fn line(record: &Value) -> String {
    let upstream = &record["upstreamConsumer"];
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    [
        text(&record["status"]),
        text(&record["statusMessage"]),
        text(&record["fileName"]),
        text(&record["generatedBy"]),
        text(&upstream["name"]),
        text(&upstream["type"]["label"]),
        text(&upstream["apiUrl"]),
    ]
    .join(" | ")
}

#[tokio::test]
async fn the_history_is_told_newest_first() {
    let world = World::with_owner().await;
    let mut api = Api::process(&world, &[]).await;
    let request = Request::get(&path()).org(ORG);
    assert_eq!(api.ask(&request).await.body, b"[]");
    world.import(&small()).await;
    world.import(&later(&small(), -5)).await;
    world.undo().await.unwrap();
    let listed = api.ask(&request).await.json();
    let lines: Vec<String> = listed.as_array().unwrap().iter().map(line).collect();
    assert_snapshot!(lines.join("\n"), @"
    DELETE | 5318290: imports undone by admin | - | admin | lab-distributor | candlepin | https://upstream.example/candlepin/consumers/
    FAILURE | MANIFEST_OLD: it was made at 2026-03-05 10:15:30.400 UTC, the one imported last at 2026-03-05 10:20:30.400 UTC; to force it, name MANIFEST_OLD in metadata.force | manifest.zip | exporter | lab-distributor | candlepin | https://upstream.example/candlepin/consumers/
    SUCCESS | 5318290: manifest imported | manifest.zip | exporter | lab-distributor | candlepin | https://upstream.example/candlepin/consumers/
    ");
    let keys: Vec<&String> = listed[0].as_object().unwrap().keys().collect();
    assert_snapshot!(json!(keys), @r#"["created","fileName","generatedBy","generatedDate","id","status","statusMessage","updated","upstreamConsumer"]"#);
    assert!(listed.to_string().find("idCert").is_none(), "{listed}");
}

#[tokio::test]
async fn an_undo_says_what_was_undone_and_who_did_it() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    world.grant(&role_arn("ops"), ORG, "undo").await;
    let mut api = Api::process(&world, &[]).await;
    let request = Request::delete(&path()).role("ops").header("x-rh-insights-request-id", "undo-7");
    let answer = api.ask(&request).await;
    assert_eq!(answer.status, 200);
    assert_snapshot!(answer.json(), @r#"{"pools":1,"products":2,"subscriptions":1}"#);
    assert_snapshot!(world.last_entry().await, @"2 | 5318290: imports undone by arn:aws:iam::123456789012:role/ops");
    let told = "SELECT DISTINCT principal_data ->> 'name' || ' ' || request_id FROM outbox WHERE target = 'IMPORT' AND type = 'DELETED'";
    assert_snapshot!(world.list(told).await, @"arn:aws:iam::123456789012:role/ops undo-7");
    assert_eq!(world.orphans().await, "");
    assert_snapshot!(api.ask(&request).await.error(), @"404 owner 5318290 has no import to undo");
    assert_eq!(api.ask(&Request::get(&path().replace("imports", "upstream_consumer")).org(ORG)).await.body, b"[]");
    world.import(&small()).await;
    assert_snapshot!(world.last_entry().await, @"0 | 5318290: manifest imported");
}

#[tokio::test]
async fn an_undo_that_waits_too_long_changes_nothing() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    world.grant(&role_arn("ops"), ORG, "undo").await;
    let before = world.complete_candlepin_rows().await;
    let import = world.take_turn().await;
    let mut api = Api::here(&world, &[("LONGSHORE_DEADLINE_MARGIN_MS", "1000")]).await;
    let within = Some(std::time::Duration::from_millis(1_200));
    let answer = api.ask_within(&Request::delete(&path()).role("ops"), within).await;
    assert_snapshot!(answer.error(), @"503 it took too long; look whether it was done, or try again");
    import.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(world.complete_candlepin_rows().await, before);
}
