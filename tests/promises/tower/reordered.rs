//! Delivery is at least once and unordered across partitions; the rows end up the same.

use insta::assert_snapshot;
use longshore_tests::{Announcement, ArchiveBuilder, World, object};

fn template(id: u64, name: &str, modified: &str) -> object::Object {
    object::job_template(id).set("name", name).set("survey_enabled", false).set("modified", modified)
}

const MONDAY: &str = "2026-01-05T08:00:00Z";
const TUESDAY: &str = "2026-01-06T08:00:00Z";
const WEDNESDAY: &str = "2026-01-07T08:00:00Z";

fn full(name: &str, modified: &str) -> ArchiveBuilder {
    ArchiveBuilder::new().collection("job_templates", [template(1, name, modified), template(2, "Steady", MONDAY)])
}

/// Everything, down to the versions of rows: a redelivery must not even touch them.
async fn versions(world: &World) -> String {
    let sql = "SELECT jsonb_build_object(
        'offerings', (SELECT jsonb_agg(to_jsonb(o) || jsonb_build_object('v', o.xmin::text) ORDER BY id) FROM service_offerings o),
        'sources', (SELECT jsonb_agg(to_jsonb(s) || jsonb_build_object('v', s.xmin::text) ORDER BY id) FROM sources s),
        'refreshes', (SELECT jsonb_agg(to_jsonb(r) || jsonb_build_object('v', r.xmin::text) ORDER BY id) FROM refreshes r),
        'outbox', (SELECT count(*) FROM outbox WHERE family = 'event'))";
    format!("{:#}", world.value::<serde_json::Value>(sql).await)
}

#[tokio::test]
async fn a_redelivered_message_changes_nothing() {
    let world = World::start().await;
    let event = world.event(&[world.announce(&full("One", MONDAY)).at(MONDAY)]);
    assert!(world.invoke(&event).await.failed().is_empty());
    let before = versions(&world).await;
    for _ in 0..3 {
        assert!(world.invoke(&event).await.failed().is_empty());
    }
    assert_eq!(versions(&world).await, before);
}

#[tokio::test]
async fn the_same_archive_twice_in_one_batch_is_applied_once() {
    let world = World::start().await;
    let message = world.announce(&full("One", MONDAY)).at(MONDAY);
    assert!(world.deliver(&[message.clone(), message.clone(), message.partition(1)]).await.is_empty());
    assert_snapshot!(world.outcomes().await, @"applied | full");
}

