//! Several refreshes at once: of one source they take turns, of different sources they do not wait for each other.

use futures_util::future::join_all;
use longshore_tests::{ArchiveBuilder, World, object};

fn archive(name: &str, count: u64) -> ArchiveBuilder {
    let templates =
        (1..=count).map(|id| object::job_template(id).set("name", format!("{name} {id}")).set("survey_enabled", false));
    ArchiveBuilder::new().collection("job_templates", templates)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_refreshes_of_one_source_at_once_leave_the_rows_of_one() {
    let world = World::start().await;
    world.apply_at(&archive("seed", 1), "2026-01-01T00:00:00Z").await;
    let functions = [world.another_persister().await, world.another_persister().await];
    let events = [
        world.event(&[world.announce(&archive("even", 200)).at("2026-01-02T00:00:00Z")]),
        world.event(&[world.announce(&archive("odd", 200)).at("2026-01-02T00:00:00Z").partition(1)]),
    ];
    let answers = join_all(functions.iter().zip(&events).map(|(function, event)| function.handle(event, None))).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().failed().is_empty()));
    let names = "SELECT count(DISTINCT split_part(name, ' ', 1)) FROM service_offerings WHERE archived_at IS NULL";
    assert_eq!(world.value::<i64>(names).await, 1);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM service_offerings").await, 200);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM refreshes WHERE outcome = 'applied'").await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_record_delivered_to_two_functions_at_once_is_applied_once() {
    let world = World::start().await;
    world.apply_at(&archive("seed", 1), "2026-01-01T00:00:00Z").await;
    let functions = [world.another_persister().await, world.another_persister().await, world.another_persister().await];
    let event = world.event(&[world.announce(&archive("once", 150)).at("2026-01-02T00:00:00Z")]);
    let answers = join_all(functions.iter().map(|function| function.handle(&event, None))).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().failed().is_empty()));
    assert_eq!(world.value::<i64>("SELECT count(*) FROM refreshes WHERE outcome = 'applied'").await, 2);
    assert_eq!(world.value::<i64>("SELECT sum(attempts)::bigint FROM refreshes").await, 2);
    assert_eq!(world.value::<String>("SELECT refresh_state FROM sources").await, "Done");
}

#[tokio::test]
async fn a_source_does_not_wait_for_another() {
    let world = World::start().await;
    // Somebody holds the turn of the first source.
    for reporter in ["slow", "quick"] {
        assert!(world.deliver(&[world.announce(&archive("seed", 1)).reporter(reporter)]).await.is_empty());
    }
    world
        .execute("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('longshore refresh of source ' || id, 0)) FROM sources WHERE uid = 'slow'")
        .await;
    let event = world.event(&[
        world.announce(&archive("slow", 2)).reporter("slow"),
        world.announce(&archive("quick", 2)).reporter("quick"),
    ]);
    // The first cannot be done in time; the second is, although it comes later on the same partition.
    let response = world.invoke_within(&event, Some(std::time::Duration::from_secs(7))).await;
    assert_eq!(response.failed().len(), 1);
    world.execute("ROLLBACK").await;
    let live = "SELECT string_agg(DISTINCT split_part(o.name, ' ', 1), ',') FROM service_offerings o JOIN sources s ON s.id = o.source_id WHERE s.uid = ";
    assert_eq!(world.value::<String>(&format!("{live} 'quick'")).await, "quick");
    assert_eq!(world.value::<String>(&format!("{live} 'slow'")).await, "seed");
    assert!(world.invoke(&event).await.failed().is_empty());
    assert_eq!(world.value::<String>(&format!("{live} 'slow'")).await, "slow");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_sources_in_one_batch_are_all_applied() {
    let world = World::with(&[("LONGSHORE_CONCURRENCY", "4")]).await;
    let messages: Vec<_> = (0..12)
        .map(|n| world.announce(&archive(&format!("s{n}"), 20)).reporter(&format!("tower-{n}")).partition(n % 3))
        .collect();
    assert!(world.deliver(&messages).await.is_empty());
    assert_eq!(world.value::<i64>("SELECT count(*) FROM service_offerings WHERE name LIKE 's%'").await, 240);
    let wrong = "SELECT count(*) FROM service_offerings o JOIN sources s ON s.id = o.source_id WHERE split_part(o.name, ' ', 1) <> 's' || split_part(s.uid, '-', 2)";
    assert_eq!(world.value::<i64>(wrong).await, 0);
}
