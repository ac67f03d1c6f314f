//! The tests' databases, on the server that `cargo xtask test` starts.

use longshore::aws::Aws;
use longshore::clock::Clock;
use longshore::settings::Settings;
use longshore::setup::Setup;
use std::net::SocketAddr;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// A migrated database that tests copy: that is much faster than migrating each time.
const TEMPLATE: &str = "longshore_test_template";

/// The URL of an empty, migrated database.
pub async fn fresh_database() -> String {
    let (admin_url, admin) = admin().await;
    // One at a time: PostgreSQL copies a template only while nobody else uses it.
    admin.batch_execute("SELECT pg_advisory_lock(7)").await.unwrap();
    let found = admin.query_opt("SELECT FROM pg_database WHERE datname = $1", &[&TEMPLATE]).await.unwrap();
    if found.is_none() {
        admin.batch_execute(&format!("CREATE DATABASE {TEMPLATE}_new")).await.unwrap();
        migrate(&database(&admin_url, &format!("{TEMPLATE}_new"))).await;
        admin.batch_execute(&format!("ALTER DATABASE {TEMPLATE}_new RENAME TO {TEMPLATE}")).await.unwrap();
    }
    let name = format!("test_{}", Uuid::new_v4().simple());
    admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}")).await.unwrap();
    admin.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
    database(&admin_url, &name)
}

/// The URL of an empty database without any schema of ours.
pub async fn empty_database() -> String {
    let (admin_url, admin) = admin().await;
    let name = format!("test_{}", Uuid::new_v4().simple());
    admin.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    database(&admin_url, &name)
}

/// Where the server listens, for a proxy in front of it.
pub fn database_server() -> SocketAddr {
    let config: tokio_postgres::Config = admin_url().parse().unwrap();
    SocketAddr::from(([127, 0, 0, 1], config.get_ports()[0]))
}

/// A connection of the superuser that finds the tables of all schemas by their plain names.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("SET search_path = longshore, candlepin, public").await.unwrap();
    client
}

/// The same database for another role.
pub fn url_for(url: &str, role: &str, password: &str) -> String {
    let (_, rest) = url.split_once('@').unwrap();
    format!("postgres://{role}:{password}@{rest}")
}

#[expect(clippy::disallowed_methods, reason = "how `cargo xtask test` tells where the database is")]
fn admin_url() -> String {
    std::env::var("LONGSHORE_TEST_DATABASE_URL")
        .unwrap_or_else(|_| panic!("run the tests with `cargo xtask test`: it starts the PostgreSQL that they need"))
}

async fn admin() -> (String, Client) {
    let url = admin_url();
    let client = connect(&url).await;
    (url, client)
}

fn database(admin_url: &str, name: &str) -> String {
    let (base, _) = admin_url.rsplit_once('/').unwrap();
    format!("{base}/{name}?sslmode=disable")
}

async fn migrate(url: &str) {
    let url = url.to_owned();
    let settings = Settings::read(|name| (name == "DATABASE_URL").then(|| url.clone())).unwrap();
    Setup::new(settings, &Aws::from_env().await, Clock::system(), 1)
        .handle(r#"{"command":"migrate"}"#, None)
        .await
        .unwrap();
}
