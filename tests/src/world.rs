//! One test's world: a migrated database, a web server with archives, and the function below its handler.

use crate::announcement::Announcement;
use crate::database::{connect, fresh_database};
use crate::rows;
use hyper::StatusCode;
use longshore::aws::Aws;
use longshore::candlepin::ManifestImporter;
use longshore::clock::Clock;
use longshore::kafka::BatchResponse;
use longshore::settings::Settings;
use longshore::tower::TowerPersister;
use longshore_devkit::archive::ArchiveBuilder;
use longshore_devkit::http_server::{HttpServer, Reply};
use longshore_devkit::kafka_event::KafkaEvent;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio_postgres::Client;
use uuid::Uuid;

type Archives = Arc<Mutex<HashMap<String, Vec<u8>>>>;

/// Everything that one test needs. Worlds do not see each other.
pub struct World {
    database_url: String,
    client: Client,
    archives: Archives,
    server: HttpServer,
    variables: HashMap<String, String>,
    offset: AtomicI64,
    persister: TowerPersister,
    pub(crate) importer: ManifestImporter,
    files: TempDir,
}

impl World {
    /// A world with default settings: archives may come from the local server.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A world with further settings; `DATABASE_URL` may contain `{url}` for its own.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        Self::on(fresh_database().await, settings).await
    }

    /// A world on a database that is there, which the test has migrated.
    pub async fn on(database_url: String, settings: &[(&str, &str)]) -> Self {
        let archives = Archives::default();
        let served = archives.clone();
        let server = HttpServer::start(move |request| match served.lock().unwrap().get(&request.path) {
            Some(bytes) => Reply::ok(bytes.clone()),
            None => Reply::status(StatusCode::NOT_FOUND),
        });
        let server = server.await.unwrap();
        let mut variables = HashMap::from([
            ("DATABASE_URL".to_owned(), database_url.clone()),
            ("LONGSHORE_ALLOWED_HOSTS".to_owned(), "127.0.0.1".to_owned()),
            ("LONGSHORE_LOCAL_DEVELOPMENT".to_owned(), "true".to_owned()),
            ("LONGSHORE_TASK_HOSTS".to_owned(), "127.0.0.1".to_owned()),
            ("LONGSHORE_DOWNLOAD_TIMEOUT_MS".to_owned(), "20000".to_owned()),
        ]);
        let files = TempDir::new().unwrap();
        variables.extend(crate::imports::trust_and_keys(files.path()));
        for (name, value) in settings {
            variables.insert((*name).to_owned(), value.replace("{url}", &database_url));
        }
        let persister = persister(&variables).await;
        let importer = importer(&variables).await;
        let client = connect(&database_url).await;
        let offset = AtomicI64::new(0);
        Self { database_url, client, archives, server, variables, offset, persister, importer, files }
    }

    /// Another function on the same database, as a second execution environment would be.
    pub async fn another_persister(&self) -> TowerPersister {
        persister(&self.variables).await
    }

    /// Another importer on the same database.
    pub async fn another_importer(&self) -> ManifestImporter {
        importer(&self.variables).await
    }

    /// The importer of this world.
    pub fn importer(&self) -> &ManifestImporter {
        &self.importer
    }

    /// The folder with the keys and the trusted certificates.
    pub fn files(&self) -> &std::path::Path {
        self.files.path()
    }

    /// The environment that the function would have.
    pub fn variables(&self) -> Vec<(String, String)> {
        self.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// The world's database.
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// A connection to look at the database with.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The web server that serves the archives.
    pub fn server(&self) -> &HttpServer {
        &self.server
    }

    /// Serves bytes at a URL of their own.
    pub fn serve(&self, bytes: Vec<u8>) -> String {
        let path = format!("/{}.tar.gz", Uuid::new_v4());
        self.archives.lock().unwrap().insert(path.clone(), bytes);
        self.server.url(&path)
    }

    /// Stops serving a URL.
    pub fn withdraw(&self, url: &str) {
        self.archives.lock().unwrap().retain(|path, _| !url.ends_with(path.as_str()));
    }

    /// Announces an archive: an ingress message of the usual source.
    pub fn announce(&self, archive: &ArchiveBuilder) -> Announcement {
        Announcement::of(&self.serve(archive.build()))
    }

    /// An event with these messages, on offsets never used before.
    pub fn event(&self, announcements: &[Announcement]) -> String {
        let mut event = KafkaEvent::msk();
        for announcement in announcements {
            event = announcement.add_to(event, self.offset.fetch_add(1, Ordering::Relaxed));
        }
        String::from_utf8(event.to_json()).unwrap()
    }

    /// Invokes the function with an event.
    pub async fn invoke(&self, event: &str) -> BatchResponse {
        self.invoke_within(event, None).await
    }

    /// Invokes the function with an event, with that much time until Lambda would end it.
    pub async fn invoke_within(&self, event: &str, remaining: Option<Duration>) -> BatchResponse {
        self.persister.handle(event, remaining).await.unwrap()
    }

    /// Delivers messages in one batch and returns the offsets that are to come again.
    pub async fn deliver(&self, announcements: &[Announcement]) -> Vec<i64> {
        let response = self.invoke(&self.event(announcements)).await;
        response.failed().into_iter().map(|(_, offset)| offset).collect()
    }

    /// Delivers one archive of the usual source; it must be done with.
    pub async fn apply(&self, archive: &ArchiveBuilder) {
        let failed = self.deliver(&[self.announce(archive)]).await;
        assert!(failed.is_empty(), "{}", self.outcomes().await);
    }

    /// Delivers one archive as uploaded at that time; it must be done with.
    pub async fn apply_at(&self, archive: &ArchiveBuilder, timestamp: &str) {
        let failed = self.deliver(&[self.announce(archive).at(timestamp)]).await;
        assert!(failed.is_empty(), "{}", self.outcomes().await);
    }

    /// The objects, a line each.
    pub async fn rows(&self) -> String {
        rows::readable(&self.client).await
    }

    /// Everything that refreshes write, for comparing databases row for row. Times and ids of ours left out.
    pub async fn complete_rows(&self) -> Vec<String> {
        rows::complete(&self.client).await
    }

    /// How refreshes and rejections ended, a line each.
    pub async fn outcomes(&self) -> String {
        self.lines(
            "SELECT concat_ws(' | ', outcome, mode, error_kind, error) FROM refreshes ORDER BY id",
            "SELECT concat_ws(' | ', 'rejected', kind, reason) FROM rejected_records ORDER BY id",
        )
        .await
    }

    /// The warnings of the last refresh, a line each: where, and what.
    pub async fn warnings(&self) -> String {
        let sql = "SELECT concat_ws(' | ', w ->> 'where', w ->> 'what')
                   FROM (SELECT warnings FROM refreshes ORDER BY id DESC LIMIT 1) r, jsonb_array_elements(warnings) w";
        self.lines(sql, "SELECT '' WHERE false").await
    }

    /// One value.
    pub async fn value<T>(&self, sql: &str) -> T
    where
        T: for<'a> tokio_postgres::types::FromSql<'a>,
    {
        self.client.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Runs statements.
    pub async fn execute(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    pub(crate) async fn lines(&self, first: &str, second: &str) -> String {
        let mut lines = Vec::new();
        for sql in [first, second] {
            let rows = self.client.query(sql, &[]).await.unwrap();
            lines.extend(rows.iter().map(|row| row.get::<_, String>(0)));
        }
        lines.join("\n")
    }
}

async fn persister(variables: &HashMap<String, String>) -> TowerPersister {
    let settings = Settings::read(|name| variables.get(name).cloned()).unwrap();
    TowerPersister::new(settings, &Aws::from_env().await, Clock::system())
}

async fn importer(variables: &HashMap<String, String>) -> ManifestImporter {
    let settings = Settings::read(|name| variables.get(name).cloned()).unwrap();
    ManifestImporter::new(settings, &Aws::from_env().await, Clock::system())
}
