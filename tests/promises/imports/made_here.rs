//! What was made here, and what other owners have, is none of an import's.

use insta::assert_snapshot;
use longshore_tests::manifest::{Content, Entitlement, Product};
use longshore_tests::{ORG, World, later, small};

/// Makes a pool of an imported product.
async fn custom_pool_of(world: &World, product: &str) {
    let sql = format!(
        "INSERT INTO cp_pool (id, owner_id, type, managed, product_uuid, quantity, startdate, enddate)
         SELECT 'of-imported', '{ORG}', 'NORMAL', false, uuid, 1, '2020-01-01', '2040-01-01'
         FROM cp_products WHERE product_id = '{product}' AND owner_id = '{ORG}'"
    );
    world.execute(&sql).await;
}

/// Rows that point to a product or content set that is not there.
const DANGLING: &str = "
  SELECT 'provided' FROM cp_product_provided_products
  WHERE product_uuid NOT IN (SELECT uuid FROM cp_products) OR provided_product_uuid NOT IN (SELECT uuid FROM cp_products)
  UNION ALL SELECT 'derived' FROM cp_products WHERE derived_product_uuid NOT IN (SELECT uuid FROM cp_products)
  UNION ALL SELECT 'content' FROM cp_product_contents
  WHERE product_uuid NOT IN (SELECT uuid FROM cp_products) OR content_uuid NOT IN (SELECT uuid FROM cp_contents)
  UNION ALL SELECT 'loose content' FROM cp_contents
  WHERE uuid NOT IN (SELECT content_uuid FROM cp_product_contents)";

