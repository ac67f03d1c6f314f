//! An import that has to wait, for time, keys or certificates, is left to redelivery, and nothing is lost.

use longshore_tests::manifest::{Authority, Era, Manifest};
use longshore_tests::{ORG, Reply, World, function, later};
use std::time::Duration;

const MARGIN: (&str, &str) = ("LONGSHORE_DEADLINE_MARGIN_MS", "400");

/// One owner at a time, so that what is not begun is seen too.
const ONE_BY_ONE: (&str, &str) = ("LONGSHORE_CONCURRENCY", "1");

/// A world with the usual owner and another.
async fn with_two_owners(settings: &[(&str, &str)]) -> World {
    let world = World::with(settings).await;
    world.owner(ORG).await;
    world.owner("quick").await;
    world
}

fn manifest() -> Manifest {
    Manifest::sample(Era::D)
}

/// Two records of the usual owner and one of another.
fn batch(world: &World) -> String {
    let quick = manifest().uuid("00000000-0000-4000-8000-000000000001");
    world.event(&[
        world.announce_manifest(&manifest()),
        world.announce_manifest(&later(&manifest(), 1)),
        world.announce_manifest(&quick).org("quick"),
    ])
}

async fn done(world: &World) -> String {
    world
        .value("SELECT coalesce(string_agg(DISTINCT key, ' ' ORDER BY key), '') FROM outbox WHERE family = 'event'")
        .await
}

#[tokio::test]
async fn an_import_that_is_not_done_in_time_is_left_to_redelivery_with_all_that_follows() {
    let world = with_two_owners(&[MARGIN, ONE_BY_ONE]).await;
    let event = batch(&world);
    let turn = world.take_turn().await;
    let response = world.invoke_importer(&event, Some(Duration::from_millis(1_400))).await;
    let partition = "platform.upload.candlepin-0";
    assert_eq!(response.failed(), [(partition, 0), (partition, 1), (partition, 2)]);
    world.no_import_is_left().await;
    assert_eq!(done(&world).await, "");
    drop(turn);
    assert_eq!(world.import_log().await, "");

    assert_eq!(world.invoke_importer(&event, None).await.failed(), []);
    assert_eq!(world.import_log().await, "imported\nimported\nimported");
    assert_eq!(done(&world).await, "owner/5318290 owner/quick");
    world.no_import_is_left().await;
}

#[tokio::test]
async fn an_owner_that_waits_does_not_keep_another_from_its_import() {
    let world = with_two_owners(&[MARGIN]).await;
    let event = batch(&world);
    let turn = world.take_turn().await;
    let response = world.invoke_importer(&event, Some(Duration::from_millis(3_000))).await;
    assert_eq!(response.failed().into_iter().map(|(_, offset)| offset).collect::<Vec<_>>(), [0, 1]);
    world.no_import_is_left().await;
    drop(turn);
    assert_eq!(done(&world).await, "owner/quick");
    assert_eq!(world.import_log().await, "imported");
}

#[tokio::test]
async fn without_time_no_import_is_begun() {
    let (world, proxy) = World::through_proxy(&[MARGIN]).await;
    world.owner(ORG).await;
    proxy.reset();
    let response = world.invoke_importer(&batch(&world), Some(Duration::from_millis(300))).await;
    assert_eq!(response.failed().len(), 3);
    assert_eq!(proxy.total_bytes(), 0);
}

/// The deadline is Lambda's: the process answers before it would be killed.
#[tokio::test]
async fn the_importer_answers_before_lambda_s_time_out() {
    let world = with_two_owners(&[MARGIN]).await;
    let event = batch(&world);
    let _turn = world.take_turn().await;
    let mut process = function::start("manifest-importer", &world.variables(), &[]).await;
    let answer = process.invoke(event.as_bytes(), Duration::from_millis(3_500)).await.unwrap();
    assert_eq!(function::failed(&answer), [0, 1]);
    let line = function::logged(&process, "record left to redelivery").await;
    assert_eq!(line["error_kind"], "Deadline");
    world.no_import_is_left().await;
}

/// Delivers the usual manifest, which has to come again; `log` is what our record of it says.
async fn comes_again(world: &World, log: &str) {
    let replies = world.deliver_manifests(&[world.announce_manifest(&manifest())]).await;
    assert_eq!(replies, [Reply::Again], "{}", world.import_log().await);
    assert_eq!(world.import_log().await, log);
    assert_eq!(world.history().await, "", "it may still succeed");
    assert_eq!(world.value::<i64>("SELECT count(*) FROM cp_products").await, 0);
    world.no_import_is_left().await;
}

#[tokio::test]
async fn without_keys_a_manifest_waits() {
    let world = with_two_owners(&[("LONGSHORE_KEYS", "")]).await;
    comes_again(&world, "failed | Keys | no keys to protect private keys with: set LONGSHORE_KEYS").await;
}

