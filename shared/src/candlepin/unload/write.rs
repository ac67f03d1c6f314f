//! Both sides of unloading together: the reading thread, and the statements that its steps become.

use super::certificates::Certificates;
use super::contents::Contents;
use super::entitlements::Entitlements;
use super::facts::{Counts, Facts};
use super::incoming::Incoming;
use super::known::{Known, KnownProduct};
use super::output::{Forgotten, Output, Step};
use super::products::{Products, ReadError, Scope};
use crate::candlepin::ImportError;
use crate::db::Copier;
use crate::db::DbError;
use crate::keyring::{KeyError, Keyring};
use crate::manifest::ManifestError;
use crate::manifest::files::Files;
use crate::manifest::read::Export;
use crate::outbox::Event;
use crate::warnings::Warnings;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use time::PrimitiveDateTime;
use tokio::sync::mpsc::{Receiver, channel};
use tokio_postgres::Transaction;
use tokio_postgres::types::Type;
use uuid::Uuid;

/// Steps that may wait between the two sides.
const STEPS_UNDER_WAY: usize = 2;

/// Why unloading ended early.
#[derive(Debug)]
pub(in crate::candlepin) enum UnloadError {
    Manifest(ManifestError),
    Keys(KeyError),
    Database(DbError),
    /// The reading thread panicked, with what it said.
    Panic(String),
}

impl From<ReadError> for UnloadError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Manifest(error) => Self::Manifest(error),
            ReadError::Keys(error) => Self::Keys(error),
            ReadError::Stopped => Self::Panic("the reader was stopped by nobody".into()),
        }
    }
}

impl From<DbError> for UnloadError {
    fn from(error: DbError) -> Self {
        Self::Database(error)
    }
}

/// What the manifest held, once its bulk is written.
#[derive(Debug, Default)]
pub(in crate::candlepin) struct Unloaded {
    pub incoming: Vec<Incoming>,
    pub facts: Facts,
    pub products: Counts,
    pub contents: Counts,
    pub certificates: Counts,
    /// Of products that are new or have changed.
    pub events: Vec<Event>,
    /// Products that the manifest does not have any more.
    pub gone: HashMap<String, KnownProduct>,
    pub warnings: Warnings,
    resourced: Vec<(Uuid, Vec<u8>)>,
    passed_over: Vec<Uuid>,
    updated_contents: Vec<Uuid>,
    /// Contents that a product had which has changed: perhaps nobody's any more.
    pub loosened: HashSet<Uuid>,
}

/// Reads products and entitlements and writes what has changed. Files that are as they were at the last import are
/// passed over where `may_pass_over` says so.
///
/// When the transaction fails the reader stops at its next chunk, and the other way round.
pub(in crate::candlepin) async fn unload(
    transaction: &Transaction<'_>,
    scope: &Scope,
    keyring: Arc<Keyring>,
    known: Known,
    may_pass_over: bool,
) -> Result<Unloaded, UnloadError> {
    let (sender, steps) = channel(STEPS_UNDER_WAY);
    let (thread_scope, span) = (scope.clone(), tracing::Span::current());
    let reading = tokio::task::spawn_blocking(move || {
        let _in = span.entered();
        read(&thread_scope, &keyring, known, may_pass_over, Output::new(sender))
    });
    let written = write(transaction, steps).await;
    let read = reading.await.map_err(|error| UnloadError::Panic(error.to_string()))?;
    // A reader that was stopped knows nothing; the database does.
    let loosened = written?;
    match read {
        Ok(unloaded) => {
            note_sources(transaction, &unloaded.resourced).await?;
            Ok(Unloaded { loosened, ..unloaded })
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether a content set that has changed belongs to a product whose file has not: then the manifest contradicts itself,
/// and who is right can only be told by reading all of it.
pub(in crate::candlepin) async fn contradicts(
    transaction: &Transaction<'_>,
    unloaded: &Unloaded,
) -> Result<bool, DbError> {
    if unloaded.updated_contents.is_empty() || unloaded.passed_over.is_empty() {
        return Ok(false);
    }
    let sql = "SELECT EXISTS (SELECT FROM cp_product_contents WHERE product_uuid = ANY($1) AND content_uuid = ANY($2))";
    let values: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&unloaded.passed_over, Type::UUID_ARRAY), (&unloaded.updated_contents, Type::UUID_ARRAY)];
    Ok(transaction.query_typed_one(sql, &values).await?.get(0))
}

/// Reads all products and entitlements into an empty database that is not there, on this thread: what an import would warn
/// of, or refuse.
///
/// # Errors
/// What an import would say of the first file that it cannot use.
pub fn rehearse(export: &Export) -> Result<Warnings, ImportError> {
    let (members, depth) = (export.container().files.clone(), export.depth());
    let now = PrimitiveDateTime::MIN;
    let scope = Scope { owner: String::new(), now, members, depth };
    let read = read(&scope, &Keyring::throwaway()?, Known::default(), false, Output::nowhere());
    read.map(|unloaded| unloaded.warnings).map_err(|error| UnloadError::from(error).into())
}

/// The reading thread.
fn read(
    scope: &Scope,
    keyring: &Keyring,
    known: Known,
    may_pass_over: bool,
    mut output: Output,
) -> Result<Unloaded, ReadError> {
    let mut files = Files::new(&scope.members, scope.depth);
    let contents_before = known.contents_there;
    let certificates_before = known.certificates.len() as u64;
    let mut products = Products::new(scope, known.products, Contents::new(known.contents));
    products.read_all(&mut files, may_pass_over, &mut output)?;
    let Products { facts, counts, contents, events, known: gone, mut warnings, resourced, passed_over, .. } = products;
    let mut entitlements = Entitlements {
        facts: &facts,
        certificates: Certificates::new(scope, keyring, known.certificates),
        known: &known.entitlements,
        warnings: &mut warnings,
    };
    let incoming = entitlements.read_all(&mut files, &mut output)?;
    let new_certificates = entitlements.certificates.adds;
    output.finish()?;
    Ok(Unloaded {
        incoming,
        facts,
        products: counts,
        // What is gone is known only when nobody has it any more.
        contents: Counts {
            adds: contents.adds,
            updates: contents.updated.len() as u64,
            deletes: 0,
            unchanged: contents_before - contents.updated.len() as u64,
        },
        certificates: Counts { adds: new_certificates, unchanged: certificates_before, ..Counts::default() },
        events,
        gone,
        warnings,
        resourced,
        passed_over,
        updated_contents: contents.updated,
        loosened: HashSet::new(),
    })
}

/// Carries out steps in their order.
async fn write(transaction: &Transaction<'_>, mut steps: Receiver<Step>) -> Result<HashSet<Uuid>, DbError> {
    let mut copier = Copier::new(transaction);
    let mut loosened = HashSet::new();
    while let Some(step) = steps.recv().await {
        match step {
            Step::Copy(table, rows) => copier.send(table.table(), table.columns(), rows).await?,
            Step::Forget(forgotten) => {
                copier.finish().await?;
                loosened.extend(forget(transaction, &forgotten).await?);
            }
        }
    }
    copier.finish().await?;
    Ok(loosened)
}

/// Deletes objects with all their rows. Returns the contents that products had.
async fn forget(transaction: &Transaction<'_>, forgotten: &Forgotten) -> Result<Vec<Uuid>, DbError> {
    if !forgotten.contents.is_empty() {
        let sql = "DELETE FROM cp_contents WHERE uuid = ANY($1)";
        transaction.execute_typed(sql, &[(&forgotten.contents, Type::UUID_ARRAY)]).await?;
    }
    delete_products(transaction, &forgotten.products).await
}

/// Those of `products` that stay although no manifest has them any more: what was made here needs them.
pub(in crate::candlepin) async fn used_products(
    transaction: &Transaction<'_>,
    owner: &str,
    products: &[Uuid],
) -> Result<HashSet<Uuid>, DbError> {
    if products.is_empty() {
        return Ok(HashSet::new());
    }
    let values: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&owner, Type::TEXT), (&products, Type::UUID_ARRAY)];
    let rows = transaction.query_typed(include_str!("used_products.sql"), &values).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Deletes products with all their rows. Returns the contents that they had.
