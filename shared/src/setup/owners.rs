//! Owners of the Candlepin tables.

use super::SetupError;
use crate::candlepin::Status;
use crate::clock::Clock;
use crate::db::{DbError, Pool};
use serde_json::{Value, json};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

/// What the columns for keys, uuids and names hold, in characters.
const MAX_TEXT: usize = 255;

/// An argument that is kept as it is, and compared with what others write: nothing about it is mended silently.
pub(super) fn plain<'a>(argument: &str, text: &'a str) -> Result<&'a str, SetupError> {
    let problem = if text.trim().is_empty() {
        "is empty".into()
    } else if text.trim() != text {
        "begins or ends with a blank; leave that out".into()
    } else if text.chars().any(char::is_control) {
        "has a control character in it".into()
    } else if text.chars().count() > MAX_TEXT {
        format!("is longer than {MAX_TEXT} characters")
    } else {
        return Ok(text);
    };
    Err(SetupError::Argument(format!("{argument} {problem}")))
}

pub(super) fn unknown(owner: &str) -> SetupError {
    SetupError::Argument(format!("no owner {owner}; create-owner makes one"))
}

pub(super) async fn create_owner(
    pool: &Pool,
    clock: &Clock,
    owner: &str,
    display_name: Option<&str>,
) -> Result<Value, SetupError> {
    let owner = plain("owner", owner)?;
    let display_name = display_name.map(|name| plain("display_name", name)).transpose()?;
    let id = Uuid::now_v7().simple().to_string();
    let sql = "INSERT INTO cp_owner AS o (id, account, displayname, created, updated)
               VALUES ($1, $2, coalesce($3, $2), $4, $4)
               ON CONFLICT (account) DO UPDATE
                 SET displayname = coalesce($3, o.displayname),
                     updated = CASE WHEN $3 <> o.displayname THEN $4 ELSE o.updated END
               RETURNING id, displayname";
    let row = pool
        .get()
        .await?
        .query_typed_one(
            sql,
            &[
                (&id, Type::TEXT),
                (&owner, Type::TEXT),
                (&display_name, Type::TEXT),
                (&clock.timestamp(), Type::TIMESTAMP),
            ],
        )
        .await
        .map_err(DbError::from)?;
    Ok(json!({"owner": owner, "id": row.get::<_, &str>(0), "display_name": row.get::<_, &str>(1)}))
}

pub(super) async fn list_owners(pool: &Pool) -> Result<Value, SetupError> {
    let sql = include_str!("list_owners.sql");
    let rows = pool.get().await?.query_typed(sql, &[]).await.map_err(DbError::from)?;
    Ok(json!({"owners": rows.iter().map(listed).collect::<Vec<_>>()}))
}

fn listed(row: &Row) -> Value {
    let text = |column| row.get::<_, Option<&str>>(column);
    let upstream = text("upstream_uuid").map(|uuid| json!({"uuid": uuid, "name": text("upstream_name")}));
    let newest = row
        .get::<_, Option<i32>>("status")
        .map(|status| json!({"status": Status::of(status), "created": text("imported")}));
    json!({
        "owner": text("account"),
        "display_name": text("displayname"),
        "id": text("id"),
        "upstream": upstream,
        "registered": row.get::<_, Vec<&str>>("registered"),
        "newest_import": newest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Classified;

    #[test]
    fn a_plain_text_is_taken_as_it_is_or_not_at_all() {
        let long = "ü".repeat(MAX_TEXT);
        for good in ["a", "5318290", "Acme & Sons / East", &long] {
            assert_eq!(plain("owner", good).unwrap(), good);
        }
        let longer = format!("{long}x");
        for (bad, told) in [
            ("", "owner is empty"),
            (" \t", "owner is empty"),
            (" acme", "owner begins or ends with a blank; leave that out"),
            ("acme\n", "owner begins or ends with a blank; leave that out"),
            ("ac\u{0}me", "owner has a control character in it"),
            ("ac\u{85}me", "owner has a control character in it"),
            (&longer, "owner is longer than 255 characters"),
        ] {
            let error = plain("owner", bad).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.kind()), (told, "Command"), "{bad:?}");
        }
    }
}
