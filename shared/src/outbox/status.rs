//! What the platform is told of each message: its status and, where it is an upload, whether it was sound.

use super::Family;
use super::validation::{answer, received};
use crate::db::DbError;
use crate::failure::{Failure, brief};
use crate::kafka::Record;
use crate::message::{Claim, request_id_of};
use crate::settings::PlatformSettings;
use crate::trace::TraceParent;
use serde::Serialize;
use serde_json::{Map, Value, json};
use time::PrimitiveDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_postgres::GenericClient;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// Longest number of an organisation or account that is told, in bytes.
const MAX_NUMBER: usize = 200;

/// Longest text that is told, in bytes: as long as those of failures that are kept.
const MAX_TEXT: usize = 2_000;

/// What a function tells the platform, and in whose name.
#[derive(Debug, Clone)]
pub struct Platform {
    settings: PlatformSettings,
    source: &'static str,
}

impl Platform {
    /// Of a function whose messages announce uploads. `source` is its name.
    pub fn of_uploads(settings: &PlatformSettings, source: &'static str) -> Self {
        Self { settings: settings.clone(), source }
    }

    /// Of a function whose messages ask for something. Nobody has uploaded anything, so nobody waits for a validation.
    pub fn of_requests(settings: &PlatformSettings, source: &'static str) -> Self {
        Self { settings: PlatformSettings { validation: false, ..settings.clone() }, source }
    }

    /// What can be told of a record that was `received` then. Of one without a request id that is nothing: the platform
    /// would not know what is meant.
    pub fn subject(&self, record: &Record, received_at: PrimitiveDateTime) -> Subject {
        if !self.settings.payload_status && !self.settings.validation {
            return Subject(None);
        }
        let known = |request_id: String| {
            let Claim { org_id, account } = Claim::of_record(record);
            let number = |number: Option<String>| number.map(|number| brief(&number, MAX_NUMBER));
            let (org_id, account) = (number(org_id), number(account));
            Box::new(Known {
                service: self.settings.service.clone(),
                source: self.source,
                received_at,
                trace: TraceParent::of_record(record),
                has_statuses: self.settings.payload_status,
                upload: self.settings.validation.then(|| {
                    let mut upload = received(record, &request_id);
                    // Whose it is may stand in the identity alone, which is left out.
                    for (key, number) in [("org_id", &org_id), ("account", &account)] {
                        if let Some(number) = number {
                            upload.entry(key).or_insert_with(|| number.as_str().into());
                        }
                    }
                    upload
                }),
                org_id,
                account,
                request_id,
            })
        };
        Subject(request_id_of(record).map(known))
    }
}

/// A record, and what is told of it.
#[derive(Clone)]
pub struct Subject(Option<Box<Known>>);

#[derive(Clone)]
struct Known {
    service: String,
    source: &'static str,
    request_id: String,
    trace: Option<TraceParent>,
    org_id: Option<String>,
    account: Option<String>,
    received_at: PrimitiveDateTime,
    has_statuses: bool,
    /// The message of an upload that is to be answered.
    upload: Option<Map<String, Value>>,
}

/// Without numbers of accounts, which are not for logs.
impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Subject").field(&self.0.as_ref().map(|known| &known.request_id)).finish()
    }
}

/// As the platform's tracker reads it. To it a string that is not there and an empty one are the same.
#[derive(Serialize)]
struct Status<'a> {
    service: &'a str,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    org_id: Option<&'a str>,
    request_id: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_msg: Option<&'a str>,
    date: String,
}

/// A message and where it goes.
#[derive(Serialize)]
struct Row {
    event_id: Uuid,
    family: &'static str,
    message: Value,
}

impl Row {
    fn new(family: Family, message: Value) -> Self {
        Self { event_id: Uuid::now_v7(), family: family.as_str(), message }
    }
}

impl Subject {
    /// Tells that the record was received and that the work on it begins.
    ///
    /// # Errors
    /// The database failed.
    pub async fn begun(&self, client: &impl GenericClient, now: PrimitiveDateTime) -> Result<(), DbError> {
        let Some(known) = self.0.as_ref().filter(|known| known.has_statuses) else { return Ok(()) };
        let rows = [known.status("received", None, known.received_at), known.status("processing", None, now)];
        known.write(client, &rows, now).await
    }

    /// Tells that the record is done with: in the transaction that makes it so, where there is one.
    ///
    /// # Errors
    /// The database failed.
    pub async fn succeeded(
        &self,
        client: &impl GenericClient,
        text: &str,
        now: PrimitiveDateTime,
    ) -> Result<(), DbError> {
        self.ended(client, "success", text, now).await
    }

    /// Tells that the record can never succeed, and why.
    ///
    /// # Errors
    /// The database failed.
    pub async fn failed(
        &self,
        client: &impl GenericClient,
        why: &Failure,
        now: PrimitiveDateTime,
    ) -> Result<(), DbError> {
        self.ended(client, "error", &format!("{}: {why}", why.kind()), now).await
    }

    async fn ended(
        &self,
        client: &impl GenericClient,
        status: &'static str,
        text: &str,
        now: PrimitiveDateTime,
    ) -> Result<(), DbError> {
        let Some(known) = &self.0 else { return Ok(()) };
        let text = brief(text, MAX_TEXT);
        let status_row = known.has_statuses.then(|| known.status(status, Some(&text), now));
        let reason = (status == "error").then_some(text.as_str());
        let answer = known.upload.as_ref().map(|upload| Row::new(Family::Validation, answer(upload, reason)));
        let rows: Vec<Row> = status_row.into_iter().chain(answer).collect();
        known.write(client, &rows, now).await
    }
}

impl Known {
    fn status(&self, status: &'static str, status_msg: Option<&str>, moment: PrimitiveDateTime) -> Row {
        let message = Status {
            service: &self.service,
            source: self.source,
            account: self.account.as_deref(),
            org_id: self.org_id.as_deref(),
            request_id: &self.request_id,
            status,
            status_msg,
            date: moment.assume_utc().format(&Rfc3339).unwrap_or_default(),
        };
        Row::new(Family::PayloadStatus, json!(message))
    }

    /// All in one statement, in order.
    async fn write(&self, client: &impl GenericClient, rows: &[Row], now: PrimitiveDateTime) -> Result<(), DbError> {
        let sql = "INSERT INTO outbox (event_id, family, key, request_id, traceparent, event_data, created_at)
                   SELECT m.event_id, m.family, 'request/' || $2, $2, $4, m.message, $3
                   FROM ROWS FROM (jsonb_to_recordset($1) AS (event_id uuid, family text, message jsonb))
                     WITH ORDINALITY m
                   ORDER BY m.ordinality";
        let (rows, trace) = (json!(rows), self.trace.as_ref().map(TraceParent::as_str));
        let values: [(&(dyn ToSql + Sync), Type); 4] =
            [(&rows, Type::JSONB), (&self.request_id, Type::TEXT), (&now, Type::TIMESTAMP), (&trace, Type::TEXT)];
        client.execute_typed(sql, &values).await?;
        Ok(())
    }
}
