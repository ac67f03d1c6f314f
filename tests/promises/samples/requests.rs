//! Each request in `events/upstream-consumer` is answered as `events/README.md` says.

use insta::assert_snapshot;
use longshore_tests::ORG;
use longshore_tests::api::{Answer, Api, role_arn};
use longshore_tests::samples::{Stage, files, sample};
use serde_json::Value;

const FUNCTION: &str = "upstream-consumer";

/// What an answer holds, in a few words.
fn shown(answer: &Answer) -> String {
    if answer.status >= 400 {
        return answer.error();
    }
    let body = answer.json();
    match &body {
        Value::Array(items) => {
            let word = |item: &Value| {
                let key = item
                    .pointer("/idCert/key")
                    .map_or("", |key| if key.is_null() { " without key" } else { " with key" });
                format!("{}{key}", item["name"].as_str().or(item["status"].as_str()).unwrap())
            };
            format!("{} {}", answer.status, items.iter().map(word).collect::<Vec<_>>().join(", "))
        }
        other if other.get("openapi").is_some() => format!("{} openapi {}", answer.status, other["openapi"]),
        other => format!("{} {other}", answer.status),
    }
}

#[tokio::test]
async fn each_request_is_answered_as_is_said_of_it() {
    let stage = Stage::set().await;
    let world = &stage.world;
    world.owner(ORG).await;
    stage.play("manifest-importer", "manifest").await;
    world.grant(&role_arn("katello"), ORG, "admin").await;
    let order = [
        "openapi",
        "upstream-consumers",
        "upstream-consumer-with-key",
        "imports",
        "odd-key",
        "other-owner",
        "no-caller",
        "unknown-path",
        "wrong-method",
        "wrong-type",
        "undo-imports",
        "undo-imports",
    ];
    let mut told = Vec::new();
    for (name, trust) in [("upstream-consumer", "true"), ("imports where the header is not trusted", "false")] {
        let mut api = Api::process(world, &[("LONGSHORE_TRUST_IDENTITY_HEADER", trust)]).await;
        let played: &[&str] = if trust == "true" { &order } else { &["imports"] };
        told.push(format!("{name}:"));
        for name in played {
            let event = String::from_utf8(sample(FUNCTION, name)).unwrap();
            told.push(format!("  {name}: {}", shown(&api.ask_event(&event).await)));
        }
    }
    assert_snapshot!(told.join("\n"), @r#"
    upstream-consumer:
      openapi: 200 openapi "3.1.0"
      upstream-consumers: 200 example-distributor without key
      upstream-consumer-with-key: 200 example-distributor with key
      imports: 200 SUCCESS
      odd-key: 403 there is no such thing, or the caller may not do this with it
      other-owner: 403 there is no such thing, or the caller may not do this with it
      no-caller: 401 sign the request with IAM credentials, or send a token
      unknown-path: 404 there is no such path
      wrong-method: 405 this path has another method; see the header Allow
      wrong-type: 406 the answer can be had as application/json
      undo-imports: 200 {"pools":4,"products":8,"subscriptions":3}
      undo-imports: 404 owner 5318290 has no import to undo
    imports where the header is not trusted:
      imports: 401 sign the request with IAM credentials, or send a token
    "#);
    assert!(files(FUNCTION).iter().all(|name| order.contains(&name.as_str())), "{:?}", files(FUNCTION));
}
