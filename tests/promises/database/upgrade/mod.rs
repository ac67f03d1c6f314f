//! A database of before the association design becomes ours: nobody loses a link or the history, and nothing is deleted.

mod afterwards;
mod links;
mod old;
mod once;
mod rows;

use longshore::aws::Aws;
use longshore::clock::Clock;
use longshore::settings::Settings;
use longshore::setup::{Setup, SetupError};
use longshore_tests::World;
use old::{Old, Record};
use serde_json::Value;

const NO_SETTINGS: &[(&str, &str)] = &[];

async fn migrate_with(url: &str, settings: &[(&str, &str)]) -> Result<Value, SetupError> {
    let lookup = |name: &str| {
        let found = settings.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned());
        found.or_else(|| (name == "DATABASE_URL").then(|| url.to_owned()))
    };
    let settings = Settings::read(lookup).unwrap();
    Setup::new(settings, &Aws::from_env().await, Clock::system(), 1).handle(r#"{"command":"migrate"}"#, None).await
}

async fn migrate(url: &str) -> Result<Value, SetupError> {
    migrate_with(url, NO_SETTINGS).await
}

async fn upgrade(old: &Old) -> World {
    migrate(&old.url).await.unwrap();
    World::on(old.url.clone(), NO_SETTINGS).await
}

const LINKS: &str = "
  SELECT o.account AS owner, regexp_replace(u.id, '^[0-9a-f]{32}$', 'new') AS id, u.uuid, u.name, t.label AS type, u.prefix_url_web AS web,
         u.prefix_url_api AS api
  FROM cp_owner o LEFT JOIN cp_upstream_consumer u ON u.id = o.upstream_id AND u.owner_id = o.id
  LEFT JOIN cp_consumer_type t ON t.id = u.type_id ORDER BY 1";

/// Owners of every fate.
async fn owners(old: &mut Old) {
    let unnamed = Record { name: None, consumer_type: None, ..Record::success("u-unnamed") };
    let warned = Record { status: 3, ..Record::success("u-warned") };
    old.owner("deleted-and-linked", Some("u-kept"), &[Record::success("u-kept"), Record::undone()]).await;
    old.owner("deleted", None, &[Record::success("u-gone"), Record::undone()]).await;
    old.owner("failed", Some("u-failed"), &[Record::success("u-failed"), Record::failure()]).await;
    old.owner("failed-after-undo", None, &[Record::success("u-0"), Record::undone(), Record::failure()]).await;
    old.owner("good", Some("u-good"), &[Record::success("u-older"), Record::success("u-good")]).await;
    old.owner("nothing", None, &[]).await;
    old.owner("only-failures", None, &[Record::failure()]).await;
    old.owner("only-record", None, &[Record::success("u-record")]).await;
    old.owner("only-uuid", Some("u-only"), &[]).await;
    old.owner("relinked", Some("u-mine"), &[Record::success("u-mine"), Record::success("u-other")]).await;
    old.owner("unnamed", Some("u-unnamed"), &[unnamed]).await;
    old.owner("warned", Some("u-warned"), &[warned]).await;
}

/// Number of rows of each table, and all relations, of a schema.
async fn relations(old: &Old, schema: &str) -> Vec<String> {
    let sql = "SELECT concat_ws(' ', c.relname, c.relkind,
                 (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %I.%I', n.nspname, c.relname), false, true, '')))[1]::text)
               FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = $1 AND c.relkind IN ('r', 'v', 'S') ORDER BY 1";
    old.client.query(sql, &[&schema]).await.unwrap().iter().map(|row| row.get(0)).collect()
}
