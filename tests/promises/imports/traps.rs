//! What other importers of manifests fall into when they import one, and this one does not; see `traps.rs`.

use insta::assert_snapshot;
use longshore::aws::Aws;
use longshore::candlepin::{By, resolve, undo};
use longshore::clock::Clock;
use longshore::db::{Connector, Pool};
use longshore::settings::Settings;
use longshore_tests::manifest::{Authority, Content, Entitlement, Era, Manifest, Product};
use longshore_tests::{ORG, UPSTREAM, World, next_manifest, small_manifest};
use serde_json::json;
use time::macros::datetime;

#[tokio::test]
async fn a_replaced_upstream_consumer_leaves_nothing_behind() {
    let world = World::with_import().await;
    let count =
        "SELECT (SELECT count(*) FROM cp_upstream_consumer) || ' ' || (SELECT count(*) FROM cp_id_cert) || ' ' ||
                        (SELECT count(*) FROM cp_cert_serial) || ' ' || (SELECT count(*) FROM cp_certificate)";
    assert_eq!(world.value::<String>(count).await, "1 1 3 2");
    let other = next_manifest().uuid("11111111-2222-4333-8444-555555555555");
    world.import_announced(world.announce_manifest(&other).force(&["DISTRIBUTOR_CONFLICT"])).await;
    assert_eq!(world.value::<String>(count).await, "1 1 3 2", "{}", world.import_log().await);
    let uuid = world.value::<String>("SELECT uuid FROM cp_upstream_consumer").await;
    assert!(uuid.starts_with("11111111"), "{uuid}");
}

