//! Content sets: each once, however many products have it.

use super::digest::digest_of;
use super::known::{Digest, KnownContent};
use super::output::Output;
use super::products::Scope;
use super::tables::Bulk;
use crate::db::Tuple;
use crate::manifest::model::{Content, Text};
use bytes::BytesMut;
use std::collections::HashMap;
use uuid::Uuid;

/// Seconds for which clients may keep metadata: imports always set one, as the metadata is on another server now.
const METADATA_EXPIRE: i64 = 1;

/// Longest id, in bytes: it stands in an index.
const MAX_ID: usize = 255;

pub(super) struct Contents {
    known: HashMap<Box<str>, KnownContent>,
    /// A row's values from `content_id` on, as they are digested and written.
    values: BytesMut,
    pub adds: u64,
    /// What stood there otherwise.
    pub updated: Vec<Uuid>,
}

/// A content set as it stands in the database now.
pub(super) struct Placed {
    pub uuid: Uuid,
    pub digest: Digest,
    /// An earlier product of this manifest describes it differently; what that one says counts.
    pub contradicts: bool,
}

impl Contents {
    pub fn new(known: HashMap<Box<str>, KnownContent>) -> Self {
        Self { known, values: BytesMut::new(), adds: 0, updated: Vec::new() }
    }

    /// Writes a content set unless it stands there as it is.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn place(&mut self, content: &Content<'_>, scope: &Scope, output: &mut Output) -> Result<Placed, &'static str> {
        let id = content.id.as_str();
        if id.trim().is_empty() || id.len() > MAX_ID {
            return Err("a content set's id is blank or longer than 255 bytes");
        }
        self.encode(content);
        let digest = digest_of(&self.values);
        let (uuid, created) = match self.known.get_mut(id) {
            Some(known) if known.seen => {
                return Ok(Placed { uuid: known.uuid, digest: known.digest, contradicts: known.digest != digest });
            }
            Some(known) => {
                known.seen = true;
                if known.digest == digest {
                    return Ok(Placed { uuid: known.uuid, digest, contradicts: false });
                }
                known.digest = digest;
                self.updated.push(known.uuid);
                output.forget_content(known.uuid);
                (known.uuid, known.created)
            }
            None => {
                let uuid = Uuid::now_v7();
                self.known.insert(id.into(), KnownContent { uuid, digest, created: None, seen: true });
                self.adds += 1;
                (uuid, None)
            }
        };
        let mut row = output.row(Bulk::Contents);
        row.uuid(uuid);
        row.text(&scope.owner);
        row.bool(true);
        row.timestamp(created.unwrap_or(scope.now));
        row.timestamp(scope.now);
        row.bytea(&digest);
        row.encoded(&self.values);
        Ok(Placed { uuid, digest, contradicts: false })
    }

    fn encode(&mut self, content: &Content<'_>) {
        fn some<'t>(text: &'t Option<Text<'_>>) -> Option<&'t str> {
            text.as_ref().map(Text::as_str)
        }
        self.values.clear();
        let mut row = Tuple::values(&mut self.values);
        row.text(content.id.as_str());
        row.text(some(&content.label).unwrap_or_default());
        row.text(some(&content.name).unwrap_or_default());
        row.text(some(&content.kind).unwrap_or_default());
        row.text(content.vendor());
        row.optional_text(some(&content.content_url));
        row.optional_text(some(&content.gpg_url));
        row.optional_text(some(&content.required_tags));
        row.optional_text(content.release());
        row.optional_text(some(&content.arches));
        row.int8(METADATA_EXPIRE);
        if content.modified_product_ids.is_empty() {
            row.null();
        } else {
            row.text_array(content.modified_product_ids.iter().map(Text::as_str));
        }
    }
}
