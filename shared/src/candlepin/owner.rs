//! Whose manifest it is, and who may import for whom.

use crate::db::DbError;
use crate::failure::{Classified, brief};
use crate::http::principal;
use serde::Deserialize;
use tokio_postgres::types::Type;
use tokio_postgres::{GenericClient, Row, Transaction};

/// Longest text of others in a message, in bytes.
const MAX_TOLD: usize = 255;

/// What an organisation or an IAM principal may do for an owner beyond what its own owner may: `grants.permission`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Permission {
    /// Import manifests.
    #[default]
    Import,
    /// See its upstream consumers and its imports.
    Read,
    /// See them with their private keys.
    ReadKeys,
    /// Undo its imports.
    Undo,
    /// Have its distributors' manifests made, which carry private keys.
    Export,
    /// All of these.
    Admin,
}

impl Permission {
    /// As it stands in the table and in commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Read => "read",
            Self::ReadKeys => "read-keys",
            Self::Undo => "undo",
            Self::Export => "export",
            Self::Admin => "admin",
        }
    }

    /// What must have been granted for it, any one of these.
    pub fn granted_by(self) -> &'static [&'static str] {
        match self {
            Self::Import => &["import", "admin"],
            // Whoever sees the keys sees what they belong to.
            Self::Read => &["read", "read-keys", "admin"],
            Self::ReadKeys => &["read-keys", "admin"],
            Self::Undo => &["undo", "admin"],
            Self::Export => &["export", "admin"],
            Self::Admin => &["admin"],
        }
    }
}

/// An owner that a message is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// `cp_owner.id`
    pub id: String,
    /// Its key, `cp_owner.account`.
    pub key: String,
    /// Its name for people.
    pub name: String,
    /// The upstream consumer that its last import linked it to.
    pub upstream: Option<Linked>,
}

/// The upstream consumer of an owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    /// `cp_upstream_consumer.id`
    pub id: String,
    /// The uuid that it has upstream.
    pub uuid: String,
    /// Its name.
    pub name: String,
}

/// What [`resolve`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The owner.
    pub owner: Owner,
    /// Which lookup found it.
    pub by: Lookup,
    /// What to warn of: the message names another owner than the one that counts.
    pub warning: Option<String>,
}

/// What leads to an owner, in the order in which it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// The consumer is registered for it.
    Registration,
    /// The message names it.
    Named,
    /// An import linked it to the consumer.
    Linked,
    /// It is the caller's own organisation.
    Own,
}

/// Why there is no owner. Texts hold no organisation of a caller.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OwnerError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// There is no such owner, or the organisation may not import for it: which of both is not told.
    #[error("{0} is unknown, or the organisation may not import for it; see create-owner and grant of setup")]
    NotAllowed(String),
    /// While the record waited for its turn.
    #[error("whose manifest it is changed meanwhile")]
    Changed,
    /// No lookup found one.
    #[error("no owner found; tried {0}")]
    Unknown(String),
}

impl Classified for OwnerError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Database(error) => error.kind(),
            Self::NotAllowed(_) | Self::Changed | Self::Unknown(_) => "Owner",
        }
    }
    fn is_transient(&self) -> bool {
        match self {
            Self::Database(error) => error.is_transient(),
            Self::Changed => true,
            Self::NotAllowed(_) | Self::Unknown(_) => false,
        }
    }
}