#[tokio::test]
async fn keys_that_are_not_there_are_waited_for() {
    let world = with_two_owners(&[]).await;
    let (here, elsewhere) = (world.files().join("keys.json"), world.files().join("elsewhere"));
    std::fs::rename(&here, &elsewhere).unwrap();
    let event = world.event(&[world.announce_manifest(&manifest())]);
    assert_eq!(world.invoke_importer(&event, None).await.failed().len(), 1);
    let log = world.import_log().await;
    assert!(
        log.starts_with("failed | Keys | cannot read the keys from file ") && log.contains("LONGSHORE_KEYS"),
        "{log}"
    );

    std::fs::rename(&elsewhere, &here).unwrap();
    assert_eq!(world.invoke_importer(&event, None).await.failed(), []);
    assert_eq!(world.import_log().await, "imported");
    assert_eq!(world.history().await, "0 | 5318290: manifest imported");
    assert_eq!(world.value::<i32>("SELECT attempts FROM imports").await, 2);
}

#[tokio::test]
async fn where_nobody_is_trusted_a_manifest_waits() {
    let world = with_two_owners(&[("LONGSHORE_TRUSTED_CERTIFICATES", "")]).await;
    let log = "failed | TrustAnchors | no certificate is trusted: set LONGSHORE_TRUSTED_CERTIFICATES";
    comes_again(&world, log).await;
}

#[tokio::test]
async fn certificates_that_are_not_there_are_waited_for() {
    let world = with_two_owners(&[]).await;
    let (here, elsewhere) = (world.files().join("trusted.pem"), world.files().join("elsewhere"));
    std::fs::rename(&here, &elsewhere).unwrap();
    let event = world.event(&[world.announce_manifest(&manifest())]);
    assert_eq!(world.invoke_importer(&event, None).await.failed().len(), 1);
    let log = world.import_log().await;
    assert!(log.starts_with("failed | TrustAnchors | cannot read trusted certificates from "), "{log}");
    assert!(log.contains("LONGSHORE_TRUSTED_CERTIFICATES"), "{log}");

    std::fs::rename(&elsewhere, &here).unwrap();
    assert_eq!(world.invoke_importer(&event, None).await.failed(), []);
    assert_eq!(world.import_log().await, "imported");
}

/// The signer changed while the function is warm.
#[tokio::test]
async fn a_certificate_that_was_replaced_counts_for_the_next_manifest() {
    let world = World::with_owner().await;
    world.import(&manifest()).await;
    let next = Authority::named("Next Authority");
    let signed = |days| later(&manifest(), days).build(&next);
    world.import_announced(world.announce_bytes(signed(1))).await;
    assert!(world.import_log().await.contains("SIGNATURE_CONFLICT"), "{}", world.import_log().await);

    std::fs::write(world.files().join("trusted.pem"), next.pem()).unwrap();
    world.import_announced(world.announce_bytes(signed(2))).await;
    assert_eq!(world.last_entry().await, "0 | 5318290: manifest imported");
    // Whoever was trusted before is trusted no more.
    world.import(&later(&manifest(), 3)).await;
    assert!(world.last_entry().await.starts_with("1 | SIGNATURE_CONFLICT"), "{}", world.last_entry().await);
}

#[tokio::test]
async fn a_new_key_seals_what_is_new_and_the_old_one_stays_with_what_it_sealed() {
    let world = World::with_owner().await;
    world.import(&manifest()).await;
    let sealed = "SELECT string_agg(DISTINCT privatekey_key_id, ' ') FROM cp_certificate";
    assert_eq!(world.value::<String>(sealed).await, "k1");

    let keys = std::fs::read_to_string(world.files().join("keys.json")).unwrap();
    let rotated = keys
        .replace(r#""current":"k1""#, r#""current":"k2""#)
        .replace(r#""keys":{"#, r#""keys":{"k2":"Hh0cGxoZGBcWFRQTEhEQDw4NDAsKCQgHBgUEAwIBAAE=","#);
    std::fs::write(world.files().join("keys.json"), rotated).unwrap();
    let next = later(&manifest(), 1)
        .entitlement(longshore_tests::manifest::Entitlement::new("new", "new pool", "EX-SKU-1").quantity(1));
    let event = world.event(&[world.announce_manifest(&next)]);
    assert_eq!(world.another_importer().await.handle(&event, None).await.unwrap().failed(), []);
    let sealed =
        "SELECT string_agg(privatekey_key_id || ' ' || subject_cn, ', ' ORDER BY subject_cn) FROM cp_certificate";
    assert_eq!(
        world.value::<String>(sealed).await,
        "k1 4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908, k1 4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909, k2 new"
    );
    assert_eq!(world.value::<String>("SELECT privatekey_key_id FROM cp_id_cert").await, "k1");
}
