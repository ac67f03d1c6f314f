//! Rows as PostgreSQL's binary COPY format, a buffer for each staging table.

use super::object::{Common, Object};
use super::read::{Sink, Stopped};
use bytes::{BufMut, Bytes, BytesMut};
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
        write_row(&mut Tuple(buffer), self.refresh, self.seq, &object);
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
fn write_row(row: &mut Tuple<'_>, refresh: Uuid, seq: i64, object: &Object<'_>) {
    let start = |row: &mut Tuple<'_>, columns: i16| {
        row.columns(columns);
        row.uuid(refresh);
        row.int8(seq);
    };
    match object {
        Object::CredentialType { common, kind, namespace } => {
            start(row, 9);
            row.common(common);
            row.text(kind);
            row.text(namespace);
        }
        Object::Credential { common, credential_type } => {
            start(row, 8);
            row.common(common);
            row.reference(*credential_type);
        }
        Object::Inventory { common, extra } => {
            start(row, 8);
            row.common(common);
            row.jsonb(extra);
        }
        Object::Offering(offering) => {
            start(row, 9);
            row.common(&offering.common);
            row.jsonb(offering.extra);
            row.optional_reference(offering.inventory);
        }
        Object::Node { id, created, modified, extra, template, workflow, inventory } => {
            start(row, 9);
            row.reference(*id);
            row.int8(*created);
            row.int8(*modified);
            row.jsonb(extra);
            row.reference(*template);
            row.reference(*workflow);
            row.optional_reference(*inventory);
        }
        Object::Plan(plan) => {
            start(row, 6);
            row.reference(plan.template);
            row.text(plan.name);
            row.text(plan.description);
            match plan.schema {
                Some(schema) => row.jsonb(schema),
                None => row.null(),
            }
        }
        Object::Id { collection, id } => {
            row.columns(3);
            row.uuid(refresh);
            row.text(collection.name());
            row.reference(*id);
        }
    }
}

/// Writes values in PostgreSQL's binary formats: each a length and its bytes.
struct Tuple<'b>(&'b mut BytesMut);

impl Tuple<'_> {
    fn columns(&mut self, count: i16) {
        self.0.put_i16(count);
    }

    fn value(&mut self, bytes: &[u8]) {
        // An entry is at most a gigabyte by its limit, far below what an i32 counts.
        self.0.put_i32(bytes.len() as i32);
        self.0.put_slice(bytes);
    }

    fn null(&mut self) {
        self.0.put_i32(-1);
    }

    fn uuid(&mut self, value: Uuid) {
        self.value(value.as_bytes());
    }

    fn int8(&mut self, value: i64) {
        self.value(&value.to_be_bytes());
    }

    fn text(&mut self, value: &str) {
        self.value(value.as_bytes());
    }

    /// jsonb's version, then its text.
    fn jsonb(&mut self, json: &[u8]) {
        self.0.put_i32(json.len() as i32 + 1);
        self.0.put_u8(1);
        self.0.put_slice(json);
    }

    /// An id as `source_ref` has it: its digits.
    fn reference(&mut self, id: i64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = id.unsigned_abs();
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.value(&digits[at..]);
    }

    fn optional_reference(&mut self, id: Option<i64>) {
        match id {
            Some(id) => self.reference(id),
            None => self.null(),
        }
    }

    fn common(&mut self, common: &Common<'_>) {
        self.reference(common.id);
        self.text(common.name);
        self.text(common.description);
        self.int8(common.created);
        self.int8(common.modified);
    }
}
