//! The daily look at identity certificates of upstream consumers: which are over, or will be soon.

use super::{Setup, SetupError};
use crate::db::{DbError, joins_whole_tables};
use crate::metrics;
use crate::outbox::{self, Change, Event};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, PrimitiveDateTime};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// How long before its end a certificate is told of: time enough to have a new manifest made.
const NOTICE: Duration = Duration::days(30);

impl Setup {
    /// Tells of each certificate once that it will be over soon, and once that it is, and counts them each time.
    pub(super) async fn check_certificates(&self) -> Result<Value, SetupError> {
        let now = self.clock.timestamp();
        let mut session = self.pool.get().await?;
        session.begin();
        let transaction = session.transaction().await.map_err(DbError::from)?;
        joins_whole_tables(&transaction).await?;
        let values = [(&now as _, Type::TIMESTAMP), (&(now + NOTICE) as _, Type::TIMESTAMP)];
        let rows = transaction.query_typed(include_str!("certificates.sql"), &values).await.map_err(DbError::from)?;
        let mut told = 0;
        for row in rows.iter().filter(|row| row.get("is_new")) {
            told += 1;
            let context = outbox::Context {
                key: format!("owner/{}", row.get::<_, &str>("owner")),
                principal: None,
                request_id: "",
                trace: None,
                now,
            };
            outbox::write(&transaction, &context, &[event(row)]).await?;
        }
        transaction.commit().await.map_err(DbError::from)?;
        session.done();
        metrics::certificates_expiring(rows.len());
        Ok(json!({"expiring": rows.iter().map(|row| line(row, now)).collect::<Vec<_>>(), "told": told}))
    }
}

fn expires(row: &Row) -> PrimitiveDateTime {
    row.get("expiration")
}

fn event(row: &Row) -> Event {
    let data = json!({
        "uuid": row.get::<_, &str>("uuid"), "expires": expires(row).assume_utc().format(&Rfc3339).ok(),
        "over": row.get::<_, bool>("over"),
    });
    Event::new(Change::Expired, "UPSTREAM_CONSUMER", row.get::<_, &str>("name"), row.get::<_, &str>("id"), data)
}

fn line(row: &Row, now: PrimitiveDateTime) -> Value {
    json!({
        "owner": row.get::<_, &str>("owner"), "name": row.get::<_, &str>("name"), "uuid": row.get::<_, &str>("uuid"),
        "expires": expires(row).assume_utc().format(&Rfc3339).ok(), "days_left": (expires(row) - now).whole_days(),
    })
}
