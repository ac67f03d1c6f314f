//! Where the platform wants it, each upload is answered: all that its message said, and whether it was sound.

use super::documents::{problems, schema};
use longshore_tests::exports::{Exporting, export_record};
use longshore_tests::{Announcement, ArchiveBuilder, IDENTITY, ORG, World, object, small};
use serde_json::{Value, json};

const ON: (&str, &str) = ("LONGSHORE_VALIDATION", "true");

fn archive() -> ArchiveBuilder {
    ArchiveBuilder::new().collection("inventories", [object::inventory(1)])
}

#[tokio::test]
async fn each_upload_is_answered_once_at_its_end() {
    let world = World::with(&[ON, ("LONGSHORE_PAYLOAD_STATUS", "false")]).await;
    let url = world.serve(archive().build());
    let sound =
        Announcement::of(&format!("{url}#part")).set("b64_identity", IDENTITY).set("more", json!({"a": [1.5, null]}));
    let broken = Announcement::of(&world.serve(b"no archive".to_vec())).set("request_id", "req-2");
    let unread = Announcement::of(&url).set("request_id", "req-3").set("metadata", 1);
    assert!(world.deliver(&[sound, broken, unread]).await.is_empty());
    let answers = world.messages("validation").await;
    for answer in &answers {
        assert_eq!(problems(&schema("validation.json"), answer), [""; 0]);
    }
    let of = |request: &str| answers.iter().find(|answer| answer["request_id"] == request).unwrap();
    let expected = json!({
        "url": url, "service": "catalog", "request_id": "req-1", "category": "catalog", "org_id": ORG, "account": "",
        "metadata": {"reporter": "tower-1", "stale_timestamp": ""}, "timestamp": "2026-01-01T00:00:00Z",
        "more": {"a": [1.5, null]}, "validation": "success",
    });
    assert_eq!((answers.len(), of("req-1")), (3, &expected));
    for (request, kind) in [("req-2", "Archive: "), ("req-3", "Message: metadata is not an object")] {
        assert_eq!(of(request)["validation"], "failure");
        assert!(of(request)["reason"].as_str().unwrap().starts_with(kind), "{}", of(request));
    }
    assert_eq!(world.statuses().await, "");
    let keys = "SELECT DISTINCT key FROM outbox WHERE family = 'validation' ORDER BY key";
    assert_eq!(world.list(keys).await, "request/req-1\nrequest/req-2\nrequest/req-3");
}

#[tokio::test]
async fn whose_an_upload_was_is_answered_where_only_the_identity_said_it() {
    let world = World::with(&[ON]).await;
    let announced = world.announce(&archive()).set("b64_identity", IDENTITY).without("org_id").without("account");
    assert!(world.deliver(&[announced]).await.is_empty());
    let [answer] = &world.messages("validation").await[..] else { panic!("one answer") };
    assert_eq!((&answer["org_id"], &answer["account"]), (&json!(ORG), &json!("540155")));
    assert_eq!(answer.get("b64_identity"), None);
}

#[tokio::test]
async fn a_failure_that_may_pass_is_not_answered_yet() {
    let world = World::with(&[ON]).await;
    world.owner(ORG).await;
    world.execute("ALTER TABLE cp_products RENAME TO away").await;
    let event = world.event(&[world.announce_manifest(&small())]);
    assert_eq!(world.deliver_event(&event).await.len(), 1);
    assert_eq!(world.messages("validation").await, [] as [Value; 0]);
    world.execute("ALTER TABLE away RENAME TO cp_products").await;
    assert!(world.deliver_event(&event).await.is_empty());
    let answers = world.messages("validation").await;
    assert_eq!((answers.len(), &answers[0]["validation"]), (1, &json!("success")));
}

#[tokio::test]
async fn nothing_is_answered_unless_the_platform_wants_it_and_never_what_was_no_upload() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    assert_eq!(world.messages("validation").await, [] as [Value; 0]);

    let world = Exporting::with(&[ON]).await;
    assert!(world.ask(&[export_record("nobody")]).await.is_empty());
    assert_eq!(world.messages("validation").await, [] as [Value; 0]);
    assert_eq!(world.messages("payload-status").await.len(), 3);
}