#[tokio::test]
async fn products_and_pools_that_were_made_here_survive_every_update() {
    let world = World::with_owner().await;
    world.custom_pools().await;
    let with_tools = small().product(Product::new("902", "Tools"));
    world.import(&with_tools).await;
    // A pool made here of a product that came with the manifest keeps that product.
    custom_pool_of(&world, "902").await;
    // A product made here may have the id of one that comes with a manifest.
    world.execute("UPDATE cp_products SET product_id = 'SKU' WHERE product_id = 'LOCAL-1'").await;
    world.import(&later(&small(), 1)).await;
    assert_snapshot!(world.pools().await, @"
    NORMAL | 902 x 1 | custom
    NORMAL | LOCAL-2 x 5 | custom
    NORMAL | SKU x 5 | custom
    NORMAL | SKU x 10 | master
    ");
    let products = "SELECT product_id AS id, name, managed FROM cp_products ORDER BY product_id, managed";
    assert_snapshot!(world.columns(products).await, @"
    id=901 | name=Engine | managed=true
    id=902 | name=Tools | managed=true
    id=LOCAL-2 | name=Local 2 | managed=false
    id=SKU | name=Local 1 | managed=false
    id=SKU | name=Suite | managed=true
    ");
    world.import(&later(&with_tools, 2)).await;
    assert_snapshot!(world.pools().await, @"
    NORMAL | 902 x 1 | custom
    NORMAL | LOCAL-2 x 5 | custom
    NORMAL | SKU x 5 | custom
    NORMAL | SKU x 10 | master
    ");
}

#[tokio::test]
async fn a_subscription_that_was_made_here_survives_with_its_pool_and_certificate() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    let own = format!(
        "INSERT INTO cp_cert_serial (id, x509_serial) VALUES (5, 5);
         INSERT INTO cp_certificate (id, cert, digest, serial_id) VALUES ('own', 'cert', 'digest', 5);
         INSERT INTO cp_subscription (id, owner_id, product_id, quantity, startdate, enddate, certificate_id)
         VALUES ('own', '{ORG}', 'SKU', 7, '2020-01-01', '2040-01-01', 'own');
         INSERT INTO cp_pool (id, owner_id, type, managed, product_uuid, quantity, startdate, enddate, subscriptionid)
         SELECT 'own', '{ORG}', 'NORMAL', false, uuid, 7, '2020-01-01', '2040-01-01', 'own'
         FROM cp_products WHERE product_id = 'SKU'"
    );
    world.execute(&own).await;
    world.import(&later(&small().entitlement(Entitlement::new("e1", "p1", "SKU").quantity(3)), 1)).await;
    world.undo().await.unwrap();
    assert_snapshot!(world.subscriptions().await, @"SKU x 7");
    assert_snapshot!(world.pools().await, @"NORMAL | SKU x 7 | custom");
    assert_eq!(
        world.value::<i64>("SELECT count(*) FROM cp_certificate JOIN cp_cert_serial s ON s.id = serial_id").await,
        1
    );
}

#[tokio::test]
async fn products_of_two_owners_are_apart() {
    let world = World::with_owner().await;
    world.owner("6000001").await;
    world.import(&small()).await;
    let before = world.products().await;
    let other = small()
        .uuid("another")
        .product(Product::new("901", "Engine of the other").content(Content::new("90101", "rpms").url("/x")));
    world.import_for("6000001", &other).await;
    assert_snapshot!(world.products().await, @"
    901 | Engine | 90101
    SKU | Suite
    901 | Engine of the other | 90101
    SKU | Suite
    ");
    assert_snapshot!(world.list("SELECT contenturl FROM cp_contents ORDER BY owner_id").await, @"
    /content/engine-rpms/$releasever/os
    /x
    ");
    world.undo_of("6000001").await.unwrap();
    assert_eq!(world.products().await, before);
}

#[tokio::test]
async fn an_update_that_fails_leaves_everything_as_it_was() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    let before = world.row_versions(&["cp_import_record", "cp_import_upstream_consumer"]).await;
    world.forget_events().await;
    let broken = small().product(Product::new("901", "Engine 2")).entitlement(Entitlement::new("e9", "p9", "NOWHERE"));
    world.import(&later(&broken.rules("9.9").consumer_type("new", true), 1)).await;
    assert_snapshot!(world.last_entry().await, @"1 | entitlements/e9.json: product NOWHERE is not in products/");
    assert_eq!(world.row_versions(&["cp_import_record", "cp_import_upstream_consumer"]).await, before);
    assert_eq!(world.events().await, "");
}

#[tokio::test]
async fn a_pool_made_here_of_an_imported_product_keeps_the_product_with_all_that_it_brings_along() {
    let world = World::with_owner().await;
    let manifest = small()
        .product(Product::new("902", "Guest engine"))
        .product(Product::new("SKU-G", "Guests").provides(&["902"]))
        .product(Product::new("SKU", "Suite").provides(&["901"]).derived("SKU-G"))
        .product(Product::new("903", "Of nobody"));
    world.import(&manifest).await;
    let (before, products) = (world.imported_rows().await, world.products().await);
    custom_pool_of(&world, "SKU").await;
    world.undo().await.unwrap();
    assert_snapshot!(world.products().await, @"
    901 | Engine | 90101
    902 | Guest engine
    SKU | Suite
    SKU-G | Guests
    ");
    assert_eq!(world.list(DANGLING).await, "");
    world.import(&manifest).await;
    assert_eq!(world.products().await, products);
    assert_eq!(world.list(DANGLING).await, "");
    world.execute("DELETE FROM cp_pool WHERE id = 'of-imported'").await;
    assert_eq!(world.imported_rows().await, before);
    // The same when a newer manifest does not have it any more.
    custom_pool_of(&world, "SKU").await;
    let without = small().without_entitlement("e1").raw("entitlements/none.txt", "").without("products/SKU.json");
    world.import(&later(&without, 1)).await;
    assert_snapshot!(world.products().await, @"
    901 | Engine | 90101
    902 | Guest engine
    SKU | Suite
    SKU-G | Guests
    ");
    assert_eq!(world.list(DANGLING).await, "");
    world.import(&later(&manifest, 2)).await;
    assert_eq!(world.products().await, products);
    assert_eq!(world.list(DANGLING).await, "");
}

#[tokio::test]
async fn a_product_made_here_keeps_the_imported_products_that_it_provides() {
    let world = World::with_owner().await;
    world.custom_pools().await;
    world.import(&small()).await;
    let link = "INSERT INTO cp_product_provided_products SELECT l.uuid, p.uuid FROM cp_products l, cp_products p
                WHERE l.product_id = 'LOCAL-1' AND p.product_id = '901'";
    world.execute(link).await;
    world.undo().await.unwrap();
    assert_snapshot!(world.products().await, @"
    901 | Engine | 90101
    LOCAL-1 | Local 1
    LOCAL-2 | Local 2
    ");
    assert_eq!(world.list(DANGLING).await, "");
}
