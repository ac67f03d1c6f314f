//! The database is brought up to date whatever it holds, as often as one likes, and what is there stays as it is.

use futures_util::future::join_all;
use insta::assert_snapshot;
use longshore::aws::Aws;
use longshore::clock::Clock;
use longshore::failure::Classified;
use longshore::settings::Settings;
use longshore::setup::{Setup, SetupError};
use longshore_tests::{ArchiveBuilder, World, database, function, object};
use serde_json::{Value, json};
use std::time::Duration;
use tokio_postgres::Client;

const API: &str = include_str!("migrations/catalog_inventory.sql");

/// The database with nothing else set.
const DEFAULTS: &[(&str, &str)] = &[];

/// Carries out a command as the function `setup` does.
async fn run(url: &str, settings: &[(&str, &str)], command: Value) -> Result<Value, SetupError> {
    let lookup = |name: &str| {
        let found = settings.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned());
        found.or_else(|| (name == "DATABASE_URL").then(|| url.to_owned()))
    };
    let settings = Settings::read(lookup).unwrap();
    Setup::new(settings, &Aws::from_env().await, Clock::system(), 1).handle(&command.to_string(), None).await
}

async fn migrate(url: &str) -> Result<Value, SetupError> {
    run(url, DEFAULTS, json!({"command": "migrate"})).await
}

async fn lines(client: &Client, sql: &str) -> Vec<String> {
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Everything that the catalogue says about a schema, a line each.
async fn described(client: &Client, schema: &str) -> Vec<String> {
    let sql = "
      SELECT line FROM (
        SELECT concat_ws(' ', 'relation', c.oid::regclass, c.relkind, c.relpersistence, c.relowner::regrole, c.reloptions, c.relacl) AS line
          FROM pg_class c WHERE c.relnamespace = '{schema}'::regnamespace
        UNION ALL
        SELECT concat_ws(' ', 'column', a.attrelid::regclass, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
          WHERE c.relnamespace = '{schema}'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
        UNION ALL
        SELECT concat_ws(' ', 'index', indexdef) FROM pg_indexes WHERE schemaname = '{schema}'
        UNION ALL
        SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid))
          FROM pg_constraint WHERE connamespace = '{schema}'::regnamespace
        UNION ALL
        SELECT concat_ws(' ', 'trigger', tgrelid::regclass, tgname) FROM pg_trigger WHERE NOT tgisinternal
      ) lines ORDER BY line";
    lines(client, &sql.replace("{schema}", schema)).await
}

/// Every row of a schema, as text.
async fn contents(client: &Client) -> Vec<String> {
    let mut rows = Vec::new();
    for table in lines(client, "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").await {
        rows.extend(lines(client, &format!("SELECT '{table} ' || t::text FROM public.{table} t ORDER BY 1")).await);
    }
    rows
}

