//! Each file in `events/manifest-importer/` does what `events/README.md` says of it, handed to the function as Lambda would.

use insta::assert_snapshot;
use longshore_tests::samples::{Stage, files};

const IMPORTER: &str = "manifest-importer";
/// The owner of the samples.
const OWNER: &str = "5318290";

#[tokio::test]
async fn each_event_of_manifest_importer_alone_does_what_is_said_of_it() {
    let mut told = Vec::new();
    for name in files(IMPORTER) {
        let stage = Stage::set().await;
        stage.world.owner(OWNER).await;
        if matches!(name.as_str(), "older-manifest" | "forced-older") {
            stage.play(IMPORTER, "next-version").await;
        }
        told.push(stage.play(IMPORTER, &name).await);
        told.push(stage.imports().await + "\n");
        stage.rejected_records_are_kept().await;
    }
    assert_snapshot!(told.join("\n"), @"");
}

#[tokio::test]
async fn in_their_order_the_events_tell_a_story_of_one_owner() {
    let stage = Stage::set().await;
    stage.world.owner(OWNER).await;
    let mut told = Vec::new();
    let order = ["manifest", "manifest", "next-version", "older-manifest", "forced-older", "tampered", "data-bundle"];
    for name in order {
        told.push(stage.play(IMPORTER, name).await);
        told.push(stage.world.pools().await);
    }
    assert_snapshot!(told.join("\n"), @"");
    assert_snapshot!(stage.imports().await, @"");
}

#[tokio::test]
async fn without_an_owner_a_manifest_is_rejected_and_nothing_is_made() {
    let stage = Stage::set().await;
    assert_snapshot!(stage.play(IMPORTER, "manifest").await, @"");
    assert_eq!(stage.world.value::<i64>("SELECT count(*) FROM cp_products").await, 0);
}
