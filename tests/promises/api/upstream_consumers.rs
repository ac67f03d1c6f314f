//! The list of an owner's upstream consumers says what its manifest said.

use insta::assert_snapshot;
use longshore_tests::api::{Api, Request, role_arn};
use longshore_tests::manifest::{Era, Manifest};
use longshore_tests::{ORG, World, small};
use serde_json::Value;

fn path() -> String {
    format!("/candlepin/owners/{ORG}/upstream_consumers")
}

/// Replaces what is different each time: ids, dates of ours, PEM.
fn readable(mut value: Value) -> String {
    fn walk(value: &mut Value, key: &str) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| walk(item, key)),
            Value::Object(map) => map.iter_mut().for_each(|(key, value)| walk(value, key)),
            Value::String(text) if text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()) => {
                *value = "(id)".into()
            }
            Value::String(text) if matches!(key, "created" | "updated") => {
                assert!(text.ends_with("+0000") && text.len() == 24, "{text}");
                *value = "(date)".into();
            }
            Value::String(text) if text.starts_with("-----BEGIN") => {
                *value =
                    format!("({} in PEM)", text.lines().next().unwrap().trim_matches('-').trim_start_matches("BEGIN "))
                        .into();
            }
            Value::Number(number) if key == "id" => {
                assert!(number.as_i64().is_some_and(|number| number > 0));
                *value = "(number)".into();
            }
            _ => {}
        }
    }
    walk(&mut value, "");
    serde_json::to_string_pretty(&value).unwrap()
}

#[tokio::test]
async fn a_fresh_import_shows_what_the_manifest_said_and_the_key_only_with_the_right() {
    let world = World::with_owner().await;
    let mut api = Api::process(&world, &[]).await;
    let own = || Request::get(&path()).org(ORG);
    assert_eq!(api.ask(&own()).await.body, b"[]");
    world.import(&small().content_access_mode("entitlement")).await;
    let answer = api.ask(&own()).await;
    assert_eq!(answer.header("cache-control"), "private, no-cache");
    assert_snapshot!(readable(answer.json()), @r#"
    [
      {
        "apiUrl": "https://upstream.example/candlepin/consumers/",
        "contentAccessMode": "entitlement",
        "created": "(date)",
        "id": "(id)",
        "idCert": {
          "cert": "(CERTIFICATE in PEM)",
          "created": "(date)",
          "id": "(id)",
          "key": null,
          "serial": {
            "created": "(date)",
            "expiration": "2049-01-01T00:00:00+0000",
            "id": "(number)",
            "revoked": false,
            "serial": 4222494339595690431,
            "updated": "(date)"
          },
          "updated": "(date)"
        },
        "name": "lab-distributor",
        "ownerId": "5318290",
        "type": {
          "id": "1003",
          "label": "candlepin",
          "manifest": true
        },
        "updated": "(date)",
        "uuid": "0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10",
        "webUrl": "upstream.example/subs/"
      }
    ]
    "#);

    world.grant(&role_arn("katello"), ORG, "read-keys").await;
    let answer = api.ask(&Request::get(&path()).role("katello")).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let cert = &answer.json()[0]["idCert"];
    assert_snapshot!(readable(cert["key"].clone()), @r#""(PRIVATE KEY in PEM)""#);
    assert_eq!(cert["cert"], api.ask(&own()).await.json()[0]["idCert"]["cert"]);
    assert!(!api.logs().join("\n").contains("BEGIN"), "no key in the logs");
}

#[tokio::test]
async fn the_singular_answers_the_same_list() {
    let world = World::with_owner().await;
    world.import(&Manifest::sample(Era::D)).await;
    let mut api = Api::here(&world, &[]).await;
    let plural = api.ask(&Request::get(&path()).org(ORG)).await;
    let singular = api.ask(&Request::get(path().trim_end_matches('s')).org(ORG)).await;
    assert_eq!((singular.status, singular.body), (200, plural.body));
}

#[tokio::test]
async fn a_manifest_of_each_era_shows_a_consumer() {
    for era in Era::ALL {
        let world = World::with_owner().await;
        world.import(&Manifest::sample(era)).await;
        let mut api = Api::here(&world, &[]).await;
        let listed = api.ask(&Request::get(&path()).org(ORG)).await.json();
        let uuid: String = world.value("SELECT uuid FROM cp_upstream_consumer").await;
        assert_eq!((listed.as_array().unwrap().len(), &listed[0]["uuid"]), (1, &Value::from(uuid)), "{era:?}");
    }
}

#[tokio::test]
async fn a_key_that_does_not_open_is_a_failure_here_and_only_for_who_may_read_it() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    world.execute("UPDATE cp_id_cert SET privatekey = '\\x01' || substr(privatekey, 2, 30)").await;
    world.grant(&role_arn("katello"), ORG, "admin").await;
    let mut api = Api::here(&world, &[]).await;
    assert_snapshot!(api.ask(&Request::get(&path()).role("katello")).await.error(), @"500 something failed here; the logs tell more");
    assert_eq!(api.ask(&Request::get(&path()).org(ORG)).await.status, 200);
}