#[tokio::test]
async fn a_manifest_that_does_not_say_when_it_was_made_is_not_taken_for_a_new_one() {
    let world = World::with_import().await;
    let cases = [
        ("10 missing", next_manifest().edit("meta.json", |json| drop(json.as_object_mut().unwrap().remove("created")))),
        ("10 null", next_manifest().edit("meta.json", |json| json["created"] = json!(null))),
    ];
    assert_snapshot!(world.refused_manifests(cases).await, @r"
    10 missing | Manifest | meta.json: it does not say when the manifest was created
    10 null | Manifest | meta.json: it does not say when the manifest was created
    ");
}

#[tokio::test]
async fn rules_of_the_same_version_are_not_imported_again() {
    let world = World::with_import().await;
    world.forget_events().await;
    world.import(&next_manifest()).await;
    assert_eq!(world.value::<i64>("SELECT count(*) FROM cp_rules").await, 1);
    assert!(!world.events().await.contains("RULES"));
    world.import(&next_manifest().created(datetime!(2026-03-07 0:00 UTC)).rules("5.45")).await;
    assert!(world.events().await.contains("RULES"));
}

#[tokio::test]
async fn whether_a_type_gets_manifests_follows_the_manifest() {
    let world = World::with_owner().await;
    world.import(&Manifest::sample(Era::D).consumer_type("satellite", false)).await;
    world.import(&next_manifest().consumer_type("satellite", true)).await;
    assert!(world.value::<bool>("SELECT manifest FROM cp_consumer_type WHERE label = 'satellite'").await);
    assert!(world.events().await.contains("CONSUMER_TYPE MODIFIED satellite"));
}

#[tokio::test]
async fn a_failure_is_recorded_as_the_refused_manifests_own() {
    let world = World::with_import().await;
    let refused = next_manifest().uuid("11111111-2222-4333-8444-555555555555").name("another lab").principal("jane");
    assert_snapshot!(world.refused_manifests([("13", refused)]).await, @"13 | Conflict | DISTRIBUTOR_CONFLICT: it is of consumer 11111111-2222-4333-8444-555555555555, the owner imports from consumer 0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 (lab-distributor), which can be undone; to force it, name DISTRIBUTOR_CONFLICT in metadata.force");
    let sql = "SELECT concat_ws(' | ', r.status, r.generated_by, r.generated_date, r.file_name, u.uuid, u.name)
               FROM cp_import_record r JOIN cp_import_upstream_consumer u ON u.id = r.upstream_id ORDER BY seq DESC LIMIT 1";
    assert_snapshot!(world.value::<String>(sql).await, @"1 | jane | 2026-03-06 10:20:30.4 | manifest.zip | 11111111-2222-4333-8444-555555555555 | another lab");
}

#[tokio::test]
async fn a_long_failure_is_recorded_cut() {
    let world = World::with_import().await;
    let trusted: String =
        (0..4).map(|i| Authority::named(&format!("An authority with a long name, number {i}")).pem()).collect();
    std::fs::write(world.files().join("trusted.pem"), trusted).unwrap();
    let stranger = world.announce_bytes(next_manifest().build(&Authority::named("Stranger")));
    let error = world.refusals([("14", stranger)]).await;
    assert!(error.chars().count() > 300, "{error}");
    let message: String = world.value("SELECT statusmessage FROM cp_import_record ORDER BY seq DESC LIMIT 1").await;
    assert!(message.chars().count() <= 255 && message.ends_with(".."), "{message}");
}

#[tokio::test]
async fn subscriptions_that_are_over_have_no_pools_and_that_is_said() {
    let world = World::with_owner().await;
    let over = |id: &str| {
        Entitlement::new(id, id, "S")
            .without_certificate()
            .dates(datetime!(2020-01-01 0:00 UTC), datetime!(2021-01-01 0:00 UTC))
    };
    world.import(&small_manifest().entitlement(over("e2"))).await;
    assert_snapshot!(world.last_entry().await, @"3 | 5318290: manifest imported; 1 of 2 subscriptions are not active");
    assert_eq!(world.pools().await.lines().count(), 1);
    world.import(&small_manifest().created(datetime!(2026-03-08 0:00 UTC)).entitlement(over("e1"))).await;
    assert_snapshot!(world.last_entry().await, @"3 | 5318290: manifest imported; no subscription is active");
    assert_eq!(world.pools().await, "");
    assert!(world.events().await.contains("SUBSCRIPTION EXPIRED"), "{}", world.events().await);
}

#[tokio::test]
async fn serials_of_certificates_are_kept_exactly() {
    let world = World::with_owner().await;
    let identity = Authority::new().identity(UPSTREAM).serial(9_220_396_096_563_832_429);
    let manifest =
        small_manifest().identity_certificate(identity).entitlement(Entitlement::new("e1", "p1", "S").serial(i64::MAX));
    world.import(&manifest).await;
    let sql = "SELECT string_agg(x509_serial::text || ' ' || (x509_serial <> id), ' ' ORDER BY x509_serial) FROM cp_cert_serial";
    // Beside numbers of this database (16), and no digit was lost (21).
    assert_eq!(world.value::<String>(sql).await, "9220396096563832429 true 9223372036854775807 true");
}

#[tokio::test]
async fn what_one_pool_adds_to_a_product_stays_with_its_subscription() {
    let world = World::with_owner().await;
    let manifest = small_manifest()
        .product(Product::new("901", "Engine").content(Content::new("90101", "engine-rpms")))
        .entitlement(Entitlement::new("e1", "p1", "S").provides(&["901"]).without_certificate())
        .entitlement(Entitlement::new("e2", "p2", "S").without_certificate());
    world.import(&manifest).await;
    assert_snapshot!(world.subscriptions().await, @r"
    e1 | S x 10 | with 901
    e2 | S x 10
    ");
}

#[tokio::test]
async fn forcing_what_is_no_conflict_is_not_recorded_as_forced() {
    let world = World::with_owner().await;
    let forced = world.announce_manifest(&small_manifest()).force(&["MANIFEST_OLD", "SIGNATURE_CONFLICT"]);
    world.import_announced(forced).await;
    assert_snapshot!(world.last_entry().await, @"0 | 5318290: manifest imported");
}

#[tokio::test]
async fn undoing_keeps_what_the_consumer_was_in_the_history() {
    let world = World::with_owner().await;
    world.import(&Manifest::sample(Era::D).content_access_mode("org_environment")).await;
    let owner = resolve(world.client(), None, None, ORG).await.unwrap().owner;
    let by = By { principal: Some("jane"), request_id: "undo-1", trace: None, records: 10 };
    let settings = Settings::read(|name| (name == "DATABASE_URL").then(|| world.database_url().to_owned())).unwrap();
    let pool = Pool::new(Connector::new(settings.database, Aws::from_env().await, Clock::system()), 1);
    undo(&mut pool.get().await.unwrap(), &owner, by, &Clock::system()).await.unwrap();
    let sql = "SELECT concat_ws(' | ', r.status, u.uuid, u.content_access_mode)
               FROM cp_import_record r JOIN cp_import_upstream_consumer u ON u.id = r.upstream_id ORDER BY seq DESC LIMIT 1";
    assert_snapshot!(world.value::<String>(sql).await, @"2 | 0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | org_environment");
}

#[tokio::test]
async fn ties_are_decided_the_same_each_time() {
    let equal = |ids: [&str; 6]| {
        ids.into_iter().fold(small_manifest().without_entitlement("e1"), |manifest, id| {
            manifest.entitlement(Entitlement::new(id, "p1", "S").quantity(5).without_certificate())
        })
    };
    let mut pairings = Vec::new();
    for _ in 0..3 {
        let world = World::with_owner().await;
        world.import(&equal(["a", "b", "c", "d", "e", "f"])).await;
        world
            .execute("CREATE TABLE before AS SELECT id, upstream_entitlement_id AS entitlement FROM cp_subscription")
            .await;
        world.import(&equal(["u", "v", "w", "x", "y", "z"]).created(datetime!(2026-03-09 0:00 UTC))).await;
        let sql = "SELECT string_agg(s.upstream_entitlement_id || ' from ' || b.entitlement, ', ' ORDER BY 1)
                   FROM cp_subscription s JOIN before b USING (id)";
        pairings.push(world.value::<String>(&sql.replace("ORDER BY 1", "ORDER BY s.upstream_entitlement_id")).await);
    }
    assert_snapshot!(pairings[0], @"u from a, v from b, w from c, x from d, y from e, z from f");
    assert!(pairings.iter().all(|pairing| *pairing == pairings[0]), "{pairings:?}");
}
