//! The rights that the README grants are those that the functions need.

use insta::assert_snapshot;
use longshore_tests::api::{Api, Request, role_arn};
use longshore_tests::exports::{Exporting, export_event, export_record};
use longshore_tests::manifest::{Era, Manifest, Product};
use longshore_tests::publishing::{Cluster, publish};
use longshore_tests::{ArchiveBuilder, ORG, World, database, function, later, object};
use serde_json::json;
use uuid::Uuid;

const README: &str = include_str!("../../../README.md");

/// Carries out the README's statements for a role, under another name, because roles are the server's, not a database's.
/// Returns the database for that role.
async fn grant(world: &World, role: &str) -> String {
    let (_, rest) = README.split_once(&format!("   CREATE ROLE {role} LOGIN PASSWORD 'change me';")).unwrap();
    let (grants, _) = rest.split_once("```").unwrap();
    let name = format!("role_{}", Uuid::new_v4().simple());
    world.execute(&format!("CREATE ROLE {name} LOGIN PASSWORD 'change me'; {}", grants.replace(role, &name))).await;
    database::url_for(world.database_url(), &name, "change%20me")
}

/// Statements that a role may not run.
async fn refuses(url: &str, statements: &[&str]) {
    let client = database::connect(url).await;
    for forbidden in statements {
        let error = client.batch_execute(forbidden).await.expect_err(forbidden);
        assert_eq!(error.code().unwrap().code(), "42501", "{forbidden}: {error}");
    }
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
    let url = grant(&world, "longshore_persister").await;
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

    refuses(&url, &["DROP TABLE service_plans", "DELETE FROM service_plans", "DELETE FROM refreshes", "TABLE outbox"])
        .await;
}

/// One with something that the sample has not, so that the next import has to remove it.
fn with_more() -> Manifest {
    Manifest::sample(Era::D)
        .rules("5.40")
        .consumer_type("lab", true)
        .product(Product::new("904", "Example Extra").dependent("901").relies_on("902"))
}

