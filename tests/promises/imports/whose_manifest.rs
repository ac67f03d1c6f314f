//! Whose manifest it is, who may import it, and in which order.

use hyper::StatusCode;
use insta::assert_snapshot;
use longshore_devkit::http_server::{HttpServer, Reply as Answer};
use longshore_devkit::kafka_event::KafkaEvent;
use longshore_tests::manifest::{Authority, Manifest};
use longshore_tests::{Announcement, ORG, Reply, World, small_manifest};
use serde_json::json;
use time::macros::datetime;

/// Consumers.
const FIRST: &str = "11111111-0000-4000-8000-000000000001";
const SECOND: &str = "22222222-0000-4000-8000-000000000002";
const THIRD: &str = "33333333-0000-4000-8000-000000000003";

/// A manifest of that consumer.
fn of(uuid: &str) -> Manifest {
    small_manifest().uuid(uuid)
}

/// A world with three owners, the first of them the organisation's own, and it may import for the second.
async fn three_owners() -> World {
    let world = World::with_owner().await;
    world.owner("granted").await;
    world.owner("strange").await;
    world.execute("INSERT INTO grants VALUES ('5318290', 'granted', 'import', now())").await;
    world
}

async fn register(world: &World, uuid: &str, owner: &str) {
    world.execute(&format!("INSERT INTO upstream_registrations VALUES ('{uuid}', '{owner}', now())")).await;
}

/// Who imports from whom: `owner from consumer`, a line each.
async fn links(world: &World) -> String {
    let sql = "SELECT coalesce(string_agg(o.account || ' from ' || u.uuid, E'\\n' ORDER BY o.account), '')
               FROM cp_owner o JOIN cp_upstream_consumer u ON u.id = o.upstream_id";
    world.value(sql).await
}

/// How many rows tell of subscriptions, of consumers and in owners' histories.
async fn rows(world: &World) -> i64 {
    let sql = "SELECT (SELECT count(*) FROM cp_subscription) + (SELECT count(*) FROM cp_upstream_consumer)
                    + (SELECT count(*) FROM cp_import_record)";
    world.value(sql).await
}

/// `{"identity": ..}` in base64, as gateways send it.
fn identity(fields: serde_json::Value) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(json!({ "identity": fields }).to_string())
}

#[tokio::test]
async fn a_registration_counts_before_the_message_and_the_message_before_a_link_and_a_link_before_the_own_organisation()
{
    let world = three_owners().await;
    world.import(&of(FIRST)).await;
    assert_eq!(links(&world).await, format!("{ORG} from {FIRST}"), "the own organisation");
    world.import_announced(world.announce_manifest(&of(SECOND)).metadata("owner", "granted")).await;
    assert_eq!(links(&world).await, format!("{ORG} from {FIRST}\ngranted from {SECOND}"), "the message");
    world.import(&of(SECOND).created(datetime!(2026-04-01 0:00 UTC))).await;
    assert_eq!(
        world.value::<i64>("SELECT count(*) FROM cp_import_record WHERE owner_id = 'granted'").await,
        2,
        "the link"
    );
    register(&world, THIRD, "granted").await;
    let registered = world.announce_manifest(&of(THIRD).created(datetime!(2026-05-01 0:00 UTC)));
    world.import_announced(registered.metadata("owner", ORG).force(&["DISTRIBUTOR_CONFLICT"])).await;
    assert_eq!(links(&world).await, format!("{ORG} from {FIRST}\ngranted from {THIRD}"), "the registration");
    assert_eq!(world.import_log().await, ["imported"; 4].join("\n"));
}

