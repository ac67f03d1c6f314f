//! Sealed values in the database: which keys they need, and sealing them again with the current one.

use super::{KeyError, Keyring, Sealed};
use crate::db::{DbError, Session};
use serde::Serialize;
use std::collections::BTreeMap;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{GenericClient, Transaction};

/// Tables with a sealed `privatekey`, each bound to `<table>/<id>`.
const TABLES: [&str; 3] = ["cp_certificate", "cp_id_cert", "cp_key_pair"];

/// Values that are sealed again in one transaction.
const BATCH: i64 = 200;

/// Values that do not open are told of up to this many; all are counted.
const MAX_TOLD: usize = 20;

/// Sealed values by the id of their key, by table.
pub type Counts = BTreeMap<String, BTreeMap<String, i64>>;

/// What became of the sealed values.
#[derive(Debug, Default, Serialize)]
pub struct Rotated {
    /// The id of the key that seals now.
    pub current: String,
    /// Values that were sealed again, by table.
    pub rotated: BTreeMap<&'static str, u64>,
    /// Values that do not open: their keys are not there, or they are damaged.
    pub unopened: u64,
    /// The first of them: `cp_id_cert/<id>: why`.
    pub problems: Vec<String>,
    /// Whether there was the time to look at all of them.
    pub complete: bool,
    /// How all values are sealed now.
    pub sealed: Counts,
}

/// Counts sealed values.
///
/// # Errors
/// The database failed.
pub async fn count(client: &impl GenericClient) -> Result<Counts, DbError> {
    let mut counts = Counts::new();
    for table in TABLES {
        let sql =
            format!("SELECT privatekey_key_id, count(*) FROM {table} WHERE privatekey_key_id IS NOT NULL GROUP BY 1");
        let rows = client.query_typed(&sql, &[]).await?;
        counts.insert(table.into(), rows.iter().map(|row| (row.get(0), row.get(1))).collect());
    }
    Ok(counts)
}

/// Seals all values again that are not sealed with the current key, in batches with a transaction each, as long as
/// `go_on` says so. Begun again, it goes on with what is left. A value that somebody is changing at the moment is left for
/// the next time.
///
/// # Errors
/// The database failed, or the machine gives no random numbers. What does not open is no error, but told of.
pub async fn rotate(
    session: &mut Session,
    keyring: &Keyring,
    go_on: impl Fn() -> bool,
) -> Result<Rotated, RotateError> {
    let mut done = Rotated { current: keyring.current().into(), complete: true, ..Rotated::default() };
    for table in TABLES {
        let mut last = String::new();
        loop {
            if !go_on() {
                done.complete = false;
                break;
            }
            session.begin();
            let transaction = session.transaction().await?;
            let batch = Batch { transaction: &transaction, keyring, table };
            let next = batch.rotate(&last, &mut done).await?;
            transaction.commit().await?;
            session.done();
            match next {
                Some(next) => last = next,
                None => break,
            }
        }
    }
    done.sealed = count(&**session).await?;
    Ok(done)
}

/// Why rotating ended early. What was done stays done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotateError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// Sealing failed.
    #[error(transparent)]
    Keys(#[from] KeyError),
}

impl From<tokio_postgres::Error> for RotateError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

struct Batch<'a> {
    transaction: &'a Transaction<'a>,
    keyring: &'a Keyring,
    table: &'static str,
}

impl Batch<'_> {
    /// Goes on after the id `last`; returns the last id that it came to, if there may be more.
    async fn rotate(&self, last: &str, done: &mut Rotated) -> Result<Option<String>, RotateError> {
        let table = self.table;
        let sql = format!(
            "SELECT id, privatekey, privatekey_key_id FROM {table}
             WHERE id > $1 AND privatekey_key_id <> $2 ORDER BY id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED"
        );
        let values: [(&(dyn ToSql + Sync), Type); 3] =
            [(&last, Type::TEXT), (&self.keyring.current(), Type::TEXT), (&BATCH, Type::INT8)];
        let rows = self.transaction.query_typed(&sql, &values).await?;
        let (mut ids, mut sealed): (Vec<&str>, Vec<Vec<u8>>) = (Vec::new(), Vec::new());
        for row in &rows {
            let id: &str = row.get(0);
            match self.seal_again(id, Sealed { bytes: row.get(1), key_id: row.get(2) }) {
                Ok(bytes) => {
                    ids.push(id);
                    sealed.push(bytes);
                }
                Err(KeyError::Sealing) => return Err(KeyError::Sealing.into()),
                Err(error) => {
                    done.unopened += 1;
                    if done.problems.len() < MAX_TOLD {
                        done.problems.push(format!("{table}/{id}: {error}"));
                    }
                }
            }
        }
        let sql = format!(
            "UPDATE {table} t SET privatekey = n.sealed, privatekey_key_id = $3
             FROM unnest($1, $2) AS n (id, sealed) WHERE t.id = n.id"
        );
        let values: [(&(dyn ToSql + Sync), Type); 3] =
            [(&ids, Type::TEXT_ARRAY), (&sealed, Type::BYTEA_ARRAY), (&self.keyring.current(), Type::TEXT)];
        *done.rotated.entry(table).or_default() += self.transaction.execute_typed(&sql, &values).await?;
        Ok(rows.last().map(|row| row.get(0)))
    }

    fn seal_again(&self, id: &str, sealed: Sealed) -> Result<Vec<u8>, KeyError> {
        let context = format!("{}/{id}", self.table);
        let plain = self.keyring.open(&context, &sealed)?;
        Ok(self.keyring.seal(&context, &plain)?.bytes)
    }
}