#[tokio::test]
async fn the_rights_of_the_readme_are_enough_to_import_and_do_not_show_a_key() {
    let world = World::with(&[("LONGSHORE_IMPORT_RECORDS", "2")]).await;
    world.owner(ORG).await;
    let url = grant(&world, "longshore_importer").await;
    let mut process = function::start("manifest-importer", &world.variables(), &[("DATABASE_URL", &url)]).await;

    let next = later(&Manifest::sample(Era::D), 60)
        .rules("5.41")
        .name("renamed")
        .without_entitlement("4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909")
        .cdn("main", "Main", "https://cdn2.example")
        .distributor_version("lab-1", "Laboratory 1", &["cert_v3"])
        .product(Product::new("901", "Example Engine 2"));
    let event = world.event(&[
        world.announce_manifest(&with_more()),
        world.announce_manifest(&next),
        world.announce_manifest(&next),
        world.announce_manifest(&with_more()),
        world.announce_bytes(b"no zip".to_vec()),
        world.announce_manifest(&with_more()).set("url", ()),
    ]);
    assert_eq!(function::call(&mut process, &event).await, Ok(vec![]), "{:#?}", process.logs());
    assert_snapshot!(world.import_log().await, @r"
    imported
    imported
    already imported
    failed | Conflict | MANIFEST_OLD: it was made at 2026-03-05 10:20:30.400 UTC, the one imported last at 2026-03-05 11:20:30.400 UTC; to force it, name MANIFEST_OLD in metadata.force
    failed | Archive | neither a manifest (a zip) nor a data bundle (gzip): it starts with [6e, 6f, 20, 7a]
    rejected | Message | url is missing
    rejected | Conflict | MANIFEST_OLD: it was made at 2026-03-05 10:20:30.400 UTC, the one imported last at 2026-03-05 11:20:30.400 UTC; to force it, name MANIFEST_OLD in metadata.force
    rejected | Archive | neither a manifest (a zip) nor a data bundle (gzip): it starts with [6e, 6f, 20, 7a]
    ");
    assert_eq!(world.value::<i64>("SELECT count(*) FROM cp_import_record").await, 2);
    assert_eq!(world.orphans().await, "");

    refuses(
        &url,
        &[
            "DROP TABLE cp_pool",
            "TRUNCATE cp_pool",
            "TABLE outbox",
            "DELETE FROM outbox",
            "SELECT privatekey FROM cp_certificate",
            "SELECT privatekey FROM cp_id_cert",
            "SELECT cert FROM cp_certificate",
            "UPDATE cp_certificate SET privatekey = NULL",
            "TABLE cp_key_pair",
            "INSERT INTO cp_owner (id, account, displayname) VALUES ('x', 'x', 'x')",
            "UPDATE cp_owner SET account = 'x'",
            "DELETE FROM cp_owner",
            "INSERT INTO grants VALUES ('x', '5318290', 'import', now())",
            "INSERT INTO upstream_registrations VALUES ('x', '5318290', now())",
            "UPDATE cp_import_record SET status = 0",
            "TABLE refreshes",
            "TABLE service_offerings",
        ],
    )
    .await;
}

#[tokio::test]
async fn the_rights_of_the_readme_are_enough_to_export_and_change_nothing_else() {
    let world = Exporting::start().await;
    world.import(&with_more()).await;
    let uuid = world.distributor_with(ORG, "first", 1).await;
    // Certificates are issued anew, for the pools say something else.
    world.execute("UPDATE cp_pool SET enddate = enddate + interval '1 day'; DELETE FROM cp_product_certificates").await;
    let url = grant(&world, "longshore_exporter").await;
    let (endpoint, credentials) = (world.s3().endpoint(), world.s3().credentials());
    let further = [
        ("DATABASE_URL", url.as_str()),
        ("AWS_ENDPOINT_URL_S3", endpoint),
        ("AWS_ACCESS_KEY_ID", &credentials.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key),
    ];
    let mut process = function::start("manifest-exporter", &world.variables(), &further).await;
    let event = export_event(0, &[export_record(&uuid), export_record("nobody"), json!({})]);
    assert_eq!(function::call(&mut process, &event).await, Ok(vec![]), "{:#?}", process.logs());
    assert_snapshot!(world.export_log().await, @"
    failed | zip | admin | req-1 | Owner | consumer nobody is unknown, or the caller may not export it; see create-distributor and grant of setup
    exported | zip | 2 entitlements | admin | req-1
    rejected | Message | the identity is missing, and so are org_id and account
    rejected | Owner | consumer nobody is unknown, or the caller may not export it; see create-distributor and grant of setup
    ");

    refuses(
        &url,
        &[
            "TABLE outbox",
            "DELETE FROM cp_entitlement",
            "UPDATE cp_entitlement SET quantity = 1",
            "UPDATE cp_owner SET account = 'x'",
            "UPDATE cp_key_pair SET privatekey = NULL",
            "TABLE cp_certificate",
            "TABLE cp_upstream_consumer",
            "INSERT INTO grants VALUES ('x', '5318290', 'export', now())",
            "DELETE FROM cp_consumer",
            "TABLE imports",
            "TABLE refreshes",
        ],
    )
    .await;
}

#[tokio::test]
async fn the_rights_of_the_readme_are_enough_to_answer_requests_and_show_no_other_key() {
    let world = World::with_owner().await;
    let url = grant(&world, "longshore_api").await;
    world.grant(&role_arn("admin"), ORG, "admin").await;
    let mut api = Api::process(&world, &[("DATABASE_URL", &url)]).await;
    let path = |what: &str| format!("/candlepin/owners/{ORG}/{what}");
    for _ in 0..2 {
        world.import(&with_more()).await;
        let listed = api.ask(&Request::get(&path("upstream_consumers")).role("admin")).await;
        assert!(listed.json()[0]["idCert"]["key"].is_string(), "{listed:?}");
        assert_eq!(api.ask(&Request::get(&path("imports")).role("admin")).await.status, 200);
        let undone = api.ask(&Request::delete(&path("imports")).role("admin")).await;
        assert_eq!(undone.status, 200, "{}", api.logs().join("\n"));
    }
    assert_eq!(world.orphans().await, "");

    refuses(
        &url,
        &[
            "DROP TABLE cp_pool",
            "TRUNCATE cp_pool",
            "SELECT privatekey FROM cp_certificate",
            "SELECT privatekey FROM cp_key_pair",
            "UPDATE cp_id_cert SET privatekey = NULL",
            "INSERT INTO grants VALUES ('x', '5318290', 'admin', now())",
            "DELETE FROM grants",
            "DELETE FROM cp_owner",
            "UPDATE cp_owner SET account = 'x'",
            "UPDATE cp_consumer_type SET manifest = false",
            "UPDATE cp_import_record SET status = 0",
            "UPDATE cp_pool SET quantity = 1",
            "TABLE outbox",
            "TABLE imports",
            "TABLE service_offerings",
        ],
    )
    .await;
}

#[tokio::test]
async fn the_rights_of_the_readme_are_enough_to_publish() {
    let (world, cluster) = (World::start().await, Cluster::start(1).await);
    let url = grant(&world, "longshore_publisher").await;
    world.fill_outbox(5, 2).await;
    world.execute("UPDATE outbox SET event_data = jsonb_build_object('text', repeat('x', 1100000)) WHERE id = 1").await;
    let publisher = world.publisher(&cluster, &[("DATABASE_URL", &url)]).await;
    let done = publish(&publisher).await.unwrap();
    assert_eq!((done.published, done.parked), (4, 1));
    world.execute("UPDATE outbox SET published_at = published_at - interval '1 year'").await;
    assert_eq!(publish(&publisher).await.unwrap().deleted, 4);
    let forbidden =
        ["UPDATE outbox SET event_data = '{}'", "INSERT INTO outbox DEFAULT VALUES", "SELECT FROM candlepin.cp_owner"];
    refuses(&url, &forbidden).await;
}
