//! Databases that others have written before.

use insta::assert_snapshot;
use longshore_tests::{ArchiveBuilder, World, object};

/// A tenant and a source, as the API makes them.
async fn world() -> World {
    let world = World::start().await;
    world
        .execute(
            "INSERT INTO tenants (id, external_tenant) VALUES (1, '5318290');
             INSERT INTO sources (id, tenant_id, uid, enabled) VALUES (1, 1, 'tower-1', true)",
        )
        .await;
    world
}

fn template(id: u64) -> object::Object {
    object::job_template(id).set("name", format!("T{id}")).set("survey_enabled", false)
}

#[tokio::test]
async fn a_template_that_is_there_twice_follows_tower_in_both_rows_and_links_to_the_first() {
    let world = world().await;
    world
        .execute(
            "INSERT INTO service_offerings (id, tenant_id, source_id, source_ref, name, created_at, updated_at)
             VALUES (1, 1, 1, '10', 'Old', now(), now()), (2, 1, 1, '10', 'Older', now(), now());
             SELECT setval('service_offerings_id_seq', 10)",
        )
        .await;
    let node = object::node(5).set("workflow_job_template", 11).set("unified_job_template", 10);
    let archive = ArchiveBuilder::new()
        .collection("job_templates", [template(10)])
        .collection(
            "workflow_job_templates",
            [object::workflow_job_template(11).set("name", "W").set("survey_enabled", false)],
        )
        .collection("workflow_job_template_nodes", [node]);
    world.apply(&archive).await;
    assert_snapshot!(world.rows().await, @r"
    offering | 10 | T10 | live
    offering | 10 | T10 | live
    offering | 11 | W | live
    node | 5 | workflow 11 | runs 10 | live
    ");
    assert_eq!(world.value::<i64>("SELECT service_offering_id FROM service_offering_nodes").await, 1);
}

#[tokio::test]
async fn rows_that_never_got_a_type_are_archived_only_when_neither_collection_has_them() {
    let world = world().await;
    world
        .execute(
            "INSERT INTO service_offerings (tenant_id, source_id, source_ref, name, created_at, updated_at)
             SELECT 1, 1, ref, 'Untyped', now(), now() FROM unnest('{10,20,30}'::text[]) ref",
        )
        .await;
    world.apply(&ArchiveBuilder::new().collection("job_templates", [template(10)])).await;
    assert_snapshot!(world.rows().await, @r"
    offering | 10 | T10 | live
    offering | 20 | Untyped | live
    offering | 30 | Untyped | live
    ");
    let both = ArchiveBuilder::new().collection("job_templates", [template(10)]).collection(
        "workflow_job_templates",
        [object::workflow_job_template(20).set("name", "T20").set("survey_enabled", false)],
    );
    world.apply(&both).await;
    assert_snapshot!(world.rows().await, @r"
    offering | 10 | T10 | live
    offering | 20 | T20 | live
    offering | 30 | Untyped | archived
    ");
}

#[tokio::test]
async fn rows_without_a_source_and_of_other_sources_are_left_alone() {
    let world = world().await;
    world
        .execute(
            "INSERT INTO sources (id, tenant_id, uid, enabled) VALUES (2, 1, 'tower-2', true);
             INSERT INTO service_inventories (tenant_id, source_id, source_ref, name, created_at, updated_at)
             VALUES (1, NULL, '7', 'Nobody', now(), now()), (1, 2, '7', 'Other', now(), now())",
        )
        .await;
    world.apply(&ArchiveBuilder::new().collection("inventories", [object::inventory(8).set("name", "Mine")])).await;
    assert_snapshot!(world.rows().await, @r"
    inventory | 7 | Nobody | live
    inventory | 7 | Other | live
    inventory | 8 | Mine | live
    ");
}

#[tokio::test]
async fn an_archived_row_beside_a_live_one_stays_archived_and_of_archived_ones_the_first_returns() {
    let world = world().await;
    world
        .execute(
            "INSERT INTO service_offerings (id, tenant_id, source_id, source_ref, name, created_at, updated_at, archived_at)
             VALUES (1, 1, 1, '10', 'Old', now(), now(), now()), (2, 1, 1, '10', 'Live', now(), now(), NULL),
                    (3, 1, 1, '11', 'First', now(), now(), now()), (4, 1, 1, '11', 'Second', now(), now(), now());
             SELECT setval('service_offerings_id_seq', 10)",
        )
        .await;
    world.apply(&ArchiveBuilder::new().collection("job_templates", [template(10), template(11)])).await;
    let live = "SELECT string_agg(id::text, ',' ORDER BY id) FROM service_offerings WHERE archived_at IS NULL";
    assert_eq!(world.value::<String>(live).await, "2,3");
}

#[tokio::test]
async fn a_plan_that_never_had_a_template_goes_once_all_templates_are_known() {
    let world = world().await;
    let survey = object::survey("Orphan", [object::question("text", "a")]);
    world.apply(&ArchiveBuilder::new().survey("job_templates", 95, survey)).await;
    assert_snapshot!(world.rows().await, @"plan | 95 | Orphan | live");
    let all = ArchiveBuilder::new()
        .collection("job_templates", [template(10)])
        .collection("workflow_job_templates", Vec::<serde_json::Value>::new());
    world.apply(&all).await;
    assert_snapshot!(world.rows().await, @r"
    offering | 10 | T10 | live
    plan | 95 | Orphan | archived
    ");
}
