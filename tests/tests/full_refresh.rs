//! A full archive makes the inventory what Tower is.

use insta::assert_snapshot;
use longshore_tests::{ArchiveBuilder, World, object};

/// A bit of everything: two templates with an inventory, one with a survey, a workflow of both, credentials.
fn estate() -> ArchiveBuilder {
    ArchiveBuilder::new()
        // Surveys and nodes before what they point to: the order of entries is not defined.
        .survey("job_templates", 10, object::survey("Where to", [object::question("text", "target")]))
        .collection(
            "workflow_job_template_nodes",
            [
                object::node(100).set("workflow_job_template", 12).set("unified_job_template", 10).set("inventory", 33),
                object::node(101).set("workflow_job_template", 12).set("unified_job_template", 11).set("inventory", ()),
            ],
        )
        .collection(
            "job_templates",
            [
                object::job_template(10)
                    .set("name", "Deploy")
                    .set("inventory", "/api/v2/inventories/33/")
                    .set("survey_enabled", true),
                object::job_template(11).set("name", "Patch").set("inventory", 33).set("survey_enabled", false),
            ],
        )
        .collection(
            "workflow_job_templates",
            [object::workflow_job_template(12).set("name", "Deploy and patch").set("inventory", ())],
        )
        .collection("inventories", [object::inventory(33).set("name", "Production")])
        .collection("credential_types", [object::credential_type(1).set("name", "Machine").set("namespace", ())])
        .collection("credentials", [object::credential(7).set("name", "root").set("credential_type", 1)])
}

#[tokio::test]
async fn everything_is_stored_and_linked_whatever_the_order_of_entries() {
    let world = World::start().await;
    world.apply(&estate()).await;
    assert_snapshot!(world.rows().await, @r"
    credential_type | 1 | Machine | ssh |  | live
    credential | 7 | root | type 1 | live
    inventory | 33 | Production | live
    offering | 10 | Deploy | inventory 33 | live
    offering | 11 | Patch | inventory 33 | live
    offering | 12 | Deploy and patch | live
    node | 100 | workflow 12 | runs 10 | inventory 33 | live
    node | 101 | workflow 12 | runs 11 | live
    plan | 10 | Where to | of 10 | live
    ");
    assert_snapshot!(world.outcomes().await, @"applied | full");
    assert_snapshot!(world.warnings().await, @"");
}
