//! A newer manifest: subscriptions continue, pools keep their ids, only what changed is written.

use insta::assert_snapshot;
use longshore_tests::manifest::{Content, Entitlement, Era, Manifest, Product};
use longshore_tests::{World, later, small};
use time::OffsetDateTime;
use time::macros::datetime;

const LONG_AGO: (OffsetDateTime, OffsetDateTime) = (datetime!(2020-01-01 00:00 UTC), datetime!(2021-01-01 00:00 UTC));

fn over(id: &str, pool: &str) -> Entitlement {
    Entitlement::new(id, pool, "SKU").dates(LONG_AGO.0, LONG_AGO.1)
}

#[tokio::test]
async fn some_subscriptions_that_are_over_are_a_warning() {
    let world = World::with_owner().await;
    world.import(&small().entitlement(over("e2", "p2"))).await;
    assert_snapshot!(world.history().await, @"3 | 5318290: manifest imported; 1 of 2 subscriptions are not active");
    assert_snapshot!(world.subscriptions().await, @"
    e1 | SKU x 10 | with 901
    e2 | SKU x 10 | with 901
    ");
    assert_snapshot!(world.pools().await, @"NORMAL | SKU x 10 | master");
    let events = "SELECT concat_ws(' ', target, type) FROM outbox WHERE target IN ('POOL', 'SUBSCRIPTION') ORDER BY id";
    assert_snapshot!(world.list(events).await, @"
    SUBSCRIPTION CREATED
    SUBSCRIPTION CREATED
    SUBSCRIPTION EXPIRED
    POOL CREATED
    ");
}

#[tokio::test]
async fn no_subscription_is_a_warning() {
    let world = World::with_owner().await;
    let empty = small().without_entitlement("e1").raw("entitlements/readme.txt", "none");
    world.import(&empty).await;
    world.import(&later(&Manifest::new(Era::D), 1)).await;
    assert_snapshot!(world.history().await, @"
    3 | 5318290: manifest imported; no subscription is active
    3 | 5318290: manifest imported; no subscription is active
    ");
    assert_snapshot!(world.import_warnings().await, @"products/ | there are no products, so there are no subscriptions");
}

#[tokio::test]
async fn entitlements_without_products_are_no_subscriptions() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    world.import(&later(&small(), 1).without("products/")).await;
    assert_snapshot!(world.history().await, @"
    0 | 5318290: manifest imported
    3 | 5318290: manifest imported; no subscription is active
    ");
    assert_snapshot!(world.import_warnings().await, @"products/ | there are no products, so there are no subscriptions");
    assert_eq!((world.subscriptions().await, world.pools().await, world.products().await), Default::default());
}

#[tokio::test]
async fn only_subscriptions_that_are_over_are_a_warning() {
    let world = World::with_owner().await;
    world.import(&small().entitlement(over("e1", "p1"))).await;
    assert_snapshot!(world.history().await, @"3 | 5318290: manifest imported; no subscription is active");
}

#[tokio::test]
async fn the_pools_of_a_subscription_that_is_over_go() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    world.forget_events().await;
    world.import(&later(&small().entitlement(over("e1", "p1")), 1)).await;
    assert_snapshot!(world.events_in_full().await, @r#"
    SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["certificate_id", "enddate", "startdate"]
    SUBSCRIPTION EXPIRED | Suite | id | productId,quantity
    POOL DELETED | Suite | id | poolType,quantity,subscriptionId,subscriptionSubKey
    OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid
    "#);
    assert_eq!(world.pools().await, "");
    world.forget_events().await;
    world.import(&later(&small().entitlement(over("e1", "p1")), 2)).await;
    assert_snapshot!(world.events().await, @"IMPORT CREATED 5318290");
}

#[tokio::test]
async fn changed_content_is_stored() {
    let world = World::with_owner().await;
    let tags = |tags: &str| {
        small().product(Product::new("901", "Engine").content(Content::new("90101", "rpms").required_tags(tags)))
    };
    world.import(&tags("one")).await;
    let content = "SELECT requiredtags AS tags FROM cp_contents";
    assert_snapshot!(world.columns(content).await, @"tags=one");
    world.import(&later(&tags("one,two"), 1)).await;
    assert_snapshot!(world.columns(content).await, @"tags=one,two");
}

#[tokio::test]
async fn an_update_renames_adds_and_replaces_certificates() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    let serial = "SELECT upstream_entitlement_id AS entitlement, s.x509_serial AS serial, s.id AS local
                  FROM cp_subscription u JOIN cp_certificate c ON c.id = u.certificate_id
                  JOIN cp_cert_serial s ON s.id = c.serial_id
                  WHERE upstream_pool_id = 'p1'";
    let (before, id) = (world.columns(serial).await, world.list("SELECT id FROM cp_pool").await);
    let updated = small()
        .product(Product::new("901", "Engine 2").content(Content::new("90101", "engine-rpms").name("Renamed")))
        .product(Product::new("SKU-2", "Second"))
        .product(Product::new("SKU-3", "Third"))
        .entitlement(Entitlement::new("e1", "p1", "SKU").serial(77))
        .entitlement(Entitlement::new("e2", "p2", "SKU-2"))
        .entitlement(Entitlement::new("e3", "p3", "SKU-3"));
    world.import(&later(&updated, 1)).await;
    assert_snapshot!(world.products().await, @"
    901 | Engine 2 | 90101
    SKU | Suite
    SKU-2 | Second
    SKU-3 | Third
    ");
    assert_snapshot!(world.list("SELECT name FROM cp_contents").await, @"Renamed");
    assert_snapshot!(world.subscriptions().await, @"
    e1 | SKU x 10 | with 901
    e2 | SKU-2 x 10
    e3 | SKU-3 x 10
    ");
    assert_ne!(world.columns(serial).await, before);
    assert_snapshot!(world.list("SELECT x509_serial::text FROM cp_cert_serial WHERE x509_serial < 100").await, @"77");
    assert_eq!(world.list("SELECT id FROM cp_pool WHERE upstream_pool_id = 'p1'").await, id);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM cp_certificate").await, 3, "the replaced one is gone");
}

#[tokio::test]
async fn guests_have_a_pool_of_their_own_as_long_as_the_product_allows_them() {
    let world = World::with_owner().await;
    let guests = |limit: &str| {
        let sku = Product::new("SKU", "Suite").provides(&["901"]).attribute("multi-entitlement", "yes");
        small().product(sku.attribute("virt_limit", limit).attribute("host_limited", "true"))
    };
    world.import(&guests("5")).await;
    assert_snapshot!(world.pools().await, @"
    NORMAL | SKU x 10 | master
    UNMAPPED_GUEST | SKU x 50 | derived
    ");
    assert_snapshot!(world.columns("SELECT name, value FROM cp_pool_attribute ORDER BY name").await, @"
    name=physical_only | value=false
    name=pool_derived | value=true
    name=unmapped_guests_only | value=true
    name=virt_limit | value=0
    name=virt_only | value=true
    ");
    let derived = world.list("SELECT id FROM cp_pool WHERE subscriptionsubkey = 'derived'").await;
    let more = |manifest: Manifest| {
        let products = manifest.product(Product::new("SKU-2", "Second")).product(Product::new("SKU-3", "Third"));
        products.entitlement(Entitlement::new("e2", "p2", "SKU-2")).entitlement(Entitlement::new("e3", "p3", "SKU-3"))
    };
    world.import(&later(&more(guests("unlimited")), 1)).await;
    assert_snapshot!(world.pools().await, @"
    UNMAPPED_GUEST | SKU x -1 | derived
    NORMAL | SKU x 10 | master
    NORMAL | SKU-2 x 10 | master
    NORMAL | SKU-3 x 10 | master
    ");
    assert_eq!(world.list("SELECT id FROM cp_pool WHERE subscriptionsubkey = 'derived'").await, derived);
    world.import(&later(&more(guests("0")), 2)).await;
    assert_snapshot!(world.pools().await, @"
    NORMAL | SKU x 10 | master
    NORMAL | SKU-2 x 10 | master
    NORMAL | SKU-3 x 10 | master
    ");
}

#[tokio::test]
async fn without_entitlements_nothing_is_left() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    world.import(&later(&small().without_entitlement("e1").without("products/"), 1)).await;
    assert_snapshot!(world.last_entry().await, @"3 | 5318290: manifest imported; no subscription is active");
    assert_eq!((world.subscriptions().await, world.pools().await, world.products().await), Default::default());
    let left = "SELECT count(*) FROM cp_contents UNION ALL SELECT count(*) FROM cp_certificate";
    assert_snapshot!(world.list(&format!("SELECT count::text FROM ({left}) c")).await, @"
    0
    0
    ");
}

#[tokio::test]
async fn two_entitlements_of_one_upstream_pool_are_two_pools() {
    let world = World::with_owner().await;
    let chain = small()
        .chained()
        .entitlement(Entitlement::new("e1", "p1", "SKU").quantity(2))
        .entitlement(Entitlement::new("e2", "p1", "SKU").quantity(3));
    world.import(&chain).await;
    assert_snapshot!(world.pools().await, @"
    NORMAL | SKU x 2 | master
    NORMAL | SKU x 3 | master
    ");
}

#[tokio::test]
async fn a_pool_that_is_granted_twice_and_then_once() {
    let world = World::with_owner().await;
    let entitlement = |id: &str, quantity| Entitlement::new(id, "p1", "SKU").quantity(quantity);
    let first = small().entitlement(entitlement("e1", 15));
    world.import(&first).await;
    assert_snapshot!(world.subscriptions().await, @"e1 | SKU x 15 | with 901");
    let both = first.clone().entitlement(entitlement("e2", 25));
    world.import(&later(&both, 1)).await;
    assert_snapshot!(world.subscriptions().await, @"
    e1 | SKU x 15 | with 901
    e2 | SKU x 25 | with 901
    ");
    let ids = "SELECT s.id || ' ' || p.id FROM cp_subscription s JOIN cp_pool p ON p.subscriptionid = s.id";
    let second = world.list(&format!("{ids} WHERE s.upstream_entitlement_id = 'e2'")).await;
    world.import(&later(&both.without_entitlement("e1"), 2)).await;
    assert_snapshot!(world.subscriptions().await, @"e2 | SKU x 25 | with 901");
    assert_eq!(world.list(ids).await, second);
}