#[tokio::test]
async fn an_unknown_owner_and_one_that_is_not_granted_look_alike_and_have_nothing_in_their_history() {
    let world = three_owners().await;
    let named = |owner: &str| world.announce_manifest(&of(FIRST)).metadata("owner", owner);
    world.import_announced(named("strange")).await;
    world.import_announced(named("unheard")).await;
    let log = world.import_log().await;
    assert_snapshot!(log, @r"
    failed | Owner | owner strange is unknown, or the organisation may not import for it; see create-owner and grant of setup
    failed | Owner | owner unheard is unknown, or the organisation may not import for it; see create-owner and grant of setup
    rejected | Owner | owner strange is unknown, or the organisation may not import for it; see create-owner and grant of setup
    rejected | Owner | owner unheard is unknown, or the organisation may not import for it; see create-owner and grant of setup
    ");
    let lines: Vec<String> = log.lines().map(|line| line.replace("unheard", "strange")).collect();
    assert_eq!(lines[0], lines[1]);
    assert_eq!(rows(&world).await, 0);
}

#[tokio::test]
async fn an_organisation_imports_for_another_once_that_is_granted() {
    let world = three_owners().await;
    register(&world, FIRST, "strange").await;
    world.import(&of(FIRST)).await;
    assert_snapshot!(world.import_log().await, @r"
    failed | Owner | the owner of consumer 11111111-0000-4000-8000-000000000001 is unknown, or the organisation may not import for it; see create-owner and grant of setup
    rejected | Owner | the owner of consumer 11111111-0000-4000-8000-000000000001 is unknown, or the organisation may not import for it; see create-owner and grant of setup
    ");
    assert_eq!(rows(&world).await, 0);
    world.execute("INSERT INTO grants VALUES ('5318290', 'strange', 'import', now())").await;
    world.import(&of(FIRST)).await;
    assert_eq!(links(&world).await, format!("strange from {FIRST}"));
}

#[tokio::test]
async fn a_consumer_of_another_owner_is_refused_without_telling_whose_it_is() {
    let world = three_owners().await;
    world.import_announced(world.announce_manifest(&of(FIRST)).org("strange")).await;
    assert_eq!(links(&world).await, format!("strange from {FIRST}"));
    let later = || of(FIRST).created(datetime!(2026-04-01 0:00 UTC));
    let all = [
        "MANIFEST_OLD",
        "MANIFEST_SAME",
        "DISTRIBUTOR_CONFLICT",
        "SIGNATURE_CONFLICT",
        "UNTRUSTED_SIGNING_CERTIFICATE",
    ];
    let named = || world.announce_manifest(&later()).metadata("owner", ORG);
    let errors = world.refusals([("named", named()), ("all forced", named().force(&all))]).await;
    assert_snapshot!(errors, @r"
    named | Owner | consumer.json: consumer 11111111-0000-4000-8000-000000000001 is another owner's; undo that owner's import first, or have a manifest made for another consumer
    all forced | Owner | consumer.json: consumer 11111111-0000-4000-8000-000000000001 is another owner's; undo that owner's import first, or have a manifest made for another consumer
    ");
    // Nothing is named: the link leads to an owner for whom the organisation may not act.
    world.import(&later()).await;
    let log = world.import_log().await;
    assert_snapshot!(log.lines().last().unwrap(), @"rejected | Owner | the owner of consumer 11111111-0000-4000-8000-000000000001 is unknown, or the organisation may not import for it; see create-owner and grant of setup");
    assert!(!log.contains("strange"));
    assert_eq!(links(&world).await, format!("strange from {FIRST}"));
}

#[tokio::test]
async fn who_uploaded_it_is_its_identity_and_it_may_not_contradict_the_message() {
    for (org, account, who, owner) in [
        ("5", "", json!(null), "5"),
        ("", "7", json!(null), "7"),
        ("5", "7", json!(null), "5"),
        ("", "7", json!({"org_id": "5", "account_number": "7"}), "5"),
        ("", "", json!({"internal": {"org_id": "5"}}), "5"),
        ("5", "", json!({"account_number": "7"}), "7"),
        ("5", "", json!({"org_id": "6"}), ""),
        ("5", "7", json!({"org_id": "5", "account_number": "8"}), ""),
        ("", "", json!(null), ""),
    ] {
        let world = World::start().await;
        for owner in ["5", "6", "7", "8"] {
            world.owner(owner).await;
        }
        let mut announcement = world.announce_manifest(&of(FIRST)).org(org).set("account", account);
        if !who.is_null() {
            announcement = announcement.set("b64_identity", identity(who.clone()));
        }
        world.import_announced(announcement).await;
        let expected = if owner.is_empty() { String::new() } else { format!("{owner} from {FIRST}") };
        assert_eq!(links(&world).await, expected, "{org} {account} {who}: {}", world.import_log().await);
    }
}

#[tokio::test]
async fn what_is_no_announcement_of_a_manifest_is_rejected_and_what_is_another_services_is_passed_over() {
    let world = World::with_owner().await;
    let good = || world.announce_manifest(&of(FIRST));
    let topic = "platform.upload.candlepin";
    let mut event = KafkaEvent::msk();
    for (offset, value) in
        [None, Some(&b"{"[..]), Some(b"[]"), Some(b"{\"service\":\"candlepin\"}")].into_iter().enumerate()
    {
        event = event.record(topic, 0, 1_000 + offset as i64, value, &[], 0);
    }
    let others = [
        good().set("service", "catalog"),
        good().header("service", "advisor"),
        good().set("service", "advisor").header("service", "candlepin"),
        good().org(""),
        good().set("b64_identity", identity(json!({"org_id": "6"}))),
        good().set("b64_identity", "%"),
        good().force(&["EVERYTHING"]),
        good().metadata("signature", "%"),
        good().set("url", "ftp://127.0.0.1/manifest.zip"),
    ];
    for (offset, other) in others.iter().enumerate() {
        event = other.add_to(event, 2_000 + offset as i64);
    }
    event = good().without("service").header("service", "candlepin").add_to(event, 3_000);
    let answer = world.importer().handle(&String::from_utf8(event.to_json()).unwrap(), None).await.unwrap();
    assert!(answer.failed().is_empty());
    let sql = "SELECT string_agg(kafka_offset || ' | ' || kind || ' | ' || reason, E'\\n' ORDER BY kafka_offset) FROM rejected_records";
    assert_snapshot!(world.value::<String>(sql).await, @r#"
    1000 | Message | the record is a tombstone: it has no value
    1001 | Message | the record's value is not a JSON object (line 1, column 1)
    1002 | Message | the record's value is not a JSON object (line 1, column 0)
    1003 | Message | url is missing
    2003 | Message | the identity is missing, and so are org_id and account
    2004 | Message | the identity is of another organisation than the message names
    2005 | Message | the identity is not base64
    2006 | Message | metadata.force: "EVERYTHING" is no conflict; they are MANIFEST_OLD, MANIFEST_SAME, DISTRIBUTOR_CONFLICT, SIGNATURE_CONFLICT, UNTRUSTED_SIGNING_CERTIFICATE
    2007 | Message | metadata.signature is not base64
    2008 | NotAllowed | downloading from there is not allowed: scheme ftp
    "#);
    assert_eq!(links(&world).await, format!("{ORG} from {FIRST}"));
}

#[tokio::test]
async fn a_passing_failure_keeps_the_owners_later_records_waiting_and_nobody_elses() {
    let world = World::with(&[("LONGSHORE_DOWNLOAD_ATTEMPTS", "1"), ("LONGSHORE_CONCURRENCY", "4")]).await;
    for owner in [ORG, "other", "granted"] {
        world.owner(owner).await;
    }
    world.execute("INSERT INTO grants VALUES ('granting', 'granted', 'import', now())").await;
    let server = HttpServer::start(|_| Answer::status(StatusCode::SERVICE_UNAVAILABLE)).await.unwrap();
    let busy = Announcement::manifest(&server.url("/manifest.zip"));
    let later = of(FIRST).created(datetime!(2026-04-01 0:00 UTC));
    let for_granted = world.announce_manifest(&of(THIRD)).metadata("owner", "granted");
    let batch = [
        busy.clone(),
        world.announce_manifest(&later),
        world.announce_manifest(&of(SECOND)).org("other"),
        // One owner, two organisations that reach it.
        busy.clone().org("granting").metadata("owner", "granted"),
        for_granted.clone().org("granted"),
    ];
    let replies = world.deliver_manifests(&batch).await;
    assert_eq!(replies, [Reply::Again, Reply::Again, Reply::Done, Reply::Again, Reply::Again]);
    // What will be tried again is nobody's history.
    assert_eq!(world.history().await, "0 | other: manifest imported");
    assert_eq!(links(&world).await, format!("other from {SECOND}"));
    // Later it can be had; what was announced first is imported first.
    let first = Announcement::manifest(&world.serve(of(FIRST).build(&Authority::new())));
    let replies = world.deliver_manifests(&[first, world.announce_manifest(&later), for_granted.org("granting")]).await;
    assert_eq!(replies, [Reply::Done, Reply::Done, Reply::Done], "{}", world.import_log().await);
    assert_eq!(links(&world).await, format!("{ORG} from {FIRST}\ngranted from {THIRD}\nother from {SECOND}"));
    assert!(!world.history().await.contains("1 |"), "{}", world.history().await);
}

#[tokio::test]
async fn records_of_one_owner_are_imported_in_their_order_however_many_run_at_once() {
    let world = World::with(&[("LONGSHORE_CONCURRENCY", "8"), ("LONGSHORE_IMPORT_RECORDS", "100")]).await;
    world.owner(ORG).await;
    let versions = (1..=12).map(|day| of(FIRST).created(datetime!(2026-04-01 0:00 UTC) + time::Duration::days(day)));
    let batch: Vec<Announcement> = versions.map(|manifest| world.announce_manifest(&manifest)).collect();
    let replies = world.deliver_manifests(&batch).await;
    assert!(replies.iter().all(|reply| *reply == Reply::Done));
    // Each is newer than the one before: any other order would be a conflict.
    assert_eq!(world.history().await, ["0 | 5318290: manifest imported"; 12].join("\n"));
}
