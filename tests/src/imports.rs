//! Worlds in which manifests are imported: announced, delivered, and what is there afterwards as lines.

use crate::announcement::{Announcement, ORG};
use crate::database::connect;
use crate::{World, candlepin_rows};
use longshore::aws::Aws;
use longshore::candlepin::{By, UndoError, Undone, resolve, undo};
use longshore::clock::Clock;
use longshore::db::{Connector, Pool};
use longshore::kafka::BatchResponse;
use longshore::settings::Settings;
use longshore_devkit::manifest::{Authority, Content, DateSpelling, Entitlement, Era, KeyForm, Manifest, Product};
use std::path::Path;
use std::time::Duration;
use tokio_postgres::Client;

/// The uuid of the consumer of all manifests that do not name another.
pub const UPSTREAM: &str = "0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10";

/// A manifest of one subscription: ten of `SKU`, which provides `901`, which has one content set.
pub fn small() -> Manifest {
    Manifest::new(Era::D)
        .product(Product::new("901", "Engine").content(Content::new("90101", "engine-rpms")))
        .product(Product::new("SKU", "Suite").provides(&["901"]))
        .entitlement(Entitlement::new("e1", "p1", "SKU"))
}

/// The same manifest, made that much later, everything else in it unchanged.
pub fn later(manifest: &Manifest, minutes: i64) -> Manifest {
    let created = DateSpelling::Z.json(manifest.created_at() + time::Duration::minutes(minutes));
    manifest.clone().edit("meta.json", move |meta| meta["created"] = created.clone())
}

/// How a record ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It is done with.
    Done,
    /// It is to come again.
    Again,
}

