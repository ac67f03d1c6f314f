//! The rights that the README grants are those that the function needs.

use insta::assert_snapshot;
use longshore_tests::{ArchiveBuilder, World, database, function, object};
use uuid::Uuid;

const README: &str = include_str!("../../README.md");
const ROLE: &str = "longshore_persister";

/// The README's statements for a role of that name: roles are the server's, not a database's.
fn grants(role: &str) -> String {
    let (_, rest) = README.split_once(&format!("   CREATE ROLE {ROLE} LOGIN PASSWORD 'change me';")).unwrap();
    let (grants, _) = rest.split_once("```").unwrap();
    format!("CREATE ROLE {role} LOGIN PASSWORD 'change me'; {}", grants.replace(ROLE, role))
}

fn estate() -> ArchiveBuilder {
    ArchiveBuilder::new()
        .collection("credential_types", [object::credential_type(1)])
        .collection("credentials", [object::credential(2).set("credential_type", 1)])
        .collection("inventories", [object::inventory(3)])
        .collection("job_templates", [object::job_template(10).set("survey_enabled", true).set("inventory", 3)])
        .survey("job_templates", 10, object::survey("Where to", [object::question("text", "target")]))
        .collection("workflow_job_templates", [object::workflow_job_template(12).set("survey_enabled", false)])
        .collection(
            "workflow_job_template_nodes",
            [object::node(4).set("workflow_job_template", 12).set("unified_job_template", 10)],
        )
}

#[tokio::test]
async fn the_rights_of_the_readme_are_enough_and_do_not_own_the_tables() {
    let world = World::start().await;
    let role = format!("role_{}", Uuid::new_v4().simple());
    world.execute(&grants(&role)).await;
    let url = database::url_for(world.database_url(), &role, "change%20me");
    let mut process = function::start("tower-persister", &world.variables(), &[("DATABASE_URL", &url)]).await;

    let none = ArchiveBuilder::new().collection("job_templates", [] as [object::Object; 0]);
    let task = Uuid::new_v4().to_string();
    let event = world.event(&[
        world.announce(&estate()),
        world.announce(&none).at("2026-01-02T00:00:00Z").set("category", task),
        world.announce(&estate()).set("url", "https://example.com/"),
        world.announce(&estate()).set("url", ()),
    ]);
    assert_eq!(function::call(&mut process, &event).await, Ok(vec![]), "{:#?}", process.logs());
    assert_snapshot!(world.outcomes().await, @r"
    applied | full
    applied | full
    failed | NotAllowed | downloading from there is not allowed: host example.com is not on the allow-list
    rejected | Message | url is missing
    rejected | NotAllowed | downloading from there is not allowed: host example.com is not on the allow-list
    ");
    assert_snapshot!(world.rows().await, @r"
    credential_type | 1 | Credential type 1 | ssh | ssh | live
    credential | 2 | Credential 2 | type 1 | live
    inventory | 3 | Inventory 3 | live
    offering | 10 | Job template 10 | inventory 3 | archived
    offering | 12 | Workflow 12 | live
    node | 4 | workflow 12 | runs 10 | live
    plan | 10 | Where to | of 10 | archived
    ");

    let client = database::connect(&url).await;
    for forbidden in ["DROP TABLE service_plans", "DELETE FROM service_plans", "DELETE FROM refreshes", "TABLE outbox"]
    {
        assert!(client.batch_execute(forbidden).await.is_err(), "{forbidden}");
    }
}
