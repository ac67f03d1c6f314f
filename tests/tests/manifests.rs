//! A manifest becomes products, subscriptions, pools and an upstream consumer.

use insta::assert_snapshot;
use longshore_tests::World;
use longshore_tests::manifest::{Era, Manifest};

#[tokio::test]
async fn a_manifest_of_each_era_is_imported() {
    for era in [Era::A, Era::B, Era::C, Era::D] {
        let world = World::with_owner().await;
        world.import(&Manifest::sample(era)).await;
        eprintln!(
            "{era:?}\n{}\n{}\n{}\n{}\n{}\n{}\n{}",
            world.import_log().await,
            world.history().await,
            world.import_warnings().await,
            world.subscriptions().await,
            world.pools().await,
            world.products().await,
            world.events().await
        );
    }
}
