//! Undoing imports: as if there had been none, but for the history.

use insta::assert_snapshot;
use longshore_tests::manifest::{Era, Manifest};
use longshore_tests::{World, later, small};

/// Tables whose rows outlive an undo: what all owners share, and what is on record.
const STAYS: [&str; 8] = [
    "candlepin.cp_cdn",
    "candlepin.cp_dist_version",
    "candlepin.cp_dist_version_capability",
    "candlepin.cp_import_record",
    "candlepin.cp_import_upstream_consumer",
    "candlepin.cp_rules",
    "longshore.imports",
    "longshore.outbox",
];

async fn counts(world: &World) -> Vec<String> {
    let counts = world.row_counts().await.into_iter();
    counts.filter(|line| !STAYS.contains(&line.split(' ').next().unwrap_or_default())).collect()
}

#[tokio::test]
async fn pools_that_were_made_here_stay() {
    let world = World::with_owner().await;
    world.custom_pools().await;
    world.import(&small()).await;
    let undone = world.undo().await.unwrap();
    assert_snapshot!(format!("{undone:?}"), @"Undone { pools: 1, subscriptions: 1, products: 2 }");
    assert_snapshot!(world.pools().await, @"
    NORMAL | LOCAL-1 x 5 | custom
    NORMAL | LOCAL-2 x 5 | custom
    ");
    assert_snapshot!(world.products().await, @"
    LOCAL-1 | Local 1
    LOCAL-2 | Local 2
    ");
}

#[tokio::test]
async fn the_owner_is_linked_to_nobody_and_nothing_is_left() {
    for era in Era::ALL {
        let world = World::with_owner().await;
        let before = counts(&world).await;
        world.import(&Manifest::sample(era)).await;
        assert_ne!(counts(&world).await, before);
        world.undo().await.unwrap();
        assert_eq!(counts(&world).await, before, "{era:?}");
        assert_eq!(world.value::<Option<String>>("SELECT upstream_id FROM cp_owner").await, None);
    }
}

#[tokio::test]
async fn what_was_imported_before_leaves_nothing_either() {
    let world = World::with_owner().await;
    let before = counts(&world).await;
    world.import(&Manifest::sample(Era::D)).await;
    world.import(&later(&small().product(longshore_tests::manifest::Product::new("NEW", "New")), 1)).await;
    world.import_forcing(&later(&small().uuid("another"), 2), &["DISTRIBUTOR_CONFLICT"]).await;
    world.undo().await.unwrap();
    assert_eq!(counts(&world).await, before);
}

#[tokio::test]
async fn the_history_says_who_undid_what() {
    let world = World::with_owner().await;
    world.import(&small().content_access_mode("org_environment")).await;
    let undone =
        "SELECT r.status, r.statusmessage AS message, r.generated_by AS by, r.generated_date IS NOT NULL AS dated,
                         u.uuid, u.name, u.content_access_mode AS mode
                  FROM cp_import_record r LEFT JOIN cp_import_upstream_consumer u ON u.id = r.upstream_id
                  WHERE r.status = 2";
    assert_eq!(world.columns(undone).await, "");
    world.undo().await.unwrap();
    assert_snapshot!(world.columns(undone).await, @"status=2 | message=5318290: imports undone by admin | by=admin | dated=true | uuid=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | name=lab-distributor | mode=org_environment");
}

#[tokio::test]
async fn the_same_manifest_can_be_imported_again() {
    let world = World::with_owner().await;
    let manifest = Manifest::sample(Era::D);
    world.import(&manifest).await;
    let first = world.imported_rows().await;
    world.undo().await.unwrap();
    world.import(&manifest).await;
    assert_snapshot!(world.history().await, @"
    0 | 5318290: manifest imported
    2 | 5318290: imports undone by admin
    0 | 5318290: manifest imported
    ");
    assert_eq!(world.imported_rows().await, first);
    world.undo().await.unwrap();
    world.import(&later(&manifest, -10)).await;
    assert_snapshot!(world.last_entry().await, @"0 | 5318290: manifest imported");
}

#[tokio::test]
async fn another_owner_can_import_it_afterwards() {
    let world = World::with_owner().await;
    world.owner("6000001").await;
    world.import(&small()).await;
    let announced = || world.announce_manifest(&small()).org("6000001").metadata("owner", "6000001");
    world.import_announced(announced()).await;
    assert_snapshot!(world.last_entry().await, @"1 | consumer.json: consumer 0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 is another owner's; undo that owner's import first, or have a manifest made for another consumer");
    world.undo().await.unwrap();
    world.import_announced(announced()).await;
    assert_snapshot!(world.last_entry().await, @"0 | 6000001: manifest imported");
}

#[tokio::test]
async fn another_owners_import_is_untouched() {
    let world = World::with_owner().await;
    world.owner("6000001").await;
    world.import_for("6000001", &small().uuid("another")).await;
    let before = world.imported_rows().await;
    world.import(&small()).await;
    world.undo().await.unwrap();
    assert_eq!(world.imported_rows().await, before);
}

#[tokio::test]
async fn where_nothing_was_imported_nothing_is_undone() {
    let world = World::with_owner().await;
    let error = world.undo().await.unwrap_err();
    assert_snapshot!(error.to_string(), @"owner 5318290 has no import to undo");
    world.import(&small().signature("garbage")).await;
    assert!(world.undo().await.is_err(), "a failure is no import");
    world.import(&small()).await;
    world.undo().await.unwrap();
    let before = world.row_versions(&[]).await;
    assert!(world.undo().await.is_err(), "it is undone already");
    assert_eq!(world.row_versions(&[]).await, before);
}

#[tokio::test]
async fn each_thing_that_goes_is_told() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    world.forget_events().await;
    world.undo().await.unwrap();
    assert_snapshot!(world.events_in_full().await, @"
    PRODUCT DELETED | Engine | 901 | productId
    PRODUCT DELETED | Suite | SKU | productId
    SUBSCRIPTION DELETED | Suite | id | productId,quantity,upstreamEntitlementId,upstreamPoolId
    POOL DELETED | Suite | id | poolType,quantity,subscriptionId,subscriptionSubKey
    UPSTREAM_CONSUMER DELETED | lab-distributor | id | uuid
    OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    IMPORT DELETED | 5318290 | 5318290 | pools,products,subscriptions
    ");
    let common = "SELECT DISTINCT concat_ws(' ', key, principal_data, request_id) FROM outbox WHERE family = 'event'";
    assert_snapshot!(world.list(common).await, @r#"owner/5318290 {"name": "admin", "type": "user"} undo-1"#);
}
