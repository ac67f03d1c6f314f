//! The platform is told of every message: received, processing, and how it ended; nothing that is not so, and no secret.

use super::documents::{problems, schema};
use insta::assert_snapshot;
use longshore_tests::exports::{Exporting, export_record};
use longshore_tests::{Announcement, ArchiveBuilder, IDENTITY, ORG, Reply, World, later, object, small};
use serde_json::{Value, json};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

fn archive() -> ArchiveBuilder {
    ArchiveBuilder::new().collection("inventories", [object::inventory(1)])
}

/// Imports fail when they are to be committed.
const NO_COMMIT: &str = "
  CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now' USING ERRCODE = '57014'; END $$;
  CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON imports DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.outcome <> 'failed') EXECUTE FUNCTION refuse()";

#[tokio::test]
async fn a_refresh_is_told_of_from_its_beginning_to_its_end() {
    let world = World::start().await;
    let announced = world.announce(&archive()).set("b64_identity", IDENTITY).without("org_id");
    assert!(world.deliver(&[announced]).await.is_empty());
    let mut messages = world.messages("payload-status").await;
    for message in &messages {
        assert_eq!(problems(&schema("payload-status.json"), message), [""; 0]);
    }
    let dates: Vec<OffsetDateTime> = messages
        .iter_mut()
        .map(|message| OffsetDateTime::parse(message["date"].take().as_str().unwrap(), &Rfc3339).unwrap())
        .collect();
    let now = longshore::clock::Clock::system().now();
    assert!(dates.is_sorted(), "{dates:?}");
    assert!(dates.iter().all(|date| date.offset().is_utc() && (now - *date).abs() < time::Duration::MINUTE));
    let status = |status: &str| {
        json!({
            "service": "longshore", "source": "tower-persister", "account": "540155", "org_id": ORG,
            "request_id": "req-1", "status": status, "date": null,
        })
    };
    let mut success = status("success");
    success["status_msg"] = "Success".into();
    assert_eq!(messages, [status("received"), status("processing"), success]);
    // In order, and each with an id by which repeats are dropped.
    let rows =
        "SELECT DISTINCT concat_ws(' ', key, request_id, substr(event_id::text, 15, 1), type, published_at) FROM outbox
                WHERE family = 'payload-status'";
    assert_eq!(world.list(rows).await, "request/req-1 req-1 7");
}

#[tokio::test]
async fn what_is_not_known_is_left_out_and_the_service_can_be_named() {
    let world = World::with(&[("LONGSHORE_PAYLOAD_STATUS_SERVICE", "catalog")]).await;
    let nobody = world.announce(&archive()).without("org_id");
    assert!(world.deliver(&[nobody]).await.is_empty());
    let mut messages = world.messages("payload-status").await;
    messages[0]["date"].take();
    let expected = json!({
        "service": "catalog", "source": "tower-persister", "request_id": "req-1", "status": "error", "date": null,
        "status_msg": "Tenant: neither the identity nor the message names a tenant",
    });
    assert_eq!(messages, [expected]);
}