pub(in crate::candlepin) async fn delete_products(
    transaction: &Transaction<'_>,
    products: &[Uuid],
) -> Result<Vec<Uuid>, DbError> {
    if products.is_empty() {
        return Ok(Vec::new());
    }
    let rows = transaction.query_typed(include_str!("delete_products.sql"), &[(&products, Type::UUID_ARRAY)]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Deletes those of `contents` that no product has any more. Returns how many.
pub(in crate::candlepin) async fn delete_loose_contents(
    transaction: &Transaction<'_>,
    owner: &str,
    contents: &HashSet<Uuid>,
) -> Result<u64, DbError> {
    if contents.is_empty() {
        return Ok(0);
    }
    let contents: Vec<Uuid> = contents.iter().copied().collect();
    let values: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&contents, Type::UUID_ARRAY), (&owner, Type::TEXT)];
    Ok(transaction.execute_typed(include_str!("delete_loose_contents.sql"), &values).await?)
}

/// Remembers which bytes products were read from, so that they can be passed over next time.
async fn note_sources(transaction: &Transaction<'_>, resourced: &[(Uuid, Vec<u8>)]) -> Result<(), DbError> {
    if resourced.is_empty() {
        return Ok(());
    }
    let (uuids, sources): (Vec<Uuid>, Vec<&[u8]>) = resourced.iter().map(|(uuid, source)| (*uuid, &source[..])).unzip();
    let sql =
        "UPDATE cp_products p SET source = n.source FROM unnest($1, $2) AS n (uuid, source) WHERE p.uuid = n.uuid";
    transaction.execute_typed(sql, &[(&uuids, Type::UUID_ARRAY), (&sources, Type::BYTEA_ARRAY)]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::fixture::tar_gz;
    use crate::archive::{Limits, Members};

    fn members(files: &[(&str, &str)]) -> Members {
        let files: Vec<(&str, &[u8])> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
        Members::tar_gz(&tar_gz(&files), &Limits::default()).unwrap()
    }

    #[test]
    fn a_reader_whose_import_was_abandoned_reads_not_even_one_more_file() {
        let product = r#"{"id": "1", "name": "One"}"#;
        let cases = [
            members(&[("products/1.json", "unreadable")]),
            members(&[("entitlements/1.json", "unreadable"), ("products/readme.txt", "")]),
            members(&[("entitlement_certificates/1.pem", "unreadable"), ("products/readme.txt", "")]),
            members(&[("products/1.json", product)]),
        ];
        for members in cases {
            let scope = Scope { owner: String::new(), now: PrimitiveDateTime::MIN, members, depth: 64 };
            let (sender, receiver) = channel(1);
            drop(receiver);
            let keyring = Keyring::throwaway().unwrap();
            let read = read(&scope, &keyring, Known::default(), true, Output::new(sender));
            assert!(matches!(read, Err(ReadError::Stopped)), "{:?}", scope.members);
        }
    }
}
