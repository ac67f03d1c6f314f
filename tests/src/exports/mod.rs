//! Worlds that export: a bucket of manifests, and the exporter below its handler.

mod contents;

pub use contents::{Contents, contents, json_file, meaning, member, sha256};

use crate::announcement::ORG;
use crate::api::{Answer as HttpAnswer, Request};
use crate::database::fresh_database;
use crate::{Reply, World, small};
use longshore::aws::Aws;
use longshore::clock::Clock;
use longshore::db::{Connector, Pool};
use longshore::export::{
    Answer, By, ExportError, Exported, Exports, Format, ManifestExporter, Place, Request as Wanted,
};
use longshore::http::Caller;
use longshore::lambda::Call;
use longshore::settings::Settings;
use longshore_devkit::kafka_event::KafkaEvent;
use longshore_devkit::manifest::{Content, Entitlement, Manifest, Product};
use longshore_devkit::s3::{Credentials, S3Server};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;
use time::OffsetDateTime;

/// The bucket of manifests.
pub const BUCKET: &str = "exports";

/// The owner that imports what the usual one exports.
pub const DOWNSTREAM: &str = "downstream";

/// When a world's first export is made: 2026-10-05 10:20:30.456 UTC, in milliseconds.
const BEGINNING: i64 = 1_791_195_630_456;

/// A world with a bucket, two owners that may export for themselves, and a clock that stands still.
pub struct Exporting {
    world: Arc<World>,
    s3: Arc<S3Server>,
    exporter: ManifestExporter,
    exports: Exports,
    millis: Arc<AtomicI64>,
    offset: AtomicI64,
    folder: Arc<TempDir>,
}

impl std::ops::Deref for Exporting {
    type Target = World;
    fn deref(&self) -> &World {
        &self.world
    }
}

