//! Objects as rows of the staging tables, a buffer for each.

use super::object::{Common, Object};
use super::read::{Sink, Stopped};
use crate::db::Tuple;
use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc::Sender;
use uuid::Uuid;

/// A buffer that reaches this size is sent. Large enough that a COPY is worth its round trips, small enough that a
/// buffer for each table, and those under way, are a few megabytes.
const CHUNK_BYTES: usize = 512 << 10;

/// A staging table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Staged {
    CredentialTypes,
    Credentials,
    Inventories,
    Offerings,
    Nodes,
    Plans,
    Ids,
}

impl Staged {
    pub const ALL: [Self; 7] = [
        Self::CredentialTypes,
        Self::Credentials,
        Self::Inventories,
        Self::Offerings,
        Self::Nodes,
        Self::Plans,
        Self::Ids,
    ];

    pub const fn table(self) -> &'static str {
        match self {
            Self::CredentialTypes => "staged_credential_types",
            Self::Credentials => "staged_credentials",
            Self::Inventories => "staged_inventories",
            Self::Offerings => "staged_offerings",
            Self::Nodes => "staged_nodes",
            Self::Plans => "staged_plans",
            Self::Ids => "staged_ids",
        }
    }

    /// Its columns, in the order in which [`Rows`] writes them.
    pub const fn columns(self) -> &'static str {
        match self {
            Self::CredentialTypes => {
                "refresh, seq, source_ref, name, description, source_created_at, source_updated_at, kind, namespace"
            }
            Self::Credentials => {
                "refresh, seq, source_ref, name, description, source_created_at, source_updated_at, type_ref"
            }
            Self::Inventories => {
                "refresh, seq, source_ref, name, description, source_created_at, source_updated_at, extra"
            }
            Self::Offerings => {
                "refresh, seq, source_ref, name, description, source_created_at, source_updated_at, extra, \
                 inventory_ref"
            }
            Self::Nodes => {
                "refresh, seq, source_ref, source_created_at, source_updated_at, extra, offering_ref, root_ref, \
                 inventory_ref"
            }
            Self::Plans => "refresh, seq, source_ref, name, description, create_json_schema",
            Self::Ids => "refresh, collection, source_ref",
        }
    }
}

/// How many rows were staged, by table.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct RowCounts([u64; Staged::ALL.len()]);

impl RowCounts {
    pub fn of(&self, table: Staged) -> u64 {
        self.0[table as usize]
    }
}

/// Some rows of one table, without COPY's header and trailer.
#[derive(Debug)]
pub(super) struct Chunk {
    pub table: Staged,
    pub rows: Bytes,
}

/// Encodes rows and sends them on in chunks. The reading thread's side of staging.
pub(super) struct Rows {
    refresh: Uuid,
    seq: i64,
    counts: RowCounts,
    buffers: [BytesMut; Staged::ALL.len()],
    chunks: Sender<Chunk>,
}

impl Rows {
    pub fn new(refresh: Uuid, chunks: Sender<Chunk>) -> Self {
        Self { refresh, seq: 0, counts: RowCounts::default(), buffers: Default::default(), chunks }
    }

    /// Sends what is left.
    pub fn finish(mut self) -> Result<RowCounts, Stopped> {
        Staged::ALL.into_iter().try_for_each(|table| self.send(table))?;
        Ok(self.counts)
    }

    fn send(&mut self, table: Staged) -> Result<(), Stopped> {
        let rows = self.buffers[table as usize].split().freeze();
        if rows.is_empty() {
            return Ok(());
        }
        self.chunks.blocking_send(Chunk { table, rows }).map_err(|_| Stopped)
    }
}

impl Sink for Rows {
    fn is_stopped(&self) -> bool {
        self.chunks.is_closed()
    }

    fn put(&mut self, object: Object<'_>) -> Result<(), Stopped> {
        self.seq += 1;
        let table = table(&object);
        self.counts.0[table as usize] += 1;
        let buffer = &mut self.buffers[table as usize];
        if buffer.capacity() == 0 {
            buffer.reserve(CHUNK_BYTES + CHUNK_BYTES / 8);
        }
        write_row(buffer, self.refresh, self.seq, &object);
        if buffer.len() >= CHUNK_BYTES { self.send(table) } else { Ok(()) }
    }
}

fn table(object: &Object<'_>) -> Staged {
    match object {
        Object::CredentialType { .. } => Staged::CredentialTypes,
        Object::Credential { .. } => Staged::Credentials,
        Object::Inventory { .. } => Staged::Inventories,
        Object::Offering(_) => Staged::Offerings,
        Object::Node { .. } => Staged::Nodes,
        Object::Plan(_) => Staged::Plans,
        Object::Id { .. } => Staged::Ids,
    }
}

/// Writes one tuple: as many values as [`Staged::columns`] names, in that order.
fn write_row(buffer: &mut BytesMut, refresh: Uuid, seq: i64, object: &Object<'_>) {
    let start = |buffer, columns| {
        let mut row = Tuple::new(buffer, columns);
        row.uuid(refresh);
        row.int8(seq);
        row
    };
    match object {
        Object::CredentialType { common, kind, namespace } => {
            let mut row = start(buffer, 9);
            write_common(&mut row, common);
            row.text(kind);
            row.text(namespace);
        }
        Object::Credential { common, credential_type } => {
            let mut row = start(buffer, 8);
            write_common(&mut row, common);
            row.decimal(*credential_type);
        }
        Object::Inventory { common, extra } => {
            let mut row = start(buffer, 8);
            write_common(&mut row, common);
            row.jsonb(extra);
        }
        Object::Offering(offering) => {
            let mut row = start(buffer, 9);
            write_common(&mut row, &offering.common);
            row.jsonb(offering.extra);
            row.optional(offering.inventory, Tuple::decimal);
        }
        Object::Node { id, created, modified, extra, template, workflow, inventory } => {
            let mut row = start(buffer, 9);
            row.decimal(*id);
            row.int8(*created);
            row.int8(*modified);
            row.jsonb(extra);
            row.decimal(*template);
            row.decimal(*workflow);
            row.optional(*inventory, Tuple::decimal);
        }
        Object::Plan(plan) => {
            let mut row = start(buffer, 6);
            row.decimal(plan.template);
            row.text(plan.name);
            row.text(plan.description);
            row.optional(plan.schema, Tuple::jsonb);
        }
        Object::Id { collection, id } => {
            let mut row = Tuple::new(buffer, 3);
            row.uuid(refresh);
            row.text(collection.name());
            row.decimal(*id);
        }
    }
}

/// What most objects begin with. Ids become `source_ref`, their digits.
fn write_common(row: &mut Tuple<'_>, common: &Common<'_>) {
    row.decimal(common.id);
    row.text(common.name);
    row.text(common.description);
    row.int8(common.created);
    row.int8(common.modified);
}
