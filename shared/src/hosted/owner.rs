//! The owner of what is made here.

use super::HostedError;
use tokio_postgres::Transaction;
use tokio_postgres::types::Type;

/// An owner whose turn has been taken.
pub(super) struct Owner {
    pub id: String,
    pub key: String,
}

/// Takes an owner's turn, as an import does.
pub(super) async fn locked(transaction: &Transaction<'_>, key: &str) -> Result<Owner, HostedError> {
    let sql = "SELECT id, account FROM cp_owner WHERE account = $1 FOR NO KEY UPDATE";
    let row = transaction.query_typed_opt(sql, &[(&key, Type::TEXT)]).await?;
    let row = row.ok_or_else(|| HostedError::refused(format!("no owner {key}; create-owner makes one")))?;
    Ok(Owner { id: row.get("id"), key: row.get("account") })
}