impl Exporting {
    /// A world of the usual owner, and of one that imports from it.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A world with further settings.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let s3 = S3Server::start(folder.path(), Credentials::random()).await.unwrap();
        s3.create_bucket(BUCKET).unwrap();
        let mut all = vec![("LONGSHORE_EXPORT_TARGET", "s3://exports/manifests")];
        all.extend(settings);
        let world = World::on(fresh_database().await, &all).await;
        for owner in [ORG, DOWNSTREAM] {
            world.owner(owner).await;
            let grant = "INSERT INTO grants SELECT account, id, 'export', now() FROM cp_owner WHERE account = $1";
            world.client().execute(grant, &[&owner]).await.unwrap();
        }
        let millis = Arc::new(AtomicI64::new(BEGINNING));
        let (exporter, exports) = functions(&world.variables(), s3.endpoint(), s3.credentials(), millis.clone()).await;
        let (world, s3, folder) = (Arc::new(world), Arc::new(s3), Arc::new(folder));
        Self { world, s3, exporter, exports, millis, offset: AtomicI64::new(0), folder }
    }

    /// Another exporter in the same world, with other settings.
    pub async fn also_with(&self, settings: &[(&str, &str)]) -> Self {
        self.another(self.s3.endpoint(), settings).await
    }

    /// Another exporter in the same world, to whom something else is S3.
    pub async fn also_at(&self, endpoint: &str) -> Self {
        self.another(endpoint, &[]).await
    }

    async fn another(&self, endpoint: &str, settings: &[(&str, &str)]) -> Self {
        let mut variables = self.variables();
        variables.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let (exporter, exports) = functions(&variables, endpoint, self.s3.credentials(), self.millis.clone()).await;
        let (world, s3, folder) = (self.world.clone(), self.s3.clone(), self.folder.clone());
        Self { world, s3, exporter, exports, millis: self.millis.clone(), offset: AtomicI64::new(0), folder }
    }

    /// The server of the bucket.
    pub fn s3(&self) -> &S3Server {
        &self.s3
    }

    /// What makes exports.
    pub fn exports(&self) -> &Exports {
        &self.exports
    }

    /// Lets so much time pass.
    pub fn pass(&self, millis: i64) {
        self.millis.fetch_add(millis, Ordering::Relaxed);
    }

    /// Makes a distributor of an owner, and returns its uuid.
    pub async fn distributor_of(&self, owner: &str, name: &str) -> String {
        let made = self.setup(json!({"command": "create-distributor", "owner": owner, "name": name})).await;
        made["uuid"].as_str().unwrap().to_owned()
    }

    /// Makes a distributor of an owner that has so much of each of the owner's pools that can be
    /// passed on, and returns its uuid.
    pub async fn distributor_with(&self, owner: &str, name: &str, quantity: i64) -> String {
        let uuid = self.distributor_of(owner, name).await;
        let sql = format!(
            "SELECT p.id FROM cp_pool p JOIN cp_owner o ON o.id = p.owner_id WHERE o.account = '{owner}'
               AND NOT EXISTS (SELECT FROM cp_pool_attribute a WHERE a.pool_id = p.id AND a.name = 'pool_derived') ORDER BY 1"
        );
        for pool in self.list(&sql).await.lines() {
            self.entitle(&uuid, pool, quantity).await;
        }
        uuid
    }

    /// Entitles a consumer `count` times to one of its owner's pools, as fast as a database can.
    pub async fn entitle_often(&self, consumer: &str, count: i64) {
        let sql = format!(
            "INSERT INTO cp_entitlement (id, owner_id, consumer_id, pool_id, quantity, created, updated)
             SELECT md5(c.uuid || n), c.owner_id, c.id, p.id, 1, '2026-10-01', '2026-10-01'
             FROM cp_consumer c
             JOIN LATERAL (SELECT id FROM cp_pool WHERE owner_id = c.owner_id ORDER BY id LIMIT 1) p ON true,
             generate_series(1, {count}) n
             WHERE c.uuid = '{consumer}'"
        );
        self.execute(&sql).await;
    }

    /// Exports for the owner's own organisation.
    ///
    /// # Errors
    /// See [`ExportError`].
    pub async fn try_export(&self, org: &str, request: Wanted) -> Result<Exported, ExportError> {
        let caller = Caller::Organisation(org.to_owned());
        let by = By { caller: &caller, principal: Some("exporter"), request_id: "req-x", trace: None, at_once: None };
        self.exports.export(request, &by).await
    }

    /// Exports a consumer, and returns the archive with its detached signature.
    pub async fn export(&self, org: &str, consumer: &str, format: Format) -> (Vec<u8>, Vec<u8>) {
        let request = Wanted { consumer: consumer.into(), format, ..Wanted::default() };
        let exported = self.try_export(org, request).await.unwrap();
        self.stored(&exported).await
    }

    /// An archive and its detached signature, as they are in the bucket.
    pub async fn stored(&self, exported: &Exported) -> (Vec<u8>, Vec<u8>) {
        let Place::Stored { name, .. } = &exported.place else { panic!("it was not stored") };
        let key = format!("manifests/{name}");
        let archive = self.s3.get(BUCKET, &key).await.unwrap().to_vec();
        let signature = match exported.format {
            Format::Zip => Vec::new(),
            Format::Tar => self.s3.get(BUCKET, &format!("{key}.sig")).await.unwrap().to_vec(),
        };
        (archive, signature)
    }

    /// Imports an archive as the other owner, which must succeed.
    pub async fn import_downstream(&self, archive: Vec<u8>, signature: &[u8]) {
        let mut announced = self.announce_bytes(archive).org(DOWNSTREAM);
        if !signature.is_empty() {
            announced = announced.metadata("signature", base64(signature));
        }
        assert_eq!(self.deliver_manifests(&[announced]).await, [Reply::Done], "{}", self.import_log().await);
        let expected = ["", "products/ | there are no products, so there are no subscriptions"];
        let warnings = self.import_warnings().await;
        assert!(expected.contains(&warnings.as_str()), "{warnings}");
    }

    /// Delivers records to the exporter in one batch, and returns the offsets that are to come again.
    pub async fn ask(&self, records: &[Value]) -> Vec<i64> {
        let first = self.offset.fetch_add(records.len() as i64, Ordering::Relaxed);
        self.ask_again(first, records).await
    }

    /// Delivers records under the offsets from `first` on.
    pub async fn ask_again(&self, first: i64, records: &[Value]) -> Vec<i64> {
        let event = export_event(first, records);
        let Answer::Batch(response) = self.handle(&event).await else { panic!("it was taken for a request") };
        response.failed().into_iter().map(|(_, offset)| offset).collect()
    }

    /// Asks over HTTP.
    pub async fn ask_http(&self, request: &Request) -> HttpAnswer {
        let Answer::Http(answer) = self.handle(&request.event()).await else { panic!("it was taken for records") };
        HttpAnswer::parse(&json!(answer))
    }

    async fn handle(&self, payload: &str) -> Answer {
        self.exporter.handle(payload, Call { remaining: None, request_id: "lambda-1" }).await.unwrap()
    }

    /// Our own record of exports, and rejections.
    pub async fn export_log(&self) -> String {
        let rows = "SELECT concat_ws(' | ', outcome, format, entitlements || ' entitlements', principal, request_id,
                      CASE WHEN attempts > 1 THEN attempts || ' attempts' END, error_kind, error)
                    FROM exports ORDER BY id";
        let rejected = "SELECT concat_ws(' | ', 'rejected', kind, reason) FROM rejected_records ORDER BY id";
        [self.list(rows).await, self.list(rejected).await].join("\n").trim().to_owned()
    }
}

