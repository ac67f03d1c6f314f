//! The rows of a Tower in PostgreSQL's binary COPY format, made before anything is timed.

use std::collections::HashMap;

use bytes::{BufMut, Bytes, BytesMut};
use longshore_devkit::tower::{Estate, Stamps};
use serde_json::Value;

use crate::bench::copy::TableRows;

/// What every row says of its tenant and its source; the floor's database has one of each.
const TENANT_AND_SOURCE: i64 = 1;

/// A piece of COPY data that is sent at once.
const PIECE_BYTES: usize = 512 << 10;

/// From 1970, where the Tower's times begin, to 2000, where PostgreSQL's do, in microseconds.
const EPOCH: i64 = 946_684_800_000_000;

/// When the rows were written, as far as they are concerned.
const NOW: i64 = 757_382_400_000_000;

/// The data of all tables, what is linked to first.
#[derive(Debug)]
pub struct CopyRows(pub Vec<TableRows>);

impl CopyRows {
    /// All rows of a Tower. Ids count from 1 in each table, and links are resolved.
    pub fn of(estate: &Estate) -> Self {
        let rows = estate.rows();
        let ids = |refs: &mut dyn Iterator<Item = u64>| refs.zip(1_i64..).collect::<HashMap<u64, i64>>();
        let types = ids(&mut rows.credential_types().map(|row| row.id));
        let inventories = ids(&mut rows.inventories().map(|row| row.id));
        let offerings = ids(&mut rows.offerings().map(|row| row.id));
        let found = |ids: &HashMap<u64, i64>, id: Option<u64>| id.and_then(|id| ids.get(&id).copied());

        let mut credential_types = Writer::new("service_credential_types", "name, description, kind, namespace", true);
        for row in rows.credential_types() {
            credential_types.row(row.id, Some(row.stamps));
            credential_types.text(&row.name).text(&row.description).text(&row.kind);
            credential_types.text(row.namespace.as_deref().unwrap_or_default());
        }
        let mut credentials = Writer::new("service_credentials", "name, description, service_credential_type_id", true);
        for row in rows.credentials() {
            credentials.row(row.id, Some(row.stamps)).text(&row.name).text(&row.description);
            credentials.link(found(&types, row.credential_type));
        }
        let mut groups = Writer::new("service_inventories", "name, description, extra", true);
        for row in rows.inventories() {
            groups.row(row.id, Some(row.stamps)).text(&row.name).text(&row.description).json(&row.extra());
        }
        let mut templates = Writer::new("service_offerings", "name, description, extra, service_inventory_id", true);
        for row in rows.offerings() {
            templates.row(row.id, Some(row.stamps)).text(&row.name).text(&row.description).json(&row.extra());
            templates.link(found(&inventories, row.inventory));
        }
        let links = "extra, service_offering_id, root_service_offering_id, service_inventory_id";
        let mut nodes = Writer::new("service_offering_nodes", links, true);
        for row in rows.nodes() {
            nodes.row(row.id, Some(row.stamps)).json(&row.extra()).link(found(&offerings, Some(row.template)));
            nodes.link(found(&offerings, Some(row.workflow))).link(found(&inventories, row.inventory));
        }
        let form = "name, description, create_json_schema, service_offering_id, extra";
        let mut plans = Writer::new("service_plans", form, false);
        let no_extra = Value::Object(serde_json::Map::new());
        for row in rows.plans() {
            plans.row(row.template, None).text(&row.name).text(&row.description).json(&row.form());
            plans.link(found(&offerings, Some(row.template))).json(&no_extra);
        }
        Self([credential_types, credentials, groups, templates, nodes, plans].map(Writer::finish).into())
    }

    /// How many rows there are.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|table| table.count).sum()
    }
}

/// Writes the rows of one table.
struct Writer {
    table: &'static str,
    statement: String,
    columns: i16,
    stamped: bool,
    count: i64,
    buffer: BytesMut,
    pieces: Vec<Bytes>,
}

impl Writer {
    /// `columns` are those after the ones that every table has; a plan has no times of its own.
    fn new(table: &'static str, columns: &str, stamped: bool) -> Self {
        let stamps = if stamped { ", source_created_at, source_updated_at" } else { "" };
        let all =
            format!("id, tenant_id, source_id, source_ref, created_at, updated_at, last_seen_at{stamps}, {columns}");
        let mut buffer = BytesMut::new();
        buffer.put_slice(b"PGCOPY\n\xff\r\n\0");
        buffer.put_i64(0); // no flags, and no extension of the header
        Self {
            table,
            columns: all.split(", ").fold(0, |count, _| count + 1),
            statement: format!("COPY {table} ({all}) FROM STDIN (FORMAT binary)"),
            stamped,
            count: 0,
            buffer,
            pieces: Vec::new(),
        }
    }

    fn row(&mut self, source_ref: u64, stamps: Option<Stamps>) -> &mut Self {
        if self.buffer.len() >= PIECE_BYTES {
            self.pieces.push(self.buffer.split().freeze());
        }
        self.count += 1;
        self.buffer.put_i16(self.columns);
        self.int8(self.count).int8(TENANT_AND_SOURCE).int8(TENANT_AND_SOURCE).text(&source_ref.to_string());
        self.int8(NOW).int8(NOW).int8(NOW);
        if let Some(stamps) = stamps.filter(|_| self.stamped) {
            self.int8(stamps.created - EPOCH).int8(stamps.modified - EPOCH);
        }
        self
    }

    fn value(&mut self, bytes: &[u8]) -> &mut Self {
        self.buffer.put_u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.buffer.put_slice(bytes);
        self
    }

    fn int8(&mut self, number: i64) -> &mut Self {
        self.value(&number.to_be_bytes())
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.value(text.as_bytes())
    }

    fn link(&mut self, id: Option<i64>) -> &mut Self {
        match id {
            Some(id) => self.int8(id),
            None => {
                self.buffer.put_i32(-1);
                self
            }
        }
    }

    /// The version of jsonb's binary format, then text.
    fn json(&mut self, json: &Value) -> &mut Self {
        self.value(format!("\x01{json}").as_bytes())
    }

    fn finish(mut self) -> TableRows {
        self.buffer.put_i16(-1);
        self.pieces.push(self.buffer.freeze());
        TableRows {
            table: self.table.to_owned(),
            statement: self.statement,
            pieces: self.pieces,
            count: self.count.unsigned_abs(),
        }
    }
}
