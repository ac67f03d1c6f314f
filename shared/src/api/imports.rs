//! An owner's history of imports.

use super::Api;
use super::date::RestDate;
use super::upstream_consumers::{ConsumerType, prefix};
use crate::candlepin::{Permission, Status};
use crate::http::access::{self, Asked};
use crate::http::{AcceptsJson, Caller, NotFound, NotJson, OwnerKey, Problem, Refused};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use utoipa::ToSchema;

/// How many entries are told at most: Lambda cannot answer with more than 6 MiB.
const MOST: i64 = 1_000;

/// An entry of an owner's history: an import, one that failed, or that imports were undone.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImportRecord {
    id: String,
    #[schema(value_type = String, pattern = "^(SUCCESS|FAILURE|DELETE|SUCCESS_WITH_WARNING)$")]
    status: Status,
    status_message: Option<String>,
    file_name: Option<String>,
    /// Who made the manifest, or who undid.
    generated_by: Option<String>,
    generated_date: Option<RestDate>,
    /// Whose manifest it was, as that was then.
    upstream_consumer: Option<Snapshot>,
    created: Option<RestDate>,
    updated: Option<RestDate>,
}

/// An upstream consumer as it was, without its identity.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Snapshot {
    id: String,
    uuid: String,
    name: String,
    r#type: Option<ConsumerType>,
    owner_id: String,
    api_url: Option<String>,
    web_url: Option<String>,
    content_access_mode: Option<String>,
    created: Option<RestDate>,
    updated: Option<RestDate>,
}

/// An owner's imports
///
/// Newest first, as many as are kept.
#[utoipa::path(
    get,
    path = "/candlepin/owners/{owner}/imports",
    operation_id = "imports",
    params(OwnerKey),
    responses(
        (status = 200, description = "Its history", body = [ImportRecord]),
        (status = 304, description = "The client has it already"),
        Refused,
        NotFound,
        NotJson,
    ),
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    _: AcceptsJson,
    key: OwnerKey,
) -> Result<Response, Problem> {
    let owner = key.owner;
    let types = [Type::TEXT, Type::TEXT, Type::INT8];
    let mut session = api.pool.get().await?;
    let rows = session.query_prepared(include_str!("imports.sql"), &types, &[&owner, &caller.name(), &MOST]).await?;
    access::decide(&caller, Asked::Owner(&owner), Permission::Read, rows.first())?;
    let records: Vec<ImportRecord> = rows.iter().filter_map(ImportRecord::of).collect();
    Ok(Json(records).into_response())
}

impl ImportRecord {
    /// `None` for the row of an owner without a history.
    fn of(row: &Row) -> Option<Self> {
        Some(Self {
            id: row.get::<_, Option<String>>("id")?,
            status: Status::of(row.get("status"))?,
            status_message: row.get("statusmessage"),
            file_name: row.get("file_name"),
            generated_by: row.get("generated_by"),
            generated_date: row.get("generated_date"),
            upstream_consumer: Snapshot::of(row),
            created: row.get("created"),
            updated: row.get("updated"),
        })
    }
}

impl Snapshot {
    fn of(row: &Row) -> Option<Self> {
        Some(Self {
            id: row.get::<_, Option<String>>("upstream_id")?,
            uuid: row.get("uuid"),
            name: row.get("name"),
            r#type: row.get::<_, Option<String>>("type_label").map(|label| ConsumerType {
                id: row.get("type_id"),
                label,
                manifest: row.get("type_manifest"),
            }),
            owner_id: row.get("owner_id"),
            api_url: prefix(row.get("prefix_url_api")),
            web_url: prefix(row.get("prefix_url_web")),
            content_access_mode: row.get("content_access_mode"),
            created: row.get("upstream_created"),
            updated: row.get("upstream_updated"),
        })
    }
}
