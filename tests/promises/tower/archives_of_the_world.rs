//! Archives and servers as they are out there: pages in any order, long names, several gzip members, a failover.

use insta::assert_snapshot;
use longshore_devkit::archive::{gzip, list_response};
use longshore_tests::database::connect;
use longshore_tests::{Announcement, ArchiveBuilder, World, object};
use serde_json::Value;

fn template(id: u64, name: &str) -> object::Object {
    object::job_template(id).set("name", name).set("survey_enabled", false)
}

fn templates(ids: impl IntoIterator<Item = u64>) -> Vec<Value> {
    ids.into_iter().map(|id| template(id, &format!("T{id}")).into()).collect()
}

fn inventory(id: u64, name: &str) -> object::Object {
    object::inventory(id).set("name", name)
}

/// Templates 1 to 7 on pages of at most three, as Tower lists them: each page tells the whole count.
async fn seven_templates() -> World {
    let world = World::start().await;
    world.apply(&ArchiveBuilder::new().collection_paged("job_templates", templates(1..=7), 3)).await;
    world
}

/// Which templates are live, and what the last refresh said about them.
async fn live_templates(world: &World) -> String {
    let live: String = world
        .value(
            "SELECT string_agg(source_ref, ' ' ORDER BY source_ref) FROM service_offerings WHERE archived_at IS NULL",
        )
        .await;
    let warnings = world.warnings().await;
    let told = warnings.lines().filter(|line| line.starts_with("job_templates"));
    [live.as_str()].into_iter().chain(told).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn pages_in_any_order_are_one_collection_and_what_is_gone_is_archived() {
    let world = seven_templates().await;
    assert_snapshot!(live_templates(&world).await, @"1 2 3 4 5 6 7");
    // 2 and 6 are gone.
    let archive = ArchiveBuilder::new()
        .page("job_templates", 2, list_response(5, templates([4, 5])))
        .page("job_templates", 3, list_response(5, templates([7])))
        .page("job_templates", 1, list_response(5, templates([1, 3])));
    world.apply(&archive).await;
    assert_snapshot!(live_templates(&world).await, @"1 3 4 5 7");
}

#[tokio::test]
async fn a_page_that_is_missing_between_others_archives_nothing() {
    let world = seven_templates().await;
    let archive = ArchiveBuilder::new().page("job_templates", 3, list_response(5, templates([7]))).page(
        "job_templates",
        1,
        list_response(5, templates([1, 3])),
    );
    world.apply(&archive).await;
    assert_snapshot!(live_templates(&world).await, @r"
    1 2 3 4 5 6 7
    job_templates | nothing of it is archived: page 2 of at least 3 is missing
    ");
}

/// Results and count agree, and still a page that must have been there is not.
#[tokio::test]
async fn a_gap_in_the_numbers_archives_nothing_even_when_the_count_is_met() {
    let world = seven_templates().await;
    let archive = ArchiveBuilder::new().page("job_templates", 1, list_response(3, templates([1, 3]))).page(
        "job_templates",
        3,
        list_response(3, templates([7])),
    );
    world.apply(&archive).await;
    assert_snapshot!(live_templates(&world).await, @r"
    1 2 3 4 5 6 7
    job_templates | nothing of it is archived: page 2 of at least 3 is missing
    ");
}

#[tokio::test]
async fn id_files_on_several_pages_are_one_list() {
    let world = seven_templates().await;
    let archive = ArchiveBuilder::new().ids_paged("job_templates", &[7, 5, 4, 3, 1], 2);
    world.apply(&archive).await;
    assert_snapshot!(live_templates(&world).await, @"1 3 4 5 7");
    assert_snapshot!(world.outcomes().await, @r"
    applied | full
    applied | incremental
    ");
}

/// A complete collection on one page, as bytes.
fn page(objects: Vec<Value>) -> Vec<u8> {
    list_response(objects.len() as u64, objects).to_string().into_bytes()
}

#[tokio::test]
async fn names_in_pax_headers_and_gnu_long_names_are_names_like_others() {
    let world = World::start().await;
    let survey = object::survey("Where to", [object::question("text", "target")]);
    let asks = template(1, "Deploy").set("survey_enabled", true).set("inventory", 7);
    let archive = ArchiveBuilder::new()
        .pax_path("/api/v2/job_templates/1/survey_spec/page1.json", Value::from(survey).to_string())
        .gnu_long_name("./api/v2/job_templates/page1.json", page(vec![asks.into()]))
        .pax_path("api/v2/inventories/page1.json", page(vec![inventory(7, "Lab").into()]))
        .gnu_long_name(&format!("logs/{}.txt", "x".repeat(300)), "not ours")
        .pax_path(&format!("logs/{}.txt", "y".repeat(300)), "not ours either");
    world.apply(&archive).await;
    assert_snapshot!(world.rows().await, @r"
    inventory | 7 | Lab | live
    offering | 1 | Deploy | inventory 7 | live
    plan | 1 | Where to | of 1 | live
    ");
    // They count for completeness as well: what they no longer hold is gone.
    let later = ArchiveBuilder::new()
        .gnu_long_name("/api/v2/job_templates/page1.json", page(Vec::new()))
        .pax_path("/api/v2/inventories/page1.json", page(vec![inventory(7, "Lab").into()]));
    world.apply(&later).await;
    assert_snapshot!(world.rows().await, @r"
    inventory | 7 | Lab | live
    offering | 1 | Deploy | inventory 7 | archived
    plan | 1 | Where to | of 1 | archived
    ");
}

/// `cat a.gz b.gz` is a gzip file too, and parallel compressors write such ones.
#[tokio::test]
async fn several_gzip_members_in_a_row_are_one_archive() {
    let world = World::start().await;
    let tar = ArchiveBuilder::new()
        .collection("inventories", [inventory(1, "One"), inventory(2, "Two")])
        .collection("job_templates", [template(3, "Three").set("inventory", 2)])
        .build_tar();
    // Cut within an entry, so that neither member is an archive by itself.
    let (first, rest) = tar.split_at(700);
    let url = world.serve([gzip(first, 6), gzip(rest, 1)].concat());
    let failed = world.deliver(&[Announcement::of(&url)]).await;
    assert!(failed.is_empty());
    assert_snapshot!(world.outcomes().await, @"applied | full");
    assert_snapshot!(world.rows().await, @r"
    inventory | 1 | One | live
    inventory | 2 | Two | live
    offering | 3 | Three | inventory 2 | live
    ");
}

/// Takes the turn of the only source until the transaction ends.
const TURN: &str =
    "SELECT pg_advisory_xact_lock(hashtextextended('longshore refresh of source ' || id, 0)) FROM sources";

/// The function's sessions in this database that wait for a lock.
const OURS: &str = "FROM pg_stat_activity WHERE application_name = 'longshore' AND datname = current_database()
                    AND wait_event_type = 'Lock'";

/// The test's own sessions that do.
const OTHERS: &str = "FROM pg_stat_activity WHERE application_name <> 'longshore' AND datname = current_database()
                      AND wait_event_type = 'Lock'";

/// Applies an archive, and returns the event that announces a newer one.
async fn old_then_new(world: &World) -> String {
    let archive = |name| ArchiveBuilder::new().collection("inventories", [inventory(1, name)]);
    world.apply_at(&archive("Old"), "2026-01-01T00:00:00Z").await;
    world.event(&[world.announce(&archive("New")).at("2026-01-02T00:00:00Z")])
}

/// A failover ends sessions with `57P01`; here while the refresh waits for its turn at the source.
#[tokio::test]
async fn a_session_that_the_server_ends_costs_a_redelivery() {
    let world = World::start().await;
    let event = old_then_new(&world).await;

    let other = connect(world.database_url()).await;
    other.batch_execute(&format!("BEGIN; {TURN}")).await.unwrap();
    let end_it_when_it_waits = async {
        let waiting = format!("{OURS} AND wait_event = 'advisory'");
        world.eventually(&format!("SELECT count(*) = 1 {waiting}")).await;
        assert!(world.value::<bool>(&format!("SELECT bool_and(pg_terminate_backend(pid)) {waiting}")).await);
    };
    let (response, ()) = tokio::join!(world.invoke(&event), end_it_when_it_waits);
    assert_eq!(response.failed().len(), 1, "{}", world.outcomes().await);
    other.batch_execute("ROLLBACK").await.unwrap();
    world.nothing_is_left().await;
    assert_snapshot!(world.rows().await, @"inventory | 1 | Old | live");
    assert_snapshot!(world.outcomes().await, @"applied | full");

    assert!(world.invoke(&event).await.failed().is_empty());
    assert_snapshot!(world.rows().await, @"inventory | 1 | New | live");
    assert_snapshot!(world.outcomes().await, @r"
    applied | full
    applied | full
    ");
}

/// A deadlock: the refresh has its source's turn and needs a row; whoever holds the row asks for the turn.
#[tokio::test]
async fn a_deadlock_costs_a_redelivery() {
    let world = World::start().await;
    let quick =
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = %L', current_database(), '50ms'); END $$";
    world.execute(quick).await;
    let event = old_then_new(&world).await;

    let (other, gate) = (connect(world.database_url()).await, connect(world.database_url()).await);
    // Whoever waits longer than its time-out looks for deadlocks, and ends itself: the other must not be first.
    other
        .batch_execute("SET deadlock_timeout = '10min'; BEGIN; SELECT FROM service_inventories FOR UPDATE")
        .await
        .unwrap();
    // The refresh gets its turn, and stops on its way to the row until the other waits for the turn.
    gate.batch_execute("BEGIN; LOCK TABLE staged_inventories IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let ask_for_the_turn = async {
        world.eventually(&format!("SELECT count(*) = 1 {OURS} AND wait_event = 'relation'")).await;
        let open_the_gate = async {
            world.eventually(&format!("SELECT count(*) = 1 {OTHERS} AND wait_event = 'advisory'")).await;
            gate.batch_execute("ROLLBACK").await.unwrap();
        };
        let (turn, ()) = tokio::join!(other.batch_execute(TURN), open_the_gate);
        turn.unwrap();
    };
    let (response, ()) = tokio::join!(world.invoke(&event), ask_for_the_turn);
    assert_eq!(response.failed().len(), 1, "{}", world.outcomes().await);
    other.batch_execute("ROLLBACK").await.unwrap();
    world.nothing_is_left().await;
    world.eventually("SELECT deadlocks = 1 FROM pg_stat_database WHERE datname = current_database()").await;
    assert_snapshot!(world.rows().await, @"inventory | 1 | Old | live");

    assert!(world.invoke(&event).await.failed().is_empty());
    assert_snapshot!(world.rows().await, @"inventory | 1 | New | live");
    assert_snapshot!(world.outcomes().await, @r"
    applied | full
    applied | full
    ");
}
