//! What an owner's upstream consumer keeps from one manifest to the next.

use insta::assert_snapshot;
use longshore_tests::manifest::{Authority, Manifest};
use longshore_tests::{UPSTREAM, World, later, small};

/// Does not say of what type the consumer is, nor where it is, and brings no certificate.
fn terse(manifest: Manifest) -> Manifest {
    manifest
        .without_identity_certificate()
        .edit("meta.json", |meta| drop(meta.as_object_mut().unwrap().remove("webAppPrefix")))
        .edit("consumer.json", |consumer| {
            consumer
                .as_object_mut()
                .unwrap()
                .retain(|key, _| ["uuid", "name", "contentAccessMode"].contains(&key.as_str()));
        })
}

async fn consumer(world: &World) -> String {
    world.imported_rows().await.lines().filter(|line| line.starts_with("consumer: ")).collect()
}

#[tokio::test]
async fn what_a_later_manifest_of_the_same_consumer_does_not_say_stays() {
    let world = World::with_owner().await;
    world.import(&small().urls("https://up.example/web", "https://up.example/api")).await;
    let certificate = "SELECT id || encode(cert, 'hex') || encode(privatekey, 'hex') || serial_id FROM cp_id_cert";
    let before = world.list(certificate).await;
    assert_ne!(before, "");
    world.forget_events().await;
    world.import(&later(&terse(small()), 1)).await;
    assert!(!world.events().await.contains("UPSTREAM_CONSUMER"), "{}", world.events().await);
    world.import(&later(&terse(small().name("renamed")), 2)).await;
    assert_snapshot!(world.events_in_full().await, @r#"
    IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid
    UPSTREAM_CONSUMER MODIFIED | renamed | id | changed,uuid | changed ["name"]
    IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid
    "#);
    assert_snapshot!(consumer(&world).await, @"consumer: owner=5318290 | uuid=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | name=renamed | type=candlepin | web=https://up.example/web | api=https://up.example/api | mode=entitlement | serial=4222494339595690431 | expires=2049-01-01T00:00:00 | sealed=k1");
    assert_eq!(world.list(certificate).await, before);
    assert_eq!(world.orphans().await, "");
}

#[tokio::test]
async fn another_consumer_keeps_nothing_of_the_one_before() {
    let world = World::with_owner().await;
    world.import(&small().urls("https://up.example/web", "https://up.example/api")).await;
    let other = terse(small().uuid("11111111-2222-4333-8444-555555555555").name("other"));
    world.import_forcing(&later(&other, 1), &["DISTRIBUTOR_CONFLICT"]).await;
    assert_snapshot!(consumer(&world).await, @"consumer: owner=5318290 | uuid=11111111-2222-4333-8444-555555555555 | name=other | type=candlepin | mode=entitlement");
    assert_eq!(world.value::<i64>("SELECT count(*) FROM cp_id_cert").await, 0);
    assert_eq!(world.orphans().await, "");
}

#[tokio::test]
async fn a_certificate_that_comes_again_without_its_key_does_not_take_the_key_away() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    let keys = "SELECT id || encode(privatekey, 'hex') FROM cp_id_cert";
    let before = world.list(keys).await;
    let file = format!("upstream_consumer/{}.json", Authority::new().identity(UPSTREAM).serial_number());
    let keyless = small().edit(&file, |identity| drop(identity.as_object_mut().unwrap().remove("key")));
    world.import(&later(&keyless, 1)).await;
    assert_eq!(world.value::<i64>("SELECT count(*) FROM imports WHERE outcome = 'imported'").await, 2);
    assert_eq!(world.list(keys).await, before);
}