/// A key file, the authority that signs manifests, and its certificate: the variables that name them.
pub(crate) fn trust_and_keys(folder: &Path) -> [(String, String); 3] {
    let (keys, trusted, ours) = (folder.join("keys.json"), folder.join("trusted.pem"), folder.join("authority.pem"));
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    std::fs::write(&keys, format!(r#"{{"current":"k1","keys":{{"k1":"{key}"}}}}"#)).unwrap();
    let authority = Authority::new();
    std::fs::write(&trusted, authority.pem()).unwrap();
    std::fs::write(&ours, authority.pem() + &authority.key().pem(KeyForm::Pkcs8)).unwrap();
    [
        ("LONGSHORE_AUTHORITY".to_owned(), format!("file:{}", ours.display())),
        ("LONGSHORE_KEYS".to_owned(), format!("file:{}", keys.display())),
        ("LONGSHORE_TRUSTED_CERTIFICATES".to_owned(), trusted.display().to_string()),
    ]
}

impl World {
    /// A world with the owner of the usual organisation.
    pub async fn with_owner() -> Self {
        let world = Self::start().await;
        world.owner(ORG).await;
        world
    }

    /// Makes an owner whose id, key and name are alike.
    pub async fn owner(&self, key: &str) {
        let sql = "INSERT INTO cp_owner (id, account, displayname) VALUES (left($1, 32), $1, $1)";
        self.client().execute(sql, &[&key]).await.unwrap();
    }

    /// Takes the turn of the usual owner, as an import would, in a transaction of the connection that is returned.
    pub async fn take_turn(&self) -> Client {
        let client = connect(self.database_url()).await;
        client
            .batch_execute(&format!("BEGIN; SELECT FROM cp_owner WHERE account = '{ORG}' FOR NO KEY UPDATE"))
            .await
            .unwrap();
        client
    }

    /// Makes two products and two pools of the usual owner that no manifest knows.
    pub async fn custom_pools(&self) {
        let sql = format!(
            "INSERT INTO cp_products (uuid, owner_id, product_id, managed, name, multiplier)
             SELECT gen_random_uuid(), '{ORG}', 'LOCAL-' || n, false, 'Local ' || n, 1 FROM generate_series(1, 2) n;
             INSERT INTO cp_pool (id, owner_id, type, managed, product_uuid, quantity, startdate, enddate)
             SELECT product_id, owner_id, 'NORMAL', false, uuid, 5, '2020-01-01', '2040-01-01' FROM cp_products
             WHERE product_id LIKE 'LOCAL-%'"
        );
        self.execute(&sql).await;
    }

    /// Undoes all imports of the usual owner, as `admin`.
    ///
    /// # Errors
    /// See [`UndoError`].
    pub async fn undo(&self) -> Result<Undone, UndoError> {
        self.undo_of(ORG).await
    }

    /// Undoes all imports of an owner, as `admin`.
    ///
    /// # Errors
    /// See [`UndoError`].
    pub async fn undo_of(&self, key: &str) -> Result<Undone, UndoError> {
        let variables = self.variables();
        let read = |name: &str| Some(variables.iter().find(|(known, _)| known == name)?.1.clone());
        let settings = Settings::read(read).unwrap();
        let pool = Pool::new(Connector::new(settings.database, Aws::from_env().await, Clock::system()), 1);
        let mut session = pool.get().await.unwrap();
        let owner = resolve(&*session, None, Some(key), key).await.unwrap().owner;
        let by = By { principal: Some("admin"), request_id: "undo-1", trace: None, records: settings.import.records };
        undo(&mut session, &owner, by, &Clock::system()).await
    }

    /// Announces a manifest, signed by the authority that is trusted.
    pub fn announce_manifest(&self, manifest: &Manifest) -> Announcement {
        self.announce_bytes(manifest.build(&Authority::new()))
    }

    /// Announces any bytes as a manifest.
    pub fn announce_bytes(&self, bytes: Vec<u8>) -> Announcement {
        Announcement::manifest(&self.serve(bytes))
    }

    /// Delivers announcements in one batch and says for each how it ended.
    pub async fn deliver_manifests(&self, announcements: &[Announcement]) -> Vec<Reply> {
        let event = self.event(announcements);
        let failed = self.deliver_event(&event).await;
        let event: serde_json::Value = serde_json::from_str(&event).unwrap();
        let mut offsets: Vec<i64> = event["records"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|records| records.as_array().unwrap())
            .map(|record| record["offset"].as_i64().unwrap())
            .collect();
        offsets.sort_unstable();
        offsets.iter().map(|offset| if failed.contains(offset) { Reply::Again } else { Reply::Done }).collect()
    }

    /// Invokes the importer with an event, with that much time until Lambda would end it.
    pub async fn invoke_importer(&self, event: &str, remaining: Option<Duration>) -> BatchResponse {
        self.importer.handle(event, remaining).await.unwrap()
    }

    /// Everything that imports write, for comparing databases row for row. Times and ids of ours left out.
    pub async fn complete_candlepin_rows(&self) -> Vec<String> {
        candlepin_rows::complete(self.client()).await
    }

    /// Rows of imports that nobody refers to, a line each kind; nothing when there are none.
    pub async fn orphans(&self) -> String {
        candlepin_rows::orphans(self.client()).await
    }

    /// Nothing of an interrupted import is left, rows that nobody refers to included.
    pub async fn no_import_is_left(&self) {
        self.nothing_is_left().await;
        assert_eq!(self.orphans().await, "");
    }

    /// Delivers an event to the importer, and returns the offsets that are to come again.
    pub async fn deliver_event(&self, event: &str) -> Vec<i64> {
        let answer = self.invoke_importer(event, None).await;
        answer.failed().into_iter().map(|(_, offset)| offset).collect()
    }

    /// Imports a manifest; how it ended is in [`World::history`].
    pub async fn import(&self, manifest: &Manifest) {
        self.import_announced(self.announce_manifest(manifest)).await;
    }

    /// Imports a manifest, forcing conflicts.
    pub async fn import_forcing(&self, manifest: &Manifest, conflicts: &[&str]) {
        self.import_announced(self.announce_manifest(manifest).force(conflicts)).await;
    }

    /// Imports a manifest that another organisation has uploaded for itself.
    pub async fn import_for(&self, org: &str, manifest: &Manifest) {
        self.import_announced(self.announce_manifest(manifest).org(org)).await;
    }

    /// Imports what is announced, which must be done with.
    pub async fn import_announced(&self, announcement: Announcement) {
        let replies = self.deliver_manifests(&[announcement]).await;
        assert_eq!(replies, [Reply::Done], "{}", self.import_log().await);
    }

    /// The owners' histories, oldest first: `0 | message`.
    pub async fn history(&self) -> String {
        let sql = "SELECT concat_ws(' | ', status, statusmessage) FROM cp_import_record ORDER BY seq";
        self.lines(sql, "SELECT '' WHERE false").await
    }

    /// The newest entry of the histories.
    pub async fn last_entry(&self) -> String {
        self.history().await.lines().last().unwrap_or_default().to_owned()
    }

    /// Our own record of imports, and rejections.
    pub async fn import_log(&self) -> String {
        self.lines(
            "SELECT concat_ws(' | ', outcome, error_kind, error) FROM imports ORDER BY id",
            "SELECT concat_ws(' | ', 'rejected', kind, reason) FROM rejected_records ORDER BY id",
        )
        .await
    }

    /// Warnings of the last import, a line each: where, and what.
    pub async fn import_warnings(&self) -> String {
        let sql = "SELECT concat_ws(' | ', w ->> 'where', w ->> 'what')
                   FROM (SELECT warnings FROM imports ORDER BY id DESC LIMIT 1) i, jsonb_array_elements(warnings) w";
        self.lines(sql, "SELECT '' WHERE false").await
    }

    /// Subscriptions, by upstream entitlement: `entitlement | product x quantity | provided | derived`.
    pub async fn subscriptions(&self) -> String {
        let sql = "SELECT concat_ws(' | ', s.upstream_entitlement_id, s.product_id || ' x ' || s.quantity,
                     (SELECT 'with ' || string_agg(product_id, ',' ORDER BY product_id)
                      FROM cp_subscription_products p WHERE p.subscription_id = s.id),
                     'guests ' || s.derivedproduct_id,
                     (SELECT 'with ' || string_agg(product_id, ',' ORDER BY product_id)
                      FROM cp_sub_derivedprods p WHERE p.subscription_id = s.id))
                   FROM cp_subscription s JOIN cp_owner o ON o.id = s.owner_id
                   ORDER BY o.account, s.upstream_entitlement_id, s.quantity";
        self.lines(sql, "SELECT '' WHERE false").await
    }

    /// Pools: `type | product x quantity | sub key | custom`.
    pub async fn pools(&self) -> String {
        let sql = "SELECT concat_ws(' | ', p.type, g.product_id || ' x ' || p.quantity, p.subscriptionsubkey,
                     CASE WHEN p.managed THEN NULL ELSE 'custom' END)
                   FROM cp_pool p JOIN cp_products g ON g.uuid = p.product_uuid JOIN cp_owner o ON o.id = p.owner_id
                   ORDER BY o.account, g.product_id, p.quantity, p.subscriptionsubkey, p.type";
        self.lines(sql, "SELECT '' WHERE false").await
    }

    /// Products with their contents: `id | name | attributes | contents`.
    pub async fn products(&self) -> String {
        let sql = "SELECT concat_ws(' | ', p.product_id, p.name,
                     (SELECT string_agg(a.name || '=' || coalesce(a.value, ''), ',' ORDER BY a.name)
                      FROM cp_product_attributes a WHERE a.product_uuid = p.uuid),
                     (SELECT string_agg(c.content_id || CASE WHEN l.enabled THEN '' ELSE ' off' END, ',' ORDER BY c.content_id)
                      FROM cp_product_contents l JOIN cp_contents c ON c.uuid = l.content_uuid WHERE l.product_uuid = p.uuid))
                   FROM cp_products p JOIN cp_owner o ON o.id = p.owner_id ORDER BY o.account, p.product_id";
        self.lines(sql, "SELECT '' WHERE false").await
    }

    /// Events in the outbox, in order: `TARGET TYPE name`.
    pub async fn events(&self) -> String {
        let sql = "SELECT concat_ws(' ', target, type, target_name) FROM outbox WHERE family = 'event' ORDER BY id";
        self.lines(sql, "SELECT '' WHERE false").await
    }

    /// Forgets the events so far, and what the platform was told.
    pub async fn forget_events(&self) {
        self.execute("DELETE FROM outbox").await;
    }
}