#[tokio::test]
async fn a_full_archive_older_than_the_last_one_applied_is_superseded() {
    let world = World::start().await;
    world.apply_at(&full("New", TUESDAY), TUESDAY).await;
    let before = world.complete_rows().await;
    world.apply_at(&full("Old", MONDAY), MONDAY).await;
    assert_eq!(world.complete_rows().await, before);
    assert_snapshot!(world.outcomes().await, @r"
    applied | full
    superseded | full
    ");
    assert_snapshot!(world.value::<String>("SELECT refresh_state FROM sources").await, @"Done");
}

#[tokio::test]
async fn an_archive_applied_before_the_last_one_is_applied_again_and_changes_nothing() {
    let world = World::start().await;
    let first = world.event(&[world.announce(&full("Old", MONDAY)).at(MONDAY)]);
    let second = world.event(&[world.announce(&full("New", TUESDAY)).at(TUESDAY)]);
    world.invoke(&first).await;
    world.invoke(&second).await;
    let before = world.complete_rows().await;
    for event in [&first, &second, &first] {
        assert!(world.invoke(event).await.failed().is_empty());
        assert_eq!(world.complete_rows().await, before);
    }
    // The redelivery of the first must not hide that it was applied.
    assert_snapshot!(world.outcomes().await, @r"
    applied | full
    applied | full
    ");
}

#[tokio::test]
async fn an_older_incremental_archive_updates_only_what_is_live_and_older() {
    let world = World::start().await;
    let newest = ArchiveBuilder::new().collection(
        "job_templates",
        [
            template(1, "Changed on Wednesday", WEDNESDAY),
            template(2, "Unchanged since Monday", MONDAY),
            template(4, "Fourth", MONDAY),
        ],
    );
    let with_third = ArchiveBuilder::new()
        .collection("job_templates", [template(3, "Third", MONDAY), template(4, "Fourth", MONDAY)]);
    world.apply_at(&with_third, MONDAY).await;
    world.apply_at(&newest, WEDNESDAY).await; // archives 3
    let late = ArchiveBuilder::new()
        .collection(
            "job_templates",
            [
                template(1, "As of Tuesday", TUESDAY),      // newer here
                template(2, "Changed on Tuesday", TUESDAY), // older here: updated
                template(3, "Back?", TUESDAY),              // archived: stays so
                template(5, "New?", TUESDAY),               // unknown: not added
            ],
        )
        .survey("job_templates", 2, object::survey("S", [object::question("text", "t")]))
        .ids("job_templates", &[1, 2, 3, 5]); // lacks 4: archives nothing
    world.apply_at(&late, TUESDAY).await;
    assert_snapshot!(world.rows().await, @r"
    offering | 1 | Changed on Wednesday | live
    offering | 2 | Changed on Tuesday | live
    offering | 3 | Third | archived
    offering | 4 | Fourth | live
    ");
    assert_snapshot!(world.outcomes().await, @r"
    applied | full
    applied | full
    applied | older incremental
    ");
    assert_snapshot!(world.value::<String>("SELECT last_successful_refresh_at::text FROM sources").await, @"2026-01-07 08:00:00");
}

#[tokio::test]
async fn two_incremental_archives_in_either_order_end_in_the_same_rows() {
    let first = || {
        ArchiveBuilder::new()
            .collection("job_templates", [template(1, "Renamed on Tuesday", TUESDAY)])
            .ids("job_templates", &[1, 2])
    };
    let second = || {
        ArchiveBuilder::new()
            .collection("job_templates", [template(2, "Renamed on Wednesday", WEDNESDAY)])
            .ids("job_templates", &[1, 2])
    };
    let mut ends = Vec::new();
    for swapped in [false, true] {
        let world = World::start().await;
        world.apply_at(&full("One", MONDAY), MONDAY).await;
        let mut archives = [(first(), TUESDAY), (second(), WEDNESDAY)];
        if swapped {
            archives.reverse();
        }
        for (archive, at) in &archives {
            world.apply_at(archive, at).await;
        }
        ends.push(world.rows().await);
    }
    assert_eq!(ends[0], ends[1]);
    assert_snapshot!(ends[0], @r"
    offering | 1 | Renamed on Tuesday | live
    offering | 2 | Renamed on Wednesday | live
    ");
}

#[tokio::test]
async fn the_age_of_a_message_without_one_is_kafkas() {
    let world = World::start().await;
    let url = world.serve(full("One", MONDAY).build());
    assert!(world.deliver(&[Announcement::of(&url).without("timestamp")]).await.is_empty());
    assert_snapshot!(world.value::<String>("SELECT last_successful_refresh_at::text FROM sources").await, @"2026-01-01 00:00:00");
}

#[tokio::test]
async fn a_redelivery_whose_archive_is_gone_is_known_to_have_been_applied() {
    let world = World::start().await;
    let url = world.serve(full("One", MONDAY).build());
    let event = world.event(&[Announcement::of(&url).at(MONDAY)]);
    assert!(world.invoke(&event).await.failed().is_empty());
    let before = versions(&world).await;
    world.withdraw(&url); // a presigned URL has expired
    assert!(world.invoke(&event).await.failed().is_empty());
    assert_eq!(versions(&world).await, before);
    assert_snapshot!(world.outcomes().await, @"applied | full");
}

#[tokio::test]
async fn the_same_archive_uploaded_again_keeps_what_lies_between_out() {
    let world = World::start().await;
    let message = world.announce(&full("Steady", MONDAY));
    assert!(world.deliver(&[message.clone().at(MONDAY)]).await.is_empty());
    assert!(world.deliver(&[message.at(WEDNESDAY)]).await.is_empty());
    // Late: Tower was like this in between, and is not any more.
    world.apply_at(&full("For a day", TUESDAY), TUESDAY).await;
    assert!(world.rows().await.contains("offering | 1 | Steady | live"));
    assert_snapshot!(world.outcomes().await, @r"
    applied | full
    superseded | full
    ");
}

#[tokio::test]
async fn a_time_in_the_future_does_not_keep_later_archives_out() {
    let world = World::start().await;
    world.apply_at(&full("From 2099", MONDAY), "2099-01-01T00:00:00Z").await;
    world.apply_at(&full("Today", TUESDAY), "2026-03-01T00:00:00Z").await;
    assert!(world.rows().await.contains("offering | 1 | Today | live"));
    // Not even Kafka has a time for this one: it is as of now, and not of 1970.
    let event = world.event(&[world.announce(&full("Timeless", WEDNESDAY)).at("2099-01-01T00:00:00Z")]);
    assert!(world.invoke(&event.replace("1767225600000", "-1")).await.failed().is_empty());
    assert!(world.rows().await.contains("offering | 1 | Timeless | live"));
}

#[tokio::test]
async fn a_record_of_another_time_at_the_same_place_is_another_record() {
    let world = World::start().await;
    let event = world.event(&[world.announce(&full("One", MONDAY)).at(MONDAY)]);
    assert!(world.invoke(&event).await.failed().is_empty());
    // The topic was made again: the same offset, and an archive that cannot be had at this moment.
    let url = world.serve(full("Two", TUESDAY).build());
    world.withdraw(&url);
    let again = world.event(&[Announcement::of(&url).at(TUESDAY)]);
    let again = again.replace("\"offset\":1,", "\"offset\":0,").replace("1767225600000", "1798761600000");
    assert!(world.invoke(&again).await.failed().is_empty());
    assert_snapshot!(world.outcomes().await, @r"
    applied | full
    failed | Download | the server answered 404
    rejected | Download | the server answered 404
    ");
}
