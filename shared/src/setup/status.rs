//! How things stand: enough for a person to see whether something is wrong, and nothing secret.

use super::{Setup, SetupError};
use crate::db::{DbError, LATEST_VERSION, version};
use crate::keyring;
use crate::outbox;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use tokio_postgres::types::Type;

impl Setup {
    pub(super) async fn status(&self) -> Result<Value, SetupError> {
        let session = self.pool.get().await?;
        let version = version(&session).await?;
        let mut status = json!({"version": version, "latest_version": LATEST_VERSION});
        if version > LATEST_VERSION {
            // As after a roll-back. Migrations only add, so all else can be told.
            status["note"] = "a newer release has migrated the database; this one works with it".into();
        }
        if version < LATEST_VERSION {
            status["problem"] = "the database is not up to date; migrate brings it there".into();
            return Ok(status);
        }
        let now = self.clock.timestamp();
        let row = session.query_typed_one(include_str!("status.sql"), &[(&now, Type::TIMESTAMP)]).await;
        if let (Value::Object(status), Value::Object(found)) = (&mut status, row.map_err(DbError::from)?.get(0)) {
            status.extend(found);
        }
        status["sealed"] = json!(keyring::count(&*session).await?);
        status["current_key"] = match self.keys.get().await {
            Ok(keyring) => keyring.current().into(),
            Err(error) => json!({"problem": error.to_string()}),
        };
        status["authority"] = self.authority().await;
        Ok(status)
    }

    /// Parked messages wait again.
    pub(super) async fn retry_parked(&self) -> Result<Value, SetupError> {
        let session = self.pool.get().await?;
        Ok(json!({"waiting_again": outbox::unpark(&*session).await?}))
    }

    async fn authority(&self) -> Value {
        if !self.authorities.is_configured() {
            return Value::Null;
        }
        match self.authorities.get().await {
            Ok(authority) => {
                let days = (authority.expires() - self.clock.now()).whole_days();
                json!({"expires": authority.expires().format(&Rfc3339).unwrap_or_default(), "days_left": days})
            }
            Err(error) => json!({"problem": error.to_string()}),
        }
    }
}