/// A request for a consumer's manifest, with that query.
pub fn export_request(consumer: &str, query: &str) -> Request {
    Request::get(&format!("/candlepin/consumers/{consumer}/export?{query}"))
}

/// A SKU with everything.
fn suite() -> Manifest {
    small()
        .product(
            Product::new("901", "Engine").attribute("arch", "x86_64").content(Content::new("90101", "engine-rpms")),
        )
        .product(Product::new("902", "Guest Engine"))
        .product(Product::new("SKU-G", "Suite for guests").provides(&["902"]).attribute("arch", "aarch64"))
        .product(
            Product::new("SKU", "Suite")
                .provides(&["901"])
                .derived("SKU-G")
                .attribute("stacking_id", "st-1")
                .attribute("a", "1"),
        )
        .consumer_type("a type", false)
        .distributor_version("lab-1", "Lab 1", &["cert_v3", "cores"])
        .entitlement(
            Entitlement::new("e1", "p1", "SKU")
                .contract("C-1")
                .account("A-1")
                .order("O-1")
                .branding("901", "OEM", "OS"),
        )
}

/// A world with a distributor that has three of a SKU with everything, its uuid, and what is in its manifest.
pub async fn exported() -> (Exporting, String, Contents) {
    let world = Exporting::start().await;
    world.import(&suite()).await;
    // No manifest brings such a label: its file would have another name.
    world.execute("INSERT INTO cp_cdn (id, label, name, url) VALUES ('n1', 'main/../x', 'Main', 'https://cdn')").await;
    let uuid = world.distributor_with(ORG, "first", 3).await;
    let (archive, _) = world.export(ORG, &uuid, Format::Zip).await;
    (world, uuid, contents(archive))
}

async fn functions(
    variables: &[(String, String)],
    endpoint: &str,
    credentials: &Credentials,
    millis: Arc<AtomicI64>,
) -> (ManifestExporter, Exports) {
    let variables: BTreeMap<_, _> = variables.iter().cloned().collect();
    let settings = Settings::read(|name| variables.get(name).cloned()).unwrap();
    let aws = Aws::local(endpoint, &credentials.access_key_id, &credentials.secret_access_key).await;
    let clock = Clock::from_fn(move || {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis.load(Ordering::Relaxed)) * 1_000_000).unwrap()
    });
    let pool = Pool::new(Connector::new(settings.database.clone(), aws.clone(), clock.clone()), 2);
    (ManifestExporter::new(&settings, &aws, clock.clone()), Exports::new(&settings, pool, &aws, clock))
}

/// A record that asks for a consumer's manifest, from the usual organisation.
pub fn export_record(consumer: &str) -> Value {
    json!({"consumer": consumer, "org_id": ORG, "request_id": "req-1", "principal": "admin"})
}

/// An event with these records under the offsets from `first` on.
pub fn export_event(first: i64, records: &[Value]) -> String {
    let mut event = KafkaEvent::msk();
    for (offset, record) in (first..).zip(records) {
        let value = record.to_string();
        event = event.record("exports", 0, offset, Some(value.as_bytes()), &[], 1_767_225_600_000);
    }
    String::from_utf8(event.to_json()).unwrap()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(bytes)
}
