//! What a refused manifest leaves behind: an entry on record, and nothing else.

use crate::announcement::Announcement;
use crate::import_rows::events_only;
use crate::{Reply, World};
use longshore_devkit::manifest::{Authority, Era, Manifest};
use time::macros::datetime;

/// Tables that say how records ended. All others say what there is.
const RECORDS: [&str; 4] = ["imports", "rejected_records", "cp_import_record", "cp_import_upstream_consumer"];

/// When something was looked at, and in which bytes: what a manifest that changes nothing moves all the same.
const TRACES: &str = "{last_refreshed,last_content_update,archive_sha256,created,updated}";

/// A day after the sample of the last era was made.
const NEXT_DAY: time::OffsetDateTime = datetime!(2026-03-06 10:20:30.400 UTC);

impl World {
    /// A world whose owner has imported the sample of the last era already, with room for a long history.
    pub async fn with_import() -> Self {
        let world = Self::with(&[("LONGSHORE_IMPORT_RECORDS", "10000")]).await;
        world.owner(crate::announcement::ORG).await;
        world.import(&Manifest::sample(Era::D)).await;
        world
    }

    /// Every row of the schemas `candlepin` and `longshore`, but for what is on record of imports.
    pub async fn everything(&self) -> Vec<String> {
        self.dump("{}").await
    }

    /// [`World::everything`] without traces of an import that changed nothing.
    pub async fn everything_that_counts(&self) -> Vec<String> {
        self.dump(TRACES).await
    }

    async fn dump(&self, without: &str) -> Vec<String> {
        let sql = "SELECT table_schema || '.' || table_name FROM information_schema.tables
                   WHERE table_schema IN ('candlepin', 'longshore') AND table_type = 'BASE TABLE'
                     AND table_name <> ALL ($1) ORDER BY 1";
        let mut lines = Vec::new();
        for row in self.client().query(sql, &[&&RECORDS[..]]).await.unwrap() {
            let table: String = row.get(0);
            let rows = events_only(&table);
            let sql = format!("SELECT '{table} ' || (to_jsonb(t) - '{without}'::text[])::text FROM {rows} t");
            let rows = self.client().query(&sql, &[]).await.unwrap();
            lines.extend(rows.iter().map(|row| row.get::<_, String>(0)));
        }
        lines.sort();
        lines
    }

    /// Delivers what must all be refused: each with a failure in the owner's history, a rejected record, and nothing else
    /// changed. Returns a line for each: its name, the kind of its error, the error.
    pub async fn refusals<N: AsRef<str>>(&self, cases: impl IntoIterator<Item = (N, Announcement)>) -> String {
        let (names, announcements): (Vec<N>, Vec<Announcement>) = cases.into_iter().unzip();
        let named: Vec<Announcement> = names
            .iter()
            .zip(announcements)
            .map(|(name, announcement)| announcement.set("request_id", name.as_ref()))
            .collect();
        let (before, seen) = (self.everything().await, self.value::<i64>("SELECT count(*) FROM imports").await);
        let replies = self.deliver_manifests(&named).await;
        let lines = self.endings(seen).await;
        assert!(replies.iter().all(|reply| *reply == Reply::Done), "{replies:?}\n{lines}");
        assert_eq!(lines.lines().count(), named.len(), "{lines}");
        assert!(before == self.everything().await, "something was written\n{lines}");
        lines
    }

    /// [`World::refusals`] of manifests that the trusted authority signed.
    pub async fn refused_manifests<N: AsRef<str>>(&self, cases: impl IntoIterator<Item = (N, Manifest)>) -> String {
        let announced = |(name, manifest): (N, Manifest)| (name, self.announce_manifest(&manifest));
        self.refusals(cases.into_iter().map(announced)).await
    }

    /// How the imports after the first `seen` ended: a line of name, kind and error for each that is wholly on record,
    /// and one that says so for any other.
    async fn endings(&self, seen: i64) -> String {
        let sql = "SELECT i.request_id || ' | ' || CASE
                     WHEN i.outcome <> 'failed' THEN 'NOT REFUSED: ' || i.outcome
                     WHEN r.status IS DISTINCT FROM 1 THEN 'NOT IN THE HISTORY: ' || i.error
                     WHEN left(r.statusmessage, 250) <> left(i.error, 250) THEN 'OTHERWISE IN THE HISTORY: ' || i.error
                     WHEN j.reason IS DISTINCT FROM i.error THEN 'NOT REJECTED: ' || i.error
                     ELSE i.error_kind || ' | ' || i.error END
                   FROM imports i LEFT JOIN cp_import_record r ON r.id = i.import_record_id
                   LEFT JOIN rejected_records j USING (topic, kafka_partition, kafka_offset, record_time)
                   ORDER BY i.kafka_offset OFFSET $1";
        let rows = self.client().query(sql, &[&seen]).await.unwrap();
        let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let all = lines.join("\n");
        let odd = [
            "NOT REFUSED",
            "NOT IN THE HISTORY",
            "OTHERWISE IN THE HISTORY",
            "NOT REJECTED",
            "| Panic |",
            "| Database |",
        ];
        assert!(!odd.iter().any(|odd| all.contains(odd)), "{all}");
        all
    }
}

/// A manifest as small as they get: one product, one entitlement, no certificate.
pub fn small_manifest() -> Manifest {
    use longshore_devkit::manifest::{Entitlement, Product};
    Manifest::new(Era::D)
        .created(NEXT_DAY)
        .without_identity_certificate()
        .without_consumer_type("system")
        .without("rules2/")
        .product(Product::new("S", "Small"))
        .entitlement(Entitlement::new("e1", "p1", "S").without_certificate())
}

/// The sample of the last era as made a day later, so that nothing but what is wrong with it keeps it out.
pub fn next_manifest() -> Manifest {
    Manifest::sample(Era::D).created(NEXT_DAY)
}

/// Signs any zip as the export of a manifest.
pub fn signed_export(export: Vec<u8>) -> Vec<u8> {
    use longshore_devkit::manifest::Algorithm;
    small_manifest().wrap(export, |bytes| Authority::new().sign(bytes, Algorithm::Sha256))
}
