//! Exactly the events of what changed, in order, each with who caused it; none of what did not or was taken back.

use insta::assert_snapshot;
use longshore_tests::manifest::{Authority, Content, Entitlement, Era, Manifest, Product};
use longshore_tests::{World, later, small};

/// Imports a manifest and, that much later, another one; the events of the second.
async fn events_between(before: Manifest, after: Manifest) -> String {
    let world = World::with_owner().await;
    world.import(&before).await;
    world.forget_events().await;
    world.import(&later(&after, 1)).await;
    world.events_in_full().await
}

#[tokio::test]
async fn a_first_import_tells_all_that_is_new() {
    let world = World::with_owner().await;
    world.import(&small().consumer_type("appliance", true)).await;
    assert_snapshot!(world.events_in_full().await, @"
    CONSUMER_TYPE CREATED | appliance | id | label,manifest
    RULES MODIFIED | 5.44 | id | replaced,version
    PRODUCT CREATED | Engine | 901 | productId
    PRODUCT CREATED | Suite | SKU | productId
    SUBSCRIPTION CREATED | Suite | id | productId,quantity,upstreamEntitlementId,upstreamPoolId
    POOL CREATED | Suite | id | poolType,quantity,subscriptionId,subscriptionSubKey
    OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    UPSTREAM_CONSUMER CREATED | lab-distributor | id | type,uuid
    IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid
    ");
    let common = "SELECT DISTINCT concat_ws(' | ', key, principal_data, request_id, published_at) FROM outbox WHERE family = 'event'";
    assert_snapshot!(world.list(common).await, @r#"owner/5318290 | {"name": "admin", "type": "user"} | req-1"#);
    assert_eq!(world.value::<i64>("SELECT count(*) - count(DISTINCT event_id) FROM outbox").await, 0);
}

#[tokio::test]
async fn events_name_the_rows_that_they_are_about() {
    let world = World::with_owner().await;
    world.import(&Manifest::sample(Era::D).consumer_type("appliance", true)).await;
    let strays = "SELECT target || ' ' || entity_id FROM outbox WHERE entity_id NOT IN (
                    SELECT id FROM cp_pool UNION SELECT id FROM cp_subscription UNION SELECT product_id FROM cp_products
                    UNION SELECT id FROM cp_rules UNION SELECT id FROM cp_consumer_type
                    UNION SELECT id FROM cp_upstream_consumer UNION SELECT id FROM cp_owner)";
    assert_eq!(world.list(strays).await, "");
    let data =
        "SELECT event_data - '{subscriptionId,stats}'::text[] || '{}' FROM outbox WHERE target_name = 'Example Suite'
                UNION ALL SELECT event_data - '{stats}'::text[] FROM outbox WHERE target = 'IMPORT'";
    assert_snapshot!(world.list(&format!("SELECT d::text FROM ({data}) x (d)")).await, @r#"
    {"productId": "EX-SKU-1"}
    {"quantity": 12, "productId": "EX-SKU-1", "upstreamPoolId": "77aa0c1e5d3b4b2f9e8d7c6b5a493827", "upstreamEntitlementId": "4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908"}
    {"poolType": "NORMAL", "quantity": 12, "subscriptionSubKey": "master"}
    {"forced": [], "fileName": "manifest.zip", "upstreamUuid": "0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10", "manifestCreated": "2026-03-05T10:20:30.4Z"}
    "#);
}

#[tokio::test]
async fn a_newer_manifest_that_says_the_same_tells_of_the_import_alone() {
    assert_snapshot!(events_between(small(), small()).await, @"IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid");
}

#[tokio::test]
async fn a_product_is_added_changed_and_removed() {
    let more = || small().product(Product::new("902", "Tools").content(Content::new("90201", "tools")));
    assert_snapshot!(events_between(small(), more()).await, @"
    PRODUCT CREATED | Tools | 902 | productId
    IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid
    ");
    let renamed = more().product(Product::new("902", "Tools 2").content(Content::new("90201", "tools")));
    assert_snapshot!(events_between(more(), renamed).await, @r#"
    PRODUCT MODIFIED | Tools 2 | 902 | changed,productId | changed ["name"]
    IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid
    "#);
    assert_snapshot!(events_between(more(), small()).await, @"
    PRODUCT DELETED | Tools | 902 | productId
    IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid
    ");
}

#[tokio::test]
async fn a_subscription_is_added_changed_and_removed() {
    let more = |quantity| small().entitlement(Entitlement::new("e2", "p2", "SKU").quantity(quantity));
    assert_snapshot!(events_between(small(), more(5)).await, @"
    SUBSCRIPTION CREATED | Suite | id | productId,quantity,upstreamEntitlementId,upstreamPoolId
    POOL CREATED | Suite | id | poolType,quantity,subscriptionId,subscriptionSubKey
    OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid
    ");
    assert_snapshot!(events_between(more(5), more(6)).await, @r#"
    SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["certificate_id", "quantity"]
    POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["certificate_id", "quantity"]
    OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid
    "#);
    assert_snapshot!(events_between(more(5), small()).await, @"
    SUBSCRIPTION DELETED | Suite | id | productId,quantity,upstreamEntitlementId,upstreamPoolId
    POOL DELETED | Suite | id | poolType,quantity,subscriptionId,subscriptionSubKey
    OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid
    ");
}

#[tokio::test]
async fn rules_and_consumer_types_are_told() {
    assert_snapshot!(events_between(small().rules("2.0"), small().rules("2.1")).await, @"
    RULES MODIFIED | 2.1 | id | replaced,version
    IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid
    ");
    let appliance = |manifest| small().consumer_type("appliance", manifest);
    assert_snapshot!(events_between(small(), appliance(true)).await, @"
    CONSUMER_TYPE CREATED | appliance | id | label,manifest
    IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid
    ");
    assert_snapshot!(events_between(appliance(true), appliance(false)).await, @"
    CONSUMER_TYPE MODIFIED | appliance | id | label,manifest
    IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid
    ");
    assert_snapshot!(events_between(appliance(true), small()).await, @"
    CONSUMER_TYPE DELETED | appliance | id | label,manifest
    IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid
    ");
}

#[tokio::test]
async fn an_upstream_consumer_that_changes_is_told() {
    let named = |name: &str| small().name(name);
    assert_snapshot!(events_between(named("one"), named("two")).await, @r#"
    UPSTREAM_CONSUMER MODIFIED | two | id | changed,uuid | changed ["name", "idCert"]
    IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid
    "#);
    let renewed = small().identity_certificate(Authority::new().identity(longshore_tests::UPSTREAM).serial(5));
    assert_snapshot!(events_between(small(), renewed).await, @r#"
    UPSTREAM_CONSUMER MODIFIED | lab-distributor | id | changed,uuid | changed ["idCert"]
    IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid
    "#);
    assert_snapshot!(events_between(small(), small().without_identity_certificate()).await, @r#"
    IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid
    "#);
}

#[tokio::test]
async fn another_distributor_takes_the_place_of_the_first_one() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    world.forget_events().await;
    let other = small().uuid("another").name("other").without_entitlement("e1");
    let other = other.entitlement(Entitlement::new("o1", "q1", "SKU"));
    world.import_forcing(&later(&other, 1), &["DISTRIBUTOR_CONFLICT"]).await;
    assert_snapshot!(world.events_in_full().await, @"
    SUBSCRIPTION CREATED | Suite | id | productId,quantity,upstreamEntitlementId,upstreamPoolId
    SUBSCRIPTION DELETED | Suite | id | productId,quantity,upstreamEntitlementId,upstreamPoolId
    POOL CREATED | Suite | id | poolType,quantity,subscriptionId,subscriptionSubKey
    POOL DELETED | Suite | id | poolType,quantity,subscriptionId,subscriptionSubKey
    OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    UPSTREAM_CONSUMER DELETED | lab-distributor | id | uuid
    UPSTREAM_CONSUMER CREATED | other | id | type,uuid
    IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid
    ");
    assert_snapshot!(world.list("SELECT (event_data -> 'forced')::text FROM outbox WHERE target = 'IMPORT'").await, @r#"["DISTRIBUTOR_CONFLICT"]"#);
}

#[tokio::test]
async fn nothing_is_told_of_an_import_that_failed() {
    let world = World::with_owner().await;
    world.import(&small().entitlement(Entitlement::new("e2", "p2", "NOWHERE"))).await;
    world.import(&small().signature("garbage")).await;
    world.import(&small().without("meta.json")).await;
    world.import(&small().type_label("nowhere")).await;
    assert_eq!(world.events().await, "");
    world.import(&small()).await;
    world.forget_events().await;
    world.import(&later(&small().uuid("another"), 1)).await;
    world.import(&later(&small(), -1)).await;
    assert_eq!(world.events().await, "");
}

#[tokio::test]
async fn no_event_and_no_record_holds_a_certificate_or_a_key() {
    let world = World::with_owner().await;
    let manifest = Manifest::sample(Era::A).chained();
    world.import(&manifest).await;
    world.import_forcing(&later(&Manifest::sample(Era::D).chained(), 1), &["MANIFEST_OLD"]).await;
    // A failure tells what is wrong without quoting it.
    let broken = Manifest::sample(Era::D).edit("entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json", |json| {
        json["quantity"] = json["certificates"][0]["key"].clone();
    });
    world.import(&later(&broken, 2)).await;
    let broken = Manifest::sample(Era::D).edit("entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json", |json| {
        json["certificates"][0]["cert"] = json["certificates"][0]["key"].clone();
    });
    world.import(&later(&broken, 3)).await;
    world.undo().await.unwrap();
    assert_snapshot!(world.history().await, @"
    0 | 5318290: manifest imported
    0 | 5318290: manifest imported
    1 | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: unexpected JSON: invalid type: string .., expected i64 at line 1 column 8352
    1 | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: the certificate or its key cannot be used: two PEM blocks hold a private key, where one is expected
    2 | 5318290: imports undone by admin
    ");
    for text in ["-----BEGIN", "PRIVATE", "MII"] {
        let found = world.where_is(text).await;
        let certificates =
            ["candlepin.cp_certificate.cert", "candlepin.cp_id_cert.cert", "candlepin.cp_product_certificates.cert"];
        let elsewhere: Vec<_> = found.iter().filter(|column| !certificates.contains(&column.as_str())).collect();
        assert!(elsewhere.is_empty(), "{text}: {elsewhere:?}");
    }
}
