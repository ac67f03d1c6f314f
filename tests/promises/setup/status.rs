//! `status` tells how things stand, and nothing secret.

use insta::assert_snapshot;
use longshore::clock::Clock;
use longshore_tests::{ArchiveBuilder, World, database, function, object, small};
use serde_json::{Value, json};
use std::time::Duration;
use time::OffsetDateTime;

async fn status(world: &World) -> Value {
    world.setup(json!({"command": "status"})).await
}

#[tokio::test]
async fn a_database_that_is_not_up_to_date_is_told_of() {
    let variables = [("DATABASE_URL".to_owned(), database::empty_database().await)];
    let mut process = function::start("setup", &variables, &[]).await;
    let answer = process.invoke(br#"{"command":"status"}"#, Duration::from_secs(60)).await.unwrap().result.unwrap();
    assert_snapshot!(String::from_utf8(answer).unwrap(), @r#"{"latest_version":5,"problem":"the database is not up to date; migrate brings it there","version":0}"#);
}

#[tokio::test]
async fn a_database_that_is_ahead_as_after_a_roll_back_is_told_of_with_all_else() {
    let world = World::with_owner().await;
    world.execute("INSERT INTO migrations (version, name, applied_on, checksum) VALUES (99, 'later', '', '0')").await;
    let answer = status(&world).await;
    assert_eq!((&answer["version"], &answer["problem"], &answer["owners"]), (&json!(99), &Value::Null, &json!(1)));
    assert!(answer["note"].as_str().unwrap().starts_with("a newer release"), "{answer}");
}

#[tokio::test]
async fn numbers_failures_and_what_waits_are_told() {
    let world = World::with_owner().await;
    world.apply(&ArchiveBuilder::new().collection("job_templates", [object::job_template(10)])).await;
    world.import(&small()).await;
    let uuid = world.distributor("lab").await;
    let pool: String = world.value("SELECT id FROM cp_pool").await;
    world.entitle(&uuid, &pool, 2).await;
    world.import_announced(world.announce_bytes(b"no manifest".to_vec())).await;
    world.execute("UPDATE outbox SET created_at = now() - interval '90 seconds'").await;
    world.execute("ANALYZE").await;
    let mut answer = status(&world).await;
    assert!((90..150).contains(&answer["outbox"]["oldest_seconds"].as_i64().unwrap()), "{answer}");
    answer["outbox"]["oldest_seconds"] = "(about 90)".into();
    for newest in ["/refreshes/newest", "/imports/newest", "/rejected/newest", "/failures/0/at"] {
        let at = answer.pointer_mut(newest).unwrap();
        assert!(at.as_str().is_some_and(|at| at.starts_with("20") && at.ends_with('Z')), "{newest}");
        *at = "(now)".into();
    }
    assert!(answer["authority"]["days_left"].as_i64().unwrap() > 1_000);
    answer["authority"]["days_left"] = "(many)".into();
    assert_snapshot!(serde_json::to_string_pretty(&answer).unwrap(), @r#"
    {
      "authority": {
        "days_left": "(many)",
        "expires": "2049-01-01T00:00:00Z"
      },
      "current_key": "k1",
      "exports": {
        "failed_in_a_day": 0,
        "newest": null
      },
      "failures": [
        {
          "at": "(now)",
          "error": "neither a manifest (a zip) nor a data bundle (gzip): it starts with [6e, 6f, 20, 6d]",
          "kind": "Archive",
          "request_id": "req-1",
          "what": "import"
        }
      ],
      "imports": {
        "failed_in_a_day": 1,
        "newest": "(now)"
      },
      "inventory": {
        "service_credential_types": 0,
        "service_credentials": 0,
        "service_inventories": 0,
        "service_offering_nodes": 0,
        "service_offerings": 1,
        "service_plans": 0,
        "sources": 1,
        "tenants": 1
      },
      "largest_owners": [
        {
          "contents": 1,
          "distributors": 1,
          "entitlements": 1,
          "owner": "5318290",
          "pools": 1,
          "products": 2,
          "subscriptions": 1
        }
      ],
      "latest_version": 5,
      "outbox": {
        "oldest_seconds": "(about 90)",
        "waiting": 19
      },
      "owners": 1,
      "parked": {
        "newest": null,
        "number": 0,
        "reason": null
      },
      "refreshes": {
        "failed_in_a_day": 0,
        "newest": "(now)"
      },
      "rejected": {
        "by_kind": {
          "Archive": 1
        },
        "newest": "(now)"
      },
      "sealed": {
        "cp_certificate": {
          "k1": 1
        },
        "cp_id_cert": {
          "k1": 2
        },
        "cp_key_pair": {
          "k1": 1
        }
      },
      "version": 5
    }
    "#);
}

#[tokio::test]
async fn an_authority_that_ends_and_keys_that_are_gone_are_told_of() {
    let world = World::with_owner().await;
    let late = OffsetDateTime::from_unix_timestamp(2_524_608_000).unwrap(); // 2050
    let setup = world.setup_for(1, Clock::from_fn(move || late)).await;
    std::fs::remove_file(world.files().join("keys.json")).unwrap();
    let answer = setup.handle(r#"{"command":"status"}"#, None).await.unwrap();
    let problem = |name: &str| answer[name]["problem"].as_str().unwrap().to_owned();
    assert_snapshot!(problem("authority"), @"the authority cannot be used; see LONGSHORE_AUTHORITY: its certificate has expired on 2049-01-01");
    assert!(problem("current_key").starts_with("cannot read the keys from file "));
    let world = World::with(&[("LONGSHORE_AUTHORITY", "")]).await;
    assert_eq!(status(&world).await["authority"], Value::Null);
}
