//! An incremental archive brings what changed, and lists what still exists.

use insta::assert_snapshot;
use longshore_tests::{ArchiveBuilder, World, object};

fn template(id: u64, name: &str) -> object::Object {
    object::job_template(id).set("name", name).set("survey_enabled", false)
}

/// Templates 10 to 12, the first with a survey, a workflow with two nodes, an inventory.
async fn world() -> World {
    let world = World::start().await;
    let full = ArchiveBuilder::new()
        .survey("job_templates", 10, object::survey("Where to", [object::question("text", "target")]))
        .collection(
            "job_templates",
            [template(10, "Deploy").set("survey_enabled", true), template(11, "Patch"), template(12, "Reboot")],
        )
        .collection(
            "workflow_job_templates",
            [object::workflow_job_template(20).set("name", "All").set("survey_enabled", false)],
        )
        .collection(
            "workflow_job_template_nodes",
            [
                object::node(100).set("workflow_job_template", 20).set("unified_job_template", 10),
                object::node(101).set("workflow_job_template", 20).set("unified_job_template", 11),
            ],
        )
        .collection("inventories", [object::inventory(33).set("name", "Production")]);
    world.apply(&full).await;
    world
}

#[tokio::test]
async fn pages_are_merged_and_what_the_id_files_lack_is_archived() {
    let world = world().await;
    let incremental = ArchiveBuilder::new()
        .collection("job_templates", [template(12, "Reboot all"), template(13, "New").set("inventory", 33)])
        .ids("job_templates", &[10, 12, 13])
        .ids("workflow_job_templates", &[20])
        .ids("workflow_job_template_nodes", &[100]);
    world.apply(&incremental).await;
    assert_snapshot!(world.rows().await, @r"
    inventory | 33 | Production | live
    offering | 10 | Deploy | live
    offering | 11 | Patch | archived
    offering | 12 | Reboot all | live
    offering | 13 | New | inventory 33 | live
    offering | 20 | All | live
    node | 100 | workflow 20 | runs 10 | live
    node | 101 | workflow 20 | runs 11 | archived
    plan | 10 | Where to | of 10 | live
    ");
    assert_snapshot!(world.outcomes().await, @r"
    applied | full
    applied | incremental
    ");
    assert_snapshot!(world.warnings().await, @"");
}

#[tokio::test]
async fn a_collection_without_id_files_is_only_upserted() {
    let world = world().await;
    let incremental = ArchiveBuilder::new()
        .collection("job_templates", [template(13, "New")])
        .ids("workflow_job_template_nodes", &[100, 101]);
    world.apply(&incremental).await;
    assert_snapshot!(world.rows().await, @r"
    inventory | 33 | Production | live
    offering | 10 | Deploy | live
    offering | 11 | Patch | live
    offering | 12 | Reboot | live
    offering | 13 | New | live
    offering | 20 | All | live
    node | 100 | workflow 20 | runs 10 | live
    node | 101 | workflow 20 | runs 11 | live
    plan | 10 | Where to | of 10 | live
    ");
    assert_snapshot!(world.warnings().await, @"");
}

#[tokio::test]
async fn incomplete_id_files_archive_nothing() {
    let world = world().await;
    let before = world.rows().await;
    let short = ArchiveBuilder::new().ids("job_templates", &[10, 11]).id_count("job_templates", 3);
    let repeated = ArchiveBuilder::new().ids("job_templates", &[10, 10, 11]);
    let unreadable = ArchiveBuilder::new()
        .raw("/api/v2/job_templates/id1.json", r#"{"count": 2, "results": [{"id": 10}, {"id": "eleven"}]}"#);
    for archive in [short, repeated, unreadable] {
        world.apply(&archive).await;
        assert_eq!(world.rows().await, before);
        assert!(
            world.warnings().await.contains("job_templates | nothing of it is archived"),
            "{}",
            world.warnings().await
        );
    }
}

#[tokio::test]
async fn an_empty_id_file_says_that_all_are_gone() {
    let world = world().await;
    world.apply(&ArchiveBuilder::new().ids("job_templates", &[])).await;
    assert_snapshot!(world.rows().await, @r"
    inventory | 33 | Production | live
    offering | 10 | Deploy | archived
    offering | 11 | Patch | archived
    offering | 12 | Reboot | archived
    offering | 20 | All | live
    node | 100 | workflow 20 | runs 10 | live
    node | 101 | workflow 20 | runs 11 | live
    plan | 10 | Where to | of 10 | archived
    ");
}

#[tokio::test]
async fn a_template_that_asks_no_survey_any_more_loses_its_plan_and_gets_it_back() {
    let world = world().await;
    let ids = [10, 11, 12];
    let off = ArchiveBuilder::new().collection("job_templates", [template(10, "Deploy")]).ids("job_templates", &ids);
    world.apply(&off).await;
    assert_snapshot!(plans(&world).await, @"plan | 10 | Where to | of 10 | archived");
    let on = ArchiveBuilder::new()
        .collection("job_templates", [template(10, "Deploy").set("survey_enabled", true)])
        .survey("job_templates", 10, object::survey("Where now", [object::question("integer", "count")]))
        .ids("job_templates", &ids);
    world.apply(&on).await;
    assert_snapshot!(plans(&world).await, @"plan | 10 | Where now | of 10 | live");
    // The known Tower bug: enabled, and nothing there.
    let bug = ArchiveBuilder::new().survey("job_templates", 10, serde_json::json!({})).ids("job_templates", &ids);
    world.apply(&bug).await;
    assert_snapshot!(plans(&world).await, @"plan | 10 | Where now | of 10 | archived");
    assert_snapshot!(world.outcomes().await, @r"
    applied | full
    applied | incremental
    applied | incremental
    applied | incremental
    ");
}

async fn plans(world: &World) -> String {
    let rows = world.rows().await;
    rows.lines().filter(|line| line.starts_with("plan")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_changed_survey_changes_its_title_too() {
    let world = world().await;
    let changed = ArchiveBuilder::new()
        .survey("job_templates", 10, object::survey("Where to, exactly", [object::question("text", "target")]))
        .ids("job_templates", &[10, 11, 12]);
    world.apply(&changed).await;
    let title = "SELECT create_json_schema #>> '{schema,title}' FROM service_plans";
    assert_eq!(world.value::<String>(title).await, "Where to, exactly");
    assert_snapshot!(plans(&world).await, @"plan | 10 | Where to, exactly | of 10 | live");
}
