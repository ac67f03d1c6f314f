//! A database of before, in each of its shapes, and owners in it.

use longshore_tests::database;
use std::fmt::Write as _;
use tokio_postgres::Client;

/// When the tables got the columns that they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// The import record says nothing about whose manifest it was.
    First,
    /// It names consumer and exporter.
    May2012,
    /// It names the consumer's type and the web prefix.
    June2012,
    /// Upstream consumers are rows of their own; what was before is there still.
    October2012,
    /// What was before is gone, and records have snapshots.
    September2013,
}

/// The three of before the association design.
pub const FLAT: [Shape; 3] = [Shape::First, Shape::May2012, Shape::June2012];

/// A database of before, in one schema.
pub struct Old {
    pub url: String,
    pub client: Client,
    shape: Shape,
    records: u32,
}

/// One entry of an owner's history.
#[derive(Debug, Clone, Copy, Default)]
pub struct Record<'a> {
    pub status: i32,
    pub uuid: Option<&'a str>,
    pub name: Option<&'a str>,
    pub consumer_type: Option<&'a str>,
}

impl<'a> Record<'a> {
    pub fn success(uuid: &'a str) -> Self {
        Self { status: 0, uuid: Some(uuid), name: Some("Lab"), consumer_type: Some("sam") }
    }

    pub fn failure() -> Self {
        Self { status: 1, ..Self::default() }
    }

    pub fn undone() -> Self {
        Self { status: 2, ..Self::default() }
    }
}

impl Old {
    pub async fn new(shape: Shape, schema: &str) -> Self {
        let url = database::empty_database().await;
        let client = database::connect(&url).await;
        client
            .batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {schema}; SET search_path = {schema}"))
            .await
            .unwrap();
        for (from, sql) in [
            (Shape::First, include_str!("2011.sql")),
            (Shape::May2012, include_str!("2012_05.sql")),
            (Shape::June2012, include_str!("2012_06.sql")),
            (Shape::October2012, include_str!("2012_10.sql")),
            (Shape::September2013, include_str!("2013_09.sql")),
        ] {
            if from <= shape {
                client.batch_execute(sql).await.unwrap();
            }
        }
        Self { url, client, shape, records: 0 }
    }

    /// An owner whose id, key and name are alike.
    pub async fn owner(&mut self, key: &str, upstream_uuid: Option<&str>, records: &[Record<'_>]) {
        let sql = "INSERT INTO cp_owner (id, account, displayname, created) VALUES ($1, $1, $1, '2011-06-01')";
        self.client.execute(sql, &[&key]).await.unwrap();
        if let Some(uuid) = upstream_uuid {
            let sql = "UPDATE cp_owner SET upstream_uuid = $2 WHERE id = $1";
            self.client.execute(sql, &[&key, &uuid]).await.unwrap();
        }
        for record in records {
            self.record(key, *record).await;
        }
    }

    /// The next entry of an owner's history, an hour after the one before. What the shape has no column for is left out.
    pub async fn record(&mut self, owner: &str, record: Record<'_>) {
        self.records += 1;
        let number = self.records;
        let text = |value: Option<&str>| value.map_or_else(|| "NULL".into(), |value| format!("'{value}'"));
        let (mut columns, mut values) = (String::new(), String::new());
        if self.shape >= Shape::May2012 && self.shape < Shape::September2013 {
            columns += ", generated_by, generated_date, upstream_name, upstream_id";
            write!(values, ", 'admin', '2012-05-01', {}, {}", text(record.name), text(record.uuid)).unwrap();
        }
        if self.shape >= Shape::June2012 && self.shape < Shape::September2013 {
            columns += ", webapp_prefix, upstream_type";
            let web = record.uuid.map(|_| "upstream.example/subs/");
            write!(values, ", {}, {}", text(web), text(record.consumer_type)).unwrap();
        }
        let snapshot = record.uuid.filter(|_| self.shape >= Shape::September2013);
        if let Some(uuid) = snapshot {
            let sql = format!(
                "INSERT INTO cp_import_upstream_consumer (id, uuid, name, owner_id, type_id, prefix_url_api)
                 VALUES ('s{number}', '{uuid}', 'Lab', '{owner}', '1006', 'https://upstream.example/consumers/')"
            );
            self.client.batch_execute(&sql).await.unwrap();
            columns += ", upstream_id";
            write!(values, ", 's{number}'").unwrap();
        }
        let sql = format!(
            "INSERT INTO cp_import_record (id, owner_id, status, statusmessage, created{columns})
             VALUES ('record{number}', '{owner}', {}, 'entry {number}', timestamp '2012-06-01' + interval '{number} h'{values})",
            record.status
        );
        self.client.batch_execute(&sql).await.unwrap();
    }

    /// Links an owner as Candlepin did since October 2012.
    pub async fn link(&self, owner: &str, uuid: &str) {
        let sql = format!(
            "INSERT INTO cp_upstream_consumer (id, uuid, name, owner_id, type_id, prefix_url_api)
             VALUES ('link of {owner}', '{uuid}', 'Linked', '{owner}', '1006', 'https://upstream.example/consumers/');
             UPDATE cp_owner SET upstream_id = 'link of {owner}' WHERE id = '{owner}'"
        );
        self.client.batch_execute(&sql).await.unwrap();
    }
}
