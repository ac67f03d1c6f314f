//! The tests' databases, on the server that `cargo xtask test` starts.

use longshore::aws::Aws;
use longshore::clock::Clock;
use longshore::settings::Settings;
use longshore::setup::Setup;
use std::cell::RefCell;
use std::mem;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// A migrated database that tests copy: that is much faster than migrating each time.
const TEMPLATE: &str = "longshore_test_template";

/// The names of databases whose tests have ended. All of them together would fill a small disk.
static DONE_WITH: Mutex<Vec<String>> = Mutex::new(Vec::new());

thread_local! {
    /// What the test on this thread has made: each test has a thread of its own, which ends with it.
    static MADE: Made = const { Made(RefCell::new(Vec::new())) };
}

struct Made(RefCell<Vec<String>>);

impl Drop for Made {
    fn drop(&mut self) {
        DONE_WITH.lock().unwrap_or_else(PoisonError::into_inner).append(self.0.get_mut());
    }
}

/// The URL of an empty, migrated database. It is gone some time after its test, unless `LONGSHORE_TEST_KEEP` is set.
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
    let name = create(&admin, TEMPLATE).await;
    admin.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
    database(&admin_url, &name)
}

/// The URL of an empty database without any schema of ours.
pub async fn empty_database() -> String {
    let (admin_url, admin) = admin().await;
    database(&admin_url, &create(&admin, "template1").await)
}

/// A copy of a database, in the room of those that nobody needs any more.
async fn create(admin: &Client, template: &str) -> String {
    let done_with = mem::take(&mut *DONE_WITH.lock().unwrap_or_else(PoisonError::into_inner));
    for name in done_with {
        admin.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
    }
    let name = format!("test_{}", Uuid::new_v4().simple());
    admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await.unwrap();
    if !keep() {
        MADE.with(|made| made.0.borrow_mut().push(name.clone()));
    }
    name
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

/// Whether somebody wants to look at what a test has written.
#[expect(clippy::disallowed_methods, reason = "a switch for whoever runs the tests")]
fn keep() -> bool {
    std::env::var_os("LONGSHORE_TEST_KEEP").is_some()
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