/// Finds the owner of a manifest: the one that its consumer is registered for, the one that the message names, the one
/// that an import linked to the consumer, that of the caller's own organisation. A message that names an owner is never
/// for one of the last two.
///
/// Without `consumer_uuid` the manifest could not be read, and the answer is in whose history that goes.
///
/// # Errors
/// [`OwnerError::NotAllowed`] when `org` is not the owner's key and has no grant to import for it, and when the named
/// owner does not exist; [`OwnerError::Unknown`] when nothing was named and nothing found.
pub async fn resolve(
    client: &impl GenericClient,
    consumer_uuid: Option<&str>,
    named: Option<&str>,
    org: &str,
) -> Result<Resolved, OwnerError> {
    // A principal of IAM is known by its request's signature; an organisation's name is only a text.
    if principal::is_arn(org) {
        return Err(OwnerError::NotAllowed(described(Lookup::Own, consumer_uuid, named)));
    }
    let row = client
        .query_typed_opt(
            include_str!("resolve_owner.sql"),
            &[
                (&consumer_uuid, Type::TEXT),
                (&named, Type::TEXT),
                (&org, Type::TEXT),
                (&Permission::Import.granted_by(), Type::TEXT_ARRAY),
            ],
        )
        .await
        .map_err(DbError::from)?;
    let Some(row) = row else { return Err(not_found(consumer_uuid, named)) };
    let by = match row.get("lookup") {
        1 => Lookup::Registration,
        2 => Lookup::Named,
        3 => Lookup::Linked,
        _ => Lookup::Own,
    };
    if !row.get::<_, bool>("allowed") {
        return Err(OwnerError::NotAllowed(described(by, consumer_uuid, named)));
    }
    let owner = owner(&row);
    let overridden = named.filter(|named| *named != owner.key);
    let warning = overridden.map(|named| {
        let named = brief(named, MAX_TOLD);
        format!("metadata.owner says {named}, but the consumer is registered for {}, which counts", owner.key)
    });
    Ok(Resolved { owner, by, warning })
}

fn owner(row: &Row) -> Owner {
    let upstream = row.get::<_, Option<String>>("upstream_id").map(|id| Linked {
        id,
        uuid: row.get("upstream_uuid"),
        name: row.get("upstream_name"),
    });
    Owner { id: row.get("id"), key: row.get("account"), name: row.get("displayname"), upstream }
}

/// An owner without telling more of it than the message does.
fn described(by: Lookup, consumer_uuid: Option<&str>, named: Option<&str>) -> String {
    match (by, consumer_uuid, named) {
        (Lookup::Registration | Lookup::Linked, Some(uuid), _) => {
            format!("the owner of consumer {}", brief(uuid, MAX_TOLD))
        }
        (_, _, Some(named)) => format!("owner {}", brief(named, MAX_TOLD)),
        _ => "the owner".into(),
    }
}

fn not_found(consumer_uuid: Option<&str>, named: Option<&str>) -> OwnerError {
    if named.is_some() {
        return OwnerError::NotAllowed(described(Lookup::Named, consumer_uuid, named));
    }
    let own = "that of the caller's own organisation";
    let make = "make one with create-owner of setup";
    OwnerError::Unknown(match consumer_uuid.map(|uuid| brief(uuid, MAX_TOLD)) {
        Some(uuid) => format!(
            "the owner that consumer {uuid} is registered for, metadata.owner (empty), the owner that it is linked to, \
             {own}; {make}, or name one with register-upstream-consumer"
        ),
        None => format!("metadata.owner (empty), {own}; {make}, or name one in the message"),
    })
}

/// Takes an owner's turn: imports, undoing them and notes of failures wait here for each other. The first lock of all.
/// Grants and registrations, which refer to the owner, do not wait.
pub(crate) async fn lock(transaction: &Transaction<'_>, owner: &str) -> Result<(), DbError> {
    let sql = "SELECT FROM cp_owner WHERE id = $1 FOR NO KEY UPDATE";
    transaction.query_typed(sql, &[(&owner, Type::TEXT)]).await?;
    Ok(())
}

/// What the records that may be for one owner have in common, known before an archive is read: the smallest key among
/// the owners that `org` is connected with by grants, or `org` where there is none.
///
/// # Errors
/// See [`DbError`].
pub async fn ordering_key(client: &impl GenericClient, org: &str) -> Result<String, DbError> {
    let sql = include_str!("ordering_key.sql");
    let row = client
        .query_typed_one(sql, &[(&org, Type::TEXT), (&Permission::Import.granted_by(), Type::TEXT_ARRAY)])
        .await?;
    Ok(row.get(0))
}
