//! What is exported can be imported, and exported again: the same entitlements, products and rules, through both containers.

use longshore::export::Format;
use longshore_tests::exports::{DOWNSTREAM, Exporting, contents, meaning};
use longshore_tests::manifest::{Content, Entitlement, Manifest, Product};
use longshore_tests::{ORG, small};

/// Everything that a manifest can hold: branding, guests, content sets, rules, a network, a distributor version.
fn rich() -> Manifest {
    small()
        .product(
            Product::new("901", "Engine").attribute("arch", "x86_64").content(Content::new("90101", "engine-rpms")),
        )
        .product(Product::new("902", "Guest Engine").content(Content::new("90201", "guest-rpms").disabled()))
        .product(Product::new("SKU-G", "Suite for guests").provides(&["902"]))
        .product(Product::new("SKU", "Suite").provides(&["901"]).derived("SKU-G").attribute("support_level", "Gold"))
        .cdn("main", "Main CDN", "https://cdn.example")
        .distributor_version("lab-1", "Lab 1", &["cert_v3", "cores"])
        .rules("5.44")
        .entitlement(
            Entitlement::new("e1", "p1", "SKU").quantity(40).contract("C-1").account("A-1").order("O-1").branding(
                "901",
                "Engine OEM",
                "OS",
            ),
        )
        .entitlement(Entitlement::new("e2", "p2", "SKU").quantity(7))
}

/// Exports a distributor, imports that downstream, and exports a distributor of there that has all of it.
async fn round_trip(world: &Exporting, uuid: &str, format: Format) {
    let (archive, signature) = world.export(ORG, uuid, format).await;
    let first = contents(archive.clone());
    world.import_downstream(archive, &signature).await;
    let second = world.distributor_of(DOWNSTREAM, "second").await;
    let sql = format!(
        "INSERT INTO cp_entitlement (id, owner_id, consumer_id, pool_id, quantity, created, updated)
         SELECT md5(p.id), c.owner_id, c.id, p.id, p.quantity, now(), now()
         FROM cp_consumer c JOIN cp_pool p USING (owner_id) WHERE c.uuid = '{second}'"
    );
    world.execute(&sql).await;
    let (archive, _) = world.export(DOWNSTREAM, &second, format).await;
    assert_eq!(meaning(&first), meaning(&contents(archive)));
}

#[tokio::test]
async fn entitlements_come_through_both_containers() {
    for format in [Format::Zip, Format::Tar] {
        let world = Exporting::start().await;
        world.import(&rich()).await;
        let uuid = world.distributor_with(ORG, "first", 3).await;
        round_trip(&world, &uuid, format).await;
        let subscriptions = "SELECT concat_ws(' | ', s.product_id || ' x ' || s.quantity, s.contractnumber, s.derivedproduct_id,
                               (SELECT string_agg(product_id, ',') FROM cp_subscription_products WHERE subscription_id = s.id),
                               (SELECT string_agg(name, ',') FROM cp_subscription_branding WHERE subscription_id = s.id))
                             FROM cp_subscription s WHERE owner_id = 'downstream' ORDER BY contractnumber";
        assert_eq!(world.list(subscriptions).await, "SKU x 3 | C-1 | SKU-G | 901 | Engine OEM\nSKU x 3 | SKU-G | 901");
    }
}

#[tokio::test]
async fn no_entitlement_at_all_comes_through_too() {
    for format in [Format::Zip, Format::Tar] {
        let world = Exporting::start().await;
        world.import(&small()).await;
        let uuid = world.distributor("empty").await;
        let (archive, signature) = world.export(ORG, &uuid, format).await;
        world.import_downstream(archive, &signature).await;
        let linked = "SELECT u.uuid = c.uuid AND u.consumer_idcert_id IS NOT NULL
                      FROM cp_consumer c, cp_owner o JOIN cp_upstream_consumer u ON u.id = o.upstream_id
                      WHERE o.account = 'downstream'";
        assert!(world.value::<bool>(linked).await);
    }
}

#[tokio::test]
async fn two_thousand_entitlements_come_through_the_zip() {
    many(Format::Zip).await;
}

#[tokio::test]
async fn two_thousand_entitlements_come_through_the_tar() {
    many(Format::Tar).await;
}

async fn many(format: Format) {
    let world = Exporting::start().await;
    world
        .import(&rich().without_entitlement("e2").entitlement(Entitlement::new("e1", "p1", "SKU").quantity(5_000)))
        .await;
    let uuid = world.distributor("large").await;
    world.entitle_often(&uuid, 2_000).await;
    round_trip(&world, &uuid, format).await;
    let subscriptions: i64 = world.value("SELECT count(*) FROM cp_subscription WHERE quantity = 1").await;
    assert_eq!(subscriptions, 2_000);
}
