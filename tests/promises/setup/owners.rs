//! Owners, and who may import for them, by the commands of `setup`.

use futures_util::future::join_all;
use insta::assert_snapshot;
use longshore_tests::OwnerStage;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

/// An id of ours is another each time.
fn without_ids(answer: &str) -> String {
    let mut answer: Value = serde_json::from_str(answer).unwrap();
    for owner in answer["owners"].as_array_mut().unwrap() {
        assert_eq!(owner.as_object_mut().unwrap().remove("id").unwrap().as_str().unwrap().len(), 32);
    }
    let lines = answer["owners"].as_array().unwrap().iter().map(Value::to_string);
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn an_owner_is_created_once_and_renamed_only_when_told() {
    let stage = OwnerStage::set().await;
    let create = |name: Value| json!({"command": "create-owner", "owner": "acme", "display_name": name});
    let id = stage.owner("acme").await;
    assert!(id.len() == 32 && id.chars().all(|digit| matches!(digit, '0'..='9' | 'a'..='f')), "{id}");
    let told = |name: &str| json!({"owner": "acme", "id": id, "display_name": name}).to_string();
    let times = "SELECT concat_ws(' | ', created, updated) FROM cp_owner";
    let mut rows = Vec::new();
    for (name, called) in
        [(json!(null), "acme"), (json!("Acme"), "Acme"), (json!("Acme"), "Acme"), (json!(null), "Acme")]
    {
        stage.seconds.fetch_add(60, Ordering::Relaxed);
        assert_eq!(stage.run(create(name)).await, told(called));
        rows.push(stage.client.query_one(times, &[]).await.unwrap().get::<_, String>(0));
    }
    assert_snapshot!(rows.join("\n"), @r"
    2026-01-01 00:00:00 | 2026-01-01 00:00:00
    2026-01-01 00:00:00 | 2026-01-01 00:02:00
    2026-01-01 00:00:00 | 2026-01-01 00:02:00
    2026-01-01 00:00:00 | 2026-01-01 00:02:00
    ");
}

#[tokio::test]
async fn what_no_key_can_be_is_refused_before_the_database() {
    let stage = OwnerStage::set().await;
    let mut told = Vec::new();
    for command in [
        json!({"command": "create-owner", "owner": " acme"}),
        json!({"command": "create-owner", "owner": "acme\u{0}"}),
        json!({"command": "create-owner", "owner": "acme", "display_name": ""}),
        json!({"command": "create-owner", "owner": "x".repeat(256)}),
        json!({"command": "register-upstream-consumer", "uuid": "\u{0}x", "owner": "acme"}),
        json!({"command": "unregister-upstream-consumer", "uuid": ""}),
        json!({"command": "grant", "org": "1\u{0}", "owner": "acme"}),
        json!({"command": "revoke", "org": "1", "owner": "a\u{7}b"}),
    ] {
        told.push(stage.run(command).await);
    }
    assert_snapshot!(told.join("\n"), @r"
    Command: owner begins or ends with a blank; leave that out
    Command: owner has a control character in it
    Command: display_name is empty
    Command: owner is longer than 255 characters
    Command: uuid has a control character in it
    Command: uuid is empty
    Command: org has a control character in it
    Command: owner has a control character in it
    ");
    assert_eq!(stage.run(json!({"command": "list-owners"})).await, r#"{"owners":[]}"#);
    let longest = "ü".repeat(255);
    assert_eq!(stage.owner(&longest).await, stage.owner(&longest).await);
}

#[tokio::test]
async fn owners_are_listed_by_key_with_what_is_linked_and_imported() {
    let stage = OwnerStage::set().await;
    stage.owners(["beta", "acme", "Zeta", "émile"]).await;
    stage.link("u-1", "beta").await;
    stage.register("u-3", "acme").await;
    stage.register("u-2", "acme").await;
    // The newest is the one that was written last, whatever its time says.
    stage.imported("beta", 1, "2026-03-01").await;
    stage.imported("beta", 3, "2026-02-01 10:30:00.5").await;
    stage.imported("acme", 2, "2026-01-01").await;
    assert_snapshot!(without_ids(&stage.run(json!({"command": "list-owners"})).await), @r#"
    {"display_name":"Zeta","newest_import":null,"owner":"Zeta","registered":[],"upstream":null}
    {"display_name":"acme","newest_import":{"created":"2026-01-01T00:00:00Z","status":"DELETE"},"owner":"acme","registered":["u-2","u-3"],"upstream":null}
    {"display_name":"beta","newest_import":{"created":"2026-02-01T10:30:00Z","status":"SUCCESS_WITH_WARNING"},"owner":"beta","registered":[],"upstream":{"name":"Name of u-1","uuid":"u-1"}}
    {"display_name":"émile","newest_import":null,"owner":"émile","registered":[],"upstream":null}
    "#);
}

#[tokio::test]
async fn a_consumer_is_registered_for_one_owner_until_it_is_freed() {
    let stage = OwnerStage::set().await;
    stage.owners(["acme", "beta"]).await;
    let unregister = json!({"command": "unregister-upstream-consumer", "uuid": "u-1"});
    let mut told = Vec::new();
    told.push(stage.register("u-1", "acme").await);
    told.push(stage.register("u-1", "acme").await);
    told.push(stage.register("u-1", "beta").await);
    told.push(stage.run(unregister.clone()).await);
    told.push(stage.run(unregister).await);
    told.push(stage.register("u-1", "beta").await);
    told.push(stage.register("u-1", "nobody").await);
    assert_snapshot!(told.join("\n"), @r#"
    {"owner":"acme","uuid":"u-1"}
    {"owner":"acme","uuid":"u-1"}
    Command: consumer u-1 is registered for owner acme; unregister-upstream-consumer frees it
    {"removed":true,"uuid":"u-1"}
    {"removed":false,"uuid":"u-1"}
    {"owner":"beta","uuid":"u-1"}
    Command: no owner nobody; create-owner makes one
    "#);
}

#[tokio::test]
async fn a_consumer_that_an_import_linked_is_registered_for_nobody_else() {
    let stage = OwnerStage::set().await;
    stage.owners(["acme", "beta"]).await;
    stage.link("u-1", "beta").await;
    assert_snapshot!(stage.register("u-1", "acme").await, @"Command: consumer u-1 is linked to owner beta by an import, so it cannot be that of acme");
    assert_snapshot!(stage.register("u-1", "beta").await, @r#"{"owner":"beta","uuid":"u-1"}"#);
}

#[tokio::test]
async fn of_two_that_register_a_consumer_at_once_one_is_told_of_the_other() {
    let stage = OwnerStage::set().await;
    let owners = ["a", "b", "c", "d"];
    stage.owners(owners).await;
    for round in 0..10 {
        let uuid = format!("u-{round}");
        let answers = join_all(owners.map(|owner| stage.register(&uuid, owner))).await;
        let refused = answers.iter().filter(|answer| answer.contains("is registered for owner")).count();
        assert_eq!((refused, answers.len()), (3, 4), "{answers:?}");
    }
}

#[tokio::test]
async fn grants_are_given_once_listed_and_taken_back() {
    let stage = OwnerStage::set().await;
    stage.owners(["acme", "beta"]).await;
    let revoke = |owner: &str| json!({"command": "revoke", "org": "7", "owner": owner, "permission": "import"});
    let mut told = Vec::new();
    told.push(stage.grant("7", "beta").await);
    stage.seconds.fetch_add(60, Ordering::Relaxed);
    told.push(stage.grant("7", "beta").await);
    told.push(stage.grant("7", "acme").await);
    told.push(stage.grant("7", "nobody").await);
    told.push(stage.run(json!({"command": "list-grants"})).await);
    told.push(stage.run(revoke("beta")).await);
    told.push(stage.run(revoke("beta")).await);
    told.push(stage.run(revoke("nobody")).await);
    told.push(stage.run(json!({"command": "list-grants"})).await);
    assert_snapshot!(told.join("\n"), @r#"
    {"org":"7","owner":"beta","permission":"import"}
    {"org":"7","owner":"beta","permission":"import"}
    {"org":"7","owner":"acme","permission":"import"}
    Command: no owner nobody; create-owner makes one
    {"grants":[{"created":"2026-01-01T00:01:00Z","org":"7","owner":"acme","permission":"import"},{"created":"2026-01-01T00:00:00Z","org":"7","owner":"beta","permission":"import"}]}
    {"org":"7","owner":"beta","permission":"import","removed":true}
    {"org":"7","owner":"beta","permission":"import","removed":false}
    Command: no owner nobody; create-owner makes one
    {"grants":[{"created":"2026-01-01T00:01:00Z","org":"7","owner":"acme","permission":"import"}]}
    "#);
}
