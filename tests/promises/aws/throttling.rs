//! S3 asks to slow down: for a moment, and for longer than an invocation waits.

use hyper::Method;
use insta::assert_snapshot;
use longshore_tests::cloud::Cloud;
use longshore_tests::exports::{contents, export_event, export_record};
use longshore_tests::{Announcement, ArchiveBuilder, World, function, object};

/// More than anybody tries.
const LONG: usize = 1_000;

async fn start() -> (World, Cloud) {
    (World::with_owner().await, Cloud::start().await)
}

/// A record of an archive in S3, and the path that it is asked for at.
async fn record(world: &World, cloud: &Cloud) -> (String, String) {
    let archive = ArchiveBuilder::new().collection("inventories", (1..200).map(object::inventory));
    let url = cloud.upload("tower.tar.gz", archive.build()).await;
    (world.event(&[Announcement::of(&url)]), url.replace("s3:/", ""))
}

#[tokio::test]
async fn a_download_outlasts_as_many_refusals_as_it_has_further_attempts() {
    let (world, cloud) = start().await;
    let (event, path) = record(&world, &cloud).await;
    let mut process = cloud.function("tower-persister", &world, &[]).await;
    cloud.slow_down(Method::GET, 3);
    assert_eq!(function::call(&mut process, &event).await, Ok(vec![]), "{:#?}", process.logs());
    assert_eq!(world.outcomes().await, "applied | full");
    assert_eq!(cloud.asked(&format!("GET {path} (SlowDown)")), 3);
    assert_eq!(cloud.asked(&format!("GET {path}")), 1);
}

#[tokio::test]
async fn a_download_that_is_throttled_for_long_comes_again_and_is_applied_then() {
    let (world, cloud) = start().await;
    let (event, path) = record(&world, &cloud).await;
    let mut process = cloud.function("tower-persister", &world, &[("LONGSHORE_DOWNLOAD_ATTEMPTS", "2")]).await;
    cloud.slow_down(Method::GET, LONG);
    assert_eq!(function::call(&mut process, &event).await, Ok(vec![0]));
    assert_eq!(cloud.asked(&format!("GET {path} (SlowDown)")), 2);
    function::left(&process, "Download").await;
    assert_snapshot!(world.outcomes().await, @"failed | Download | the download failed: S3 answered SlowDown");
    cloud.slow_down(Method::GET, 0);
    assert_eq!(function::call(&mut process, &event).await, Ok(vec![]));
    assert_eq!(world.outcomes().await, "applied | full");
    assert_eq!(world.objects().await, 199);
}

/// The record itself gets there when S3 relents in time. When it does not, the row alone is kept, and nothing waits.
#[tokio::test]
async fn a_throttled_rejection_target_holds_nothing_up() {
    for (refusals, attempts, kept) in [(1, "3", 1), (LONG, "2", 0)] {
        let (world, cloud) = start().await;
        let mut process = cloud.function("tower-persister", &world, &[("AWS_MAX_ATTEMPTS", attempts)]).await;
        cloud.slow_down(Method::PUT, refusals);
        let event = world.event(&[Announcement::of("s3://others/a.tar.gz")]);
        assert_eq!(function::call(&mut process, &event).await, Ok(vec![]));
        assert_eq!(world.value::<i64>("SELECT count(*) FROM rejected_records").await, 1);
        let places = "SELECT coalesce(string_agg(kept_at, ' '), '') FROM rejected_records";
        let place: String = world.value(places).await;
        assert_eq!(place.split_whitespace().count(), kept, "{place}");
        match kept {
            1 => assert!(String::from_utf8(cloud.object(&place).await).unwrap().contains("NotAllowed")),
            _ => drop(function::logged(&process, "the rejected record did not reach its target").await),
        }
    }
}

#[tokio::test]
async fn an_upload_of_a_manifest_outlasts_a_refusal_or_comes_again() {
    let (world, cloud) = start().await;
    let uuid = world.distributor_with_tools().await;
    let mut process = cloud.function("manifest-exporter", &world, &[("AWS_MAX_ATTEMPTS", "2")]).await;
    let [short, long] = [0, 1].map(|offset| export_event(offset, &[export_record(&uuid)]));
    cloud.slow_down(Method::PUT, 1);
    assert_eq!(function::call(&mut process, &short).await, Ok(vec![]), "{:#?}", process.logs());
    cloud.slow_down(Method::PUT, LONG);
    assert_eq!(function::call(&mut process, &long).await, Ok(vec![1]));
    let line = function::left(&process, "Storage").await;
    assert!(line["error"].as_str().unwrap().contains("SlowDown"), "{line}");
    cloud.slow_down(Method::PUT, 0);
    assert_eq!(function::call(&mut process, &long).await, Ok(vec![]));
    let outcomes = "SELECT string_agg(concat_ws(' ', outcome, error_kind), ', ' ORDER BY id) FROM exports";
    assert_snapshot!(world.value::<String>(outcomes).await, @"exported, exported");
    let places = "SELECT location FROM exports WHERE outcome = 'exported'";
    for row in world.client().query(places, &[]).await.unwrap() {
        assert!(contents(cloud.object(row.get(0)).await).contains_key("consumer.json"));
    }
}
