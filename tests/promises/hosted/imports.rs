//! Owners that import and pass on: what an import takes away is taken back from those who have it.

use insta::assert_snapshot;
use longshore_tests::manifest::{Entitlement, Manifest, Product};
use longshore_tests::{ORG, World, later, small};
use serde_json::json;

/// The id of the pool that was imported for a product.
async fn pool_of(world: &World, product: &str) -> String {
    world
        .value(&format!(
            "SELECT p.id FROM cp_pool p JOIN cp_products g ON g.uuid = p.product_uuid
             WHERE g.product_id = '{product}' AND p.subscriptionsubkey = 'master'"
        ))
        .await
}

/// Two subscriptions: ten of `SKU`, six of `SKU-2`.
fn two() -> Manifest {
    small()
        .product(Product::new("SKU-2", "Second").provides(&["901"]))
        .entitlement(Entitlement::new("e2", "p2", "SKU-2").quantity(6))
}

#[tokio::test]
async fn a_pool_that_goes_takes_its_entitlements_along() {
    let world = World::with_owner().await;
    world.import(&two()).await;
    let uuid = world.distributor("lab").await;
    for (product, quantity) in [("SKU", 3), ("SKU-2", 2), ("SKU-2", 4)] {
        world.entitle(&uuid, &pool_of(&world, product).await, quantity).await;
    }
    assert_snapshot!(world.taken().await, @"
    SKU x 3
    SKU-2 x 2
    SKU-2 x 4
    SKU | 3 of 10 | exported 3
    SKU-2 | 6 of 6 | exported 6
    ");
    world.forget_events().await;
    world.import(&later(&small(), 1)).await;
    assert_snapshot!(world.taken().await, @"
    SKU x 3
    SKU | 3 of 10 | exported 3
    ");
    assert_eq!(world.orphans().await, "");
    assert_snapshot!(world.events().await, @"
    PRODUCT DELETED Second
    SUBSCRIPTION DELETED SKU-2
    POOL DELETED Second
    OWNER_ENTITLEMENTS MODIFIED 5318290
    IMPORT CREATED 5318290
    ");
    world.undo().await.unwrap();
    assert_snapshot!(world.taken().await, @"");
    assert_eq!(world.orphans().await, "");
    // The distributor stays, and can take from the next import.
    world.import(&two()).await;
    world.entitle(&uuid, &pool_of(&world, "SKU-2").await, 6).await;
    assert_snapshot!(world.taken().await, @"
    SKU-2 x 6
    SKU | 0 of 10 | exported 0
    SKU-2 | 6 of 6 | exported 6
    ");
}

#[tokio::test]
async fn a_pool_that_sinks_below_what_is_taken_takes_the_newest_back_until_it_fits() {
    let world = World::with_owner().await;
    world.import(&two()).await;
    let (sku, second) = (pool_of(&world, "SKU").await, pool_of(&world, "SKU-2").await);
    let uuids = [world.distributor("one").await, world.distributor("two").await];
    for (uuid, quantity) in [(&uuids[0], 4), (&uuids[1], 3), (&uuids[0], 1), (&uuids[1], 2)] {
        world.entitle(uuid, &sku, quantity).await;
    }
    world.entitle(&uuids[0], &second, 6).await;
    world.forget_events().await;
    // 4 and 3 fit into 7, 1 and 2 do not; nothing that is older is looked for that would.
    let fewer = two().entitlement(Entitlement::new("e1", "p1", "SKU").quantity(7));
    world.import(&later(&fewer, 1)).await;
    assert_snapshot!(world.taken().await, @"
    SKU x 4
    SKU x 3
    SKU-2 x 6
    SKU | 7 of 7 | exported 7
    SKU-2 | 6 of 6 | exported 6
    ");
    assert_snapshot!(world.events().await, @"
    SUBSCRIPTION MODIFIED Suite
    POOL MODIFIED Suite
    OWNER_ENTITLEMENTS MODIFIED 5318290
    IMPORT CREATED 5318290
    ");
    assert_eq!(world.orphans().await, "");
    let none = two().entitlement(Entitlement::new("e1", "p1", "SKU").quantity(3));
    world.import(&later(&none, 2)).await;
    assert_snapshot!(world.taken().await, @"
    SKU-2 x 6
    SKU | 0 of 3 | exported 0
    SKU-2 | 6 of 6 | exported 6
    ");
    assert_eq!(world.orphans().await, "");
}

#[tokio::test]
async fn an_import_that_fails_takes_nothing_back() {
    let world = World::with_owner().await;
    world.import(&two()).await;
    let uuid = world.distributor("lab").await;
    world.entitle(&uuid, &pool_of(&world, "SKU").await, 10).await;
    let before = (world.taken().await, world.row_versions(&["cp_import_record", "cp_import_upstream_consumer"]).await);
    let broken = small().without_entitlement("e1").entitlement(Entitlement::new("e9", "p9", "NOWHERE"));
    world.import(&later(&broken, 1)).await;
    let after = (world.taken().await, world.row_versions(&["cp_import_record", "cp_import_upstream_consumer"]).await);
    assert_eq!(after, before);
}

#[tokio::test]
async fn an_import_and_those_who_take_do_not_get_more_than_there_is() {
    let world = World::with_owner().await;
    world.import(&two()).await;
    let (sku, uuid) = (pool_of(&world, "SKU").await, world.distributor("lab").await);
    let setup = world.setup_for(4, longshore::clock::Clock::system()).await;
    let command = json!({"command": "entitle", "consumer": uuid, "pool": sku, "quantity": 2}).to_string();
    let fewer = later(&two().entitlement(Entitlement::new("e1", "p1", "SKU").quantity(5)), 1);
    let take = futures_util::future::join_all((0..5).map(|_| setup.handle(&command, None)));
    // Whoever is first: what was taken before the import is taken back by it, what comes after it finds less.
    tokio::join!(world.import(&fewer), take);
    assert!(world.value::<bool>("SELECT bool_and(quantity_consumed <= quantity) FROM cp_pool").await);
    assert_eq!(world.orphans().await, "");
}

#[tokio::test]
async fn a_consumer_type_that_a_distributor_has_is_not_removed() {
    let world = World::with_owner().await;
    world.import(&small().consumer_type("lab", true)).await;
    let command = json!({"command": "create-distributor", "owner": ORG, "name": "lab", "type": "lab"});
    world.setup(command).await;
    let known = "SELECT label FROM cp_consumer_type WHERE NOT seeded";
    let without = later(&small(), 1).consumer_type("other", true);
    world.import(&without).await;
    assert_snapshot!(world.list(known).await, @"
    lab
    other
    ");
    let uuid: String = world.value("SELECT uuid FROM cp_consumer").await;
    world.setup(json!({"command": "delete-distributor", "uuid": uuid})).await;
    world.import(&later(&small(), 2)).await;
    assert_snapshot!(world.list(known).await, @"");
}