#[tokio::test]
async fn an_empty_database_is_filled_and_then_left_alone() {
    let url = database::empty_database().await;
    let first = migrate(&url).await.unwrap();
    assert_snapshot!(first, @r#"{"applied":["V1__catalog_inventory","V2__longshore","V3__candlepin","V4__hosted","V5__events"],"version":5}"#);
    let client = database::connect(&url).await;
    let all = async || {
        [
            described(&client, "public").await,
            described(&client, "candlepin").await,
            described(&client, "longshore").await,
        ]
    };
    let before = all().await;
    assert_snapshot!(migrate(&url).await.unwrap(), @r#"{"applied":[],"version":5}"#);
    assert_eq!(all().await, before);
}

#[tokio::test]
async fn four_at_once_do_it_once() {
    let url = database::empty_database().await;
    let answers = join_all((0..4).map(|_| migrate(&url))).await;
    let applied: Vec<usize> =
        answers.into_iter().map(|answer| answer.unwrap()["applied"].as_array().unwrap().len()).collect();
    assert_eq!(applied.iter().filter(|applied| **applied > 0).count(), 1, "{applied:?}");
    let world = World::on(url, DEFAULTS).await;
    world.apply(&ArchiveBuilder::new().collection("inventories", [object::inventory(1)])).await;
    assert_eq!(world.objects().await, 1);
}

#[tokio::test]
async fn nothing_is_changed_of_a_catalog_inventory_that_is_there() {
    let url = database::empty_database().await;
    let client = database::connect(&url).await;
    client.batch_execute(API).await.unwrap();
    let before = (described(&client, "public").await, contents(&client).await);
    migrate(&url).await.unwrap();
    let mut after = (described(&client, "public").await, contents(&client).await);
    let (ours, theirs) = after.0.into_iter().partition(|line| line.contains("longshore_"));
    after.0 = theirs;
    assert_eq!(after, before);
    let ours: Vec<String> = ours;
    assert_snapshot!(ours.join("\n"), @r"
    index CREATE INDEX longshore_service_offerings_source_ref ON public.service_offerings USING btree (source_id, source_ref)
    relation longshore_service_offerings_source_ref i p postgres
    ");

    // And it is ready: the first archive after the change of persisters.
    let world = World::on(url, DEFAULTS).await;
    let template = object::job_template(10).set("name", "Deploy to all").set("inventory", 33);
    let archive = ArchiveBuilder::new()
        .collection("inventories", [object::inventory(33).set("name", "Production")])
        .collection("job_templates", [template]);
    world.apply(&archive).await;
    assert_snapshot!(world.outcomes().await, @"applied | full");
    assert_snapshot!(world.rows().await, @r"
    inventory | 33 | Production | live
    offering | 10 | Deploy to all | inventory 33 | live
    offering | 10 | Deploy to all | inventory 33 | live
    offering | Of no template | live
    node | 100 | workflow 10 | runs 10 | live
    plan | 10 | Where to | of 10 | archived
    ");
}

#[tokio::test]
async fn schemas_may_have_other_names() {
    let settings =
        [("INVENTORY_SCHEMA", "catalog"), ("CANDLEPIN_SCHEMA", "entitled"), ("LONGSHORE_SCHEMA", "unloading")];
    let url = database::empty_database().await;
    run(&url, &settings, json!({"command": "migrate"})).await.unwrap();
    let world = World::on(url, &settings).await;
    world.execute("SET search_path = unloading, catalog").await;
    world.apply(&ArchiveBuilder::new().collection("inventories", [object::inventory(1)])).await;
    assert_eq!(world.objects().await, 1);
    assert_eq!(world.outcomes().await, "applied | full");
    let schemas = "SELECT string_agg(DISTINCT table_schema, ' ' ORDER BY table_schema)
                   FROM information_schema.tables WHERE table_schema !~ '^(pg_|information_schema)'";
    assert_eq!(world.value::<String>(schemas).await, "catalog entitled unloading");
}

/// Somebody else's table is in the way: nothing half made is left, and afterwards it works.
#[tokio::test]
async fn a_migration_that_fails_leaves_no_trace() {
    let url = database::empty_database().await;
    let client = database::connect(&url).await;
    client.batch_execute("CREATE SCHEMA longshore; CREATE TABLE longshore.staged_plans (x int)").await.unwrap();
    let error = migrate(&url).await.unwrap_err();
    assert_eq!((error.kind(), error.is_transient()), ("Migration", false));
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'longshore' ORDER BY 1";
    assert_eq!(lines(&client, tables).await, ["migrations", "staged_plans"]);
    client.batch_execute("DROP TABLE longshore.staged_plans").await.unwrap();
    assert_eq!(
        migrate(&url).await.unwrap()["applied"],
        json!(["V2__longshore", "V3__candlepin", "V4__hosted", "V5__events"])
    );
}

#[tokio::test]
async fn tenants_and_sources_are_created_once_and_updated_afterwards() {
    let url = database::empty_database().await;
    migrate(&url).await.unwrap();
    let tenant = json!({"command": "create-tenant", "external_tenant": "5318290", "name": "Example"});
    let source = json!({"command": "create-source", "external_tenant": "5318290", "uid": "tower-1"});
    let mut disabled = source.clone();
    disabled["enabled"] = false.into();
    disabled["name"] = "Old Tower".into();
    let nobody = json!({"command": "create-source", "external_tenant": "1", "uid": "tower-1"});
    let mut answers = Vec::new();
    for command in [&tenant, &tenant, &source, &source, &disabled, &source, &nobody] {
        let answer = run(&url, DEFAULTS, command.clone()).await;
        answers.push(answer.map_or_else(|error| error.to_string(), |answer| answer.to_string()));
    }
    assert_snapshot!(answers.join("\n"), @r#"
    {"tenant_id":1}
    {"tenant_id":1}
    {"enabled":true,"source_id":1,"tenant_id":1}
    {"enabled":true,"source_id":1,"tenant_id":1}
    {"enabled":false,"source_id":1,"tenant_id":1}
    {"enabled":false,"source_id":1,"tenant_id":1}
    no tenant 1; create-tenant makes one
    "#);
    let client = database::connect(&url).await;
    let rows = "SELECT concat_ws(' | ', t.external_tenant, t.name, s.uid, s.name, s.enabled)
                FROM tenants t JOIN sources s ON s.tenant_id = t.id";
    assert_snapshot!(lines(&client, rows).await.join("\n"), @"5318290 | Example | tower-1 | Old Tower | f");
}

#[tokio::test]
async fn the_function_answers_with_what_it_did() {
    let url = database::empty_database().await;
    let variables = [("DATABASE_URL".to_owned(), url)];
    let mut process = function::start("setup", &variables, &[]).await;
    let mut answers = Vec::new();
    for command in [json!({"command": "migrate"}), json!({"command": "drop"})] {
        let answer = process.invoke(command.to_string().as_bytes(), Duration::from_secs(60)).await.unwrap();
        answers.push(answer.result.map_or_else(
            |error| {
                let error: Value = serde_json::from_slice(&error).unwrap();
                format!("{}: {}", error["errorType"], error["errorMessage"])
            },
            |answer| String::from_utf8(answer).unwrap(),
        ));
    }
    assert_snapshot!(answers.join("\n"), @r#"
    {"applied":["V1__catalog_inventory","V2__longshore","V3__candlepin","V4__hosted","V5__events"],"version":5}
    "Command": "no such command (unknown variant `drop`, expected one of `migrate`, `create-tenant`, `create-source`, `create-owner`, `list-owners`, `register-upstream-consumer`, `unregister-upstream-consumer`, `grant`, `revoke`, `list-grants`, `replace-rules`, `create-product`, `create-pool`, `list-pools`, `create-distributor`, `list-distributors`, `delete-distributor`, `entitle`, `unentitle`, `list-entitlements`, `rotate-keys`, `retry-parked`, `check-certificates`, `list-failures`, `replay`, `status`, `help` at line 1 column 17); {\"command\": \"help\"} lists them"
    "#);
}