#[tokio::test]
async fn imports_and_what_they_find_done_are_told_of_in_the_words_of_the_history() {
    let world = World::with_owner().await;
    let first = world.announce_manifest(&small());
    let again = first.clone().set("request_id", "req-2");
    let consumer = world.announce_manifest(&later(&small(), 1)).metadata("only", "consumer").set("request_id", "req-3");
    assert_eq!(world.deliver_manifests(&[first, again, consumer]).await, [Reply::Done, Reply::Done, Reply::Done]);
    assert_snapshot!(world.statuses().await, @r"
    req-1 | manifest-importer | received
    req-1 | manifest-importer | processing
    req-1 | manifest-importer | success | 5318290: manifest imported
    req-2 | manifest-importer | received
    req-2 | manifest-importer | processing
    req-2 | manifest-importer | success | 5318290: this manifest was imported already, nothing has changed
    req-3 | manifest-importer | received
    req-3 | manifest-importer | processing
    req-3 | manifest-importer | success | 5318290: the upstream consumer is as this manifest has it, nothing has changed
    ");
    assert_snapshot!(world.history().await, @r"
    0 | 5318290: manifest imported
    0 | 5318290: this manifest was imported already, nothing has changed
    0 | 5318290: the upstream consumer is as this manifest has it, nothing has changed
    ");
}

#[tokio::test]
async fn a_redelivery_is_told_of_again_and_ends_as_a_success() {
    let world = World::with_owner().await;
    let import = world.event(&[world.announce_manifest(&small())]);
    let refresh = world.event(&[world.announce(&archive()).set("request_id", "req-2")]);
    for _ in 0..2 {
        assert!(world.deliver_event(&import).await.is_empty());
        assert!(world.invoke(&refresh).await.failed().is_empty());
    }
    assert_snapshot!(world.statuses().await, @r"
    req-1 | manifest-importer | received
    req-1 | manifest-importer | processing
    req-1 | manifest-importer | success | 5318290: manifest imported
    req-1 | manifest-importer | received
    req-1 | manifest-importer | processing
    req-1 | manifest-importer | success | the record had been imported before
    req-2 | tower-persister | received
    req-2 | tower-persister | processing
    req-2 | tower-persister | success | Success
    req-2 | tower-persister | received
    req-2 | tower-persister | processing
    req-2 | tower-persister | success | Success: the archive had been applied before
    ");
}

#[tokio::test]
async fn an_older_archive_is_a_success_that_says_so() {
    let world = World::start().await;
    world.apply_at(&archive(), "2026-01-02T00:00:00Z").await;
    world.forget_events().await;
    let older = ArchiveBuilder::new().collection("inventories", [object::inventory(2)]);
    world.apply_at(&older, "2026-01-01T00:00:00Z").await;
    assert_snapshot!(world.statuses().await, @r"
    req-1 | tower-persister | received
    req-1 | tower-persister | processing
    req-1 | tower-persister | success | Success: a newer archive had been applied before
    ");
}

#[tokio::test]
async fn a_message_that_can_never_succeed_is_an_error_whether_its_work_has_begun_or_not() {
    let world = World::with_owner().await;
    let refused = world.announce_bytes(b"no manifest".to_vec());
    let unread = world.announce_manifest(&small()).set("request_id", "req-2").set("url", ());
    assert_eq!(world.deliver_manifests(&[refused, unread]).await, [Reply::Done, Reply::Done]);
    assert_snapshot!(world.statuses().await, @r"
    req-1 | manifest-importer | received
    req-1 | manifest-importer | processing
    req-1 | manifest-importer | error | Archive: neither a manifest (a zip) nor a data bundle (gzip): it starts with [6e, 6f, 20, 6d]
    req-2 | manifest-importer | error | Message: url is missing
    ");
}

#[tokio::test]
async fn what_comes_again_is_no_error_and_what_was_rolled_back_is_no_success() {
    let world = World::with_owner().await;
    world.execute(NO_COMMIT).await;
    let event = world.event(&[world.announce_manifest(&small())]);
    assert_eq!(world.deliver_event(&event).await.len(), 1);
    assert_snapshot!(world.statuses().await, @r"
    req-1 | manifest-importer | received
    req-1 | manifest-importer | processing
    ");
    assert_eq!(world.events().await, "");
    world.execute("DROP TRIGGER refuse ON imports").await;
    assert!(world.deliver_event(&event).await.is_empty());
    assert_snapshot!(world.statuses().await, @r"
    req-1 | manifest-importer | received
    req-1 | manifest-importer | processing
    req-1 | manifest-importer | received
    req-1 | manifest-importer | processing
    req-1 | manifest-importer | success | 5318290: manifest imported
    ");
}

#[tokio::test]
async fn work_that_is_cut_short_has_begun_and_not_ended() {
    let world = World::with(&[("LONGSHORE_DEADLINE_MARGIN_MS", "100")]).await;
    world.owner(ORG).await;
    let turn = world.take_turn().await;
    let event = world.event(&[world.announce_manifest(&small())]);
    let response = world.invoke_importer(&event, Some(Duration::from_millis(1_500))).await;
    assert_eq!(response.failed().len(), 1);
    drop(turn);
    assert_snapshot!(world.statuses().await, @r"
    req-1 | manifest-importer | received
    req-1 | manifest-importer | processing
    ");
}

#[tokio::test]
async fn exports_that_records_ask_for_are_told_of_and_those_of_clients_are_not() {
    let world = Exporting::start().await;
    world.import(&small()).await;
    let uuid = world.distributor_with(ORG, "first", 3).await;
    world.forget_events().await;
    let mut unknown = export_record("nobody");
    unknown["request_id"] = "req-2".into();
    assert!(world.ask_again(5, &[export_record(&uuid), unknown]).await.is_empty());
    assert!(world.ask_again(5, &[export_record(&uuid)]).await.is_empty());
    let request = longshore_tests::exports::export_request(&uuid, "").org(ORG);
    assert_eq!(world.ask_http(&request).await.status, 303);
    assert_snapshot!(world.statuses().await, @r"
    req-1 | manifest-exporter | received
    req-1 | manifest-exporter | processing
    req-1 | manifest-exporter | success | manifest exported
    req-1 | manifest-exporter | received
    req-1 | manifest-exporter | processing
    req-1 | manifest-exporter | success | the record had been exported before
    req-2 | manifest-exporter | received
    req-2 | manifest-exporter | processing
    req-2 | manifest-exporter | error | Owner: consumer nobody is unknown, or the caller may not export it; see create-distributor and grant of setup
    ");
}

#[tokio::test]
async fn nothing_is_told_of_messages_of_others_nor_of_those_that_nobody_could_find() {
    let world = World::with_owner().await;
    world.apply(&archive()).await;
    world.execute("UPDATE sources SET enabled = false").await;
    world.forget_events().await;
    let messages = [
        world.announce(&archive()).set("service", "advisor"),
        world.announce(&archive()),
        world.announce(&archive()).reporter("tower-2").without("request_id"),
        world.announce(&archive()).set("url", ()).without("request_id"),
    ];
    assert!(world.deliver(&messages).await.is_empty());
    assert_eq!(world.statuses().await, "");
}

#[tokio::test]
async fn a_setting_turns_statuses_off() {
    let world = World::with(&[("LONGSHORE_PAYLOAD_STATUS", "false")]).await;
    world.owner(ORG).await;
    world.import(&small()).await;
    world.import_announced(world.announce_bytes(b"no manifest".to_vec())).await;
    world.apply(&archive()).await;
    let others = "SELECT count(*) FROM outbox WHERE family <> 'event'";
    assert_eq!(world.value::<i64>(others).await, 0);
}

/// A manifest with keys, certificates and a secret URL, and failures that saw the same.
#[tokio::test]
async fn no_identity_key_certificate_or_secret_url_is_told() {
    let world = World::with(&[("LONGSHORE_VALIDATION", "true")]).await;
    world.owner(ORG).await;
    let secret = |announced: Announcement| {
        announced.set("b64_identity", IDENTITY).header("x-rh-identity", IDENTITY).metadata("note", "\0")
    };
    let manifest = world.announce_manifest(&small());
    let unsigned = world.announce_bytes(small().build(&longshore_tests::manifest::Authority::new()));
    let missing = Announcement::manifest(&world.server().url("/missing?X-Amz-Signature=topsecret"));
    let odd = Announcement::manifest("ftp://user:topsecret@host/x?X-Amz-Signature=topsecret");
    let replies = world.deliver_manifests(&[secret(manifest), secret(unsigned), secret(missing), secret(odd)]).await;
    assert!(replies.iter().all(|reply| *reply == Reply::Done), "{}", world.import_log().await);
    let told: Vec<Value> =
        [world.messages("payload-status").await, world.messages("validation").await].into_iter().flatten().collect();
    assert_eq!(told.len(), 4 * 3 + 4);
    let text = json!(told).to_string();
    for secret in [IDENTITY, "topsecret", "BEGIN", "PRIVATE"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}
