//! Logging in: whom the function trusts, what it does with a wrong password, and with one that was changed.

use hyper::StatusCode;
use longshore::aws::Aws;
use longshore::clock::Clock;
use longshore::db::{Connector, DbError};
use longshore::failure::Classified;
use longshore::settings::Settings;
use longshore_devkit::http_server::{HttpServer, Reply};
use longshore_devkit::postgres::Cluster;
use longshore_devkit::runtime_api::Function;
use longshore_tests::{ArchiveBuilder, Authority, World, database, function, object};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use uuid::Uuid;

/// Connects once with these settings.
async fn connect(settings: &[(&str, &str)]) -> Result<tokio_postgres::Client, DbError> {
    let lookup =
        |name: &str| settings.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned());
    let settings = Settings::read(lookup).unwrap();
    Connector::new(settings.database, Aws::from_env().await, Clock::system()).connect().await
}

fn refused(connected: Result<tokio_postgres::Client, DbError>) -> (String, &'static str, bool) {
    let error = connected.err().unwrap();
    let text = longshore::failure::Chain(&error).to_string();
    (text, error.kind(), error.is_transient())
}

#[tokio::test]
async fn only_a_server_whose_certificate_is_trusted_and_its_own_gets_the_password() {
    let authority = Authority::new();
    let own = authority.certify("localhost");
    let folder = TempDir::new().unwrap();
    // For the server's user; otherwise its data would lie elsewhere and stay there.
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let cluster = Cluster::start_tls(folder.path(), &own.certificate, &own.key).unwrap();
    let (by_name, by_address) = (cluster.tls_url("localhost", "postgres"), cluster.tls_url("127.0.0.1", "postgres"));
    let file = authority.file();
    let trusted = ("DATABASE_CA_FILE", file.to_str().unwrap());

    let client = connect(&[("DATABASE_URL", &by_name), trusted]).await.unwrap();
    let row = client.query_one("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[]).await.unwrap();
    assert_eq!((row.get(0), row.get(1)), (true, "TLSv1.3"));

    for (settings, why) in [
        ([("DATABASE_URL", by_name.as_str()), ("DATABASE_CA_FILE", "")], "UnknownIssuer"),
        ([("DATABASE_URL", &by_address), trusted], "certificate not valid for name"),
        ([("DATABASE_URL", &by_name), ("DATABASE_CA_FILE", "/no/such/file")], "/no/such/file"),
    ] {
        let (text, _, transient) = refused(connect(&settings).await);
        assert!(transient && text.contains(why), "{text}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_refused_unless_the_url_says_so() {
    let plain = World::start().await.database_url().to_owned();
    assert!(connect(&[("DATABASE_URL", &plain)]).await.is_ok());
    let (text, _, transient) = refused(connect(&[("DATABASE_URL", plain.trim_end_matches("?sslmode=disable"))]).await);
    assert!(transient && text.contains("server does not support TLS"), "{text}");
}

#[tokio::test]
async fn a_wrong_password_is_an_operator_s_to_mend() {
    let world = World::start().await;
    let url = database::url_for(world.database_url(), "postgres", "guessed");
    let (text, kind, transient) = refused(connect(&[("DATABASE_URL", &url)]).await);
    assert_eq!((kind, transient), ("DatabaseLogin", true), "{text}");
    assert!(!text.contains("guessed"), "{text}");

    let mut process = function::start("tower-persister", &world.variables(), &[("DATABASE_URL", &url)]).await;
    let event = world.event(&[world.announce(&archive())]);
    assert_eq!(function::call(&mut process, &event).await, Ok(vec![0]));
    assert_eq!(function::logged(&process, "record left to redelivery").await["error_kind"], "DatabaseLogin");
    assert!(!process.logs().iter().any(|line| line.contains("guessed")));
}

#[tokio::test]
async fn an_address_where_nobody_answers_is_a_passing_failure() {
    let (world, proxy) = World::through_proxy(&[]).await;
    let address = proxy.address();
    drop(proxy);
    let url = format!("postgres://postgres@{address}/postgres?sslmode=disable");
    let (text, kind, transient) = refused(connect(&[("DATABASE_URL", &url)]).await);
    assert_eq!((kind, transient), ("Database", true), "{text}");
    assert_eq!(world.deliver(&[world.announce(&archive())]).await, [0]);
}

fn archive() -> ArchiveBuilder {
    ArchiveBuilder::new().collection("inventories", [object::inventory(1)])
}

/// A role whose password lies in a stub of Secrets Manager, and a function that logs in with it.
struct Rotation {
    world: World,
    role: String,
    /// What the secret says.
    password: Arc<Mutex<&'static str>>,
    secrets: HttpServer,
    process: Function,
}

impl Rotation {
    async fn start() -> Self {
        let world = World::start().await;
        let role = format!("role_{}", Uuid::new_v4().simple());
        world.execute(&format!("CREATE ROLE {role} LOGIN SUPERUSER PASSWORD 'first'")).await;
        let password = Arc::new(Mutex::new("first"));
        let (user, current) = (role.clone(), password.clone());
        let secrets = HttpServer::start(move |request| {
            assert_eq!(request.header("x-amz-target"), Some("secretsmanager.GetSecretValue"));
            let secret = json!({"username": user, "password": *current.lock().unwrap()}).to_string();
            Reply::ok(json!({"Name": "database", "SecretString": secret}).to_string())
        });
        let secrets = secrets.await.unwrap();
        let process = Self::process(&world, &secrets).await;
        Self { world, role, password, secrets, process }
    }

    async fn process(world: &World, secrets: &HttpServer) -> Function {
        let (_, place) = world.database_url().split_once('@').unwrap();
        let further = [
            ("DATABASE_URL", &*format!("postgres://{place}")),
            ("DATABASE_SECRET_ARN", "arn:aws:secretsmanager:us-east-1:123456789012:secret:database-Ab12Cd"),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &secrets.url("")),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "example"),
        ];
        function::start("tower-persister", &world.variables(), &further).await
    }

    /// Changes the role's password and ends its sessions, as a failover would.
    async fn rotate(&self, password: &str) {
        let role = &self.role;
        let end = format!("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = '{role}'");
        self.world.execute(&format!("ALTER ROLE {role} PASSWORD '{password}'; {end}")).await;
    }

    /// Delivers another archive and returns the offsets that are to come again.
    async fn deliver(&mut self, name: &str, day: u8) -> Vec<i64> {
        let archive = ArchiveBuilder::new().collection("inventories", [object::inventory(1).set("name", name)]);
        let announced = self.world.announce(&archive).at(&format!("2026-01-0{day}T00:00:00Z"));
        function::call(&mut self.process, &self.world.event(&[announced])).await.unwrap()
    }
}

#[tokio::test]
async fn a_secret_is_read_once_and_again_when_it_was_rotated() {
    let mut rotation = Rotation::start().await;
    assert!(rotation.deliver("a", 1).await.is_empty(), "{:#?}", rotation.process.logs());
    assert!(rotation.deliver("b", 2).await.is_empty());
    assert_eq!(rotation.secrets.requests().len(), 1);

    rotation.rotate("second").await;
    *rotation.password.lock().unwrap() = "second";
    assert!(rotation.deliver("c", 3).await.is_empty(), "{:#?}", rotation.process.logs());
    assert_eq!(rotation.secrets.requests().len(), 2);
    assert_eq!(rotation.world.value::<String>("SELECT name FROM service_inventories").await, "c");
    let logs = rotation.process.logs().join("\n");
    assert!(!logs.contains("first") && !logs.contains("second"), "{logs}");
}

/// The database knows the new password already, the secret does not yet.
#[tokio::test]
async fn in_the_middle_of_a_rotation_records_come_again() {
    let mut rotation = Rotation::start().await;
    rotation.rotate("second").await;
    assert_eq!(rotation.deliver("a", 1).await, [0]);
    let line = function::logged(&rotation.process, "record left to redelivery").await;
    assert_eq!(line["error_kind"], "DatabaseLogin");
    *rotation.password.lock().unwrap() = "second";
    assert!(rotation.deliver("b", 2).await.is_empty());
}

#[tokio::test]
async fn a_secret_that_may_not_be_read_is_a_passing_failure() {
    let mut rotation = Rotation::start().await;
    let denied = HttpServer::start(|_| {
        let body = json!({"__type": "AccessDeniedException", "Message": "not authorized"}).to_string();
        Reply::new(StatusCode::BAD_REQUEST, body)
    });
    let denied = denied.await.unwrap();
    rotation.process = Rotation::process(&rotation.world, &denied).await;
    assert_eq!(rotation.deliver("a", 1).await, [0]);
    assert!(!denied.requests().is_empty());
    let line = function::logged(&rotation.process, "record left to redelivery").await;
    assert_eq!(line["error_kind"], "DatabaseLogin");
}
