//! Undoing an owner's imports.

use super::Api;
use crate::candlepin::{By, Owner, Permission, UndoError, Undone, undo};
use crate::db::DbError;
use crate::http::access::{self, Asked};
use crate::http::{AcceptsJson, Caller, NotFound, NotJson, OwnerKey, Problem, Refused, RequestId};
use crate::trace::TraceParent;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use std::sync::Arc;
use tokio_postgres::types::Type;

/// Undo an owner's imports
///
/// Its imported pools, subscriptions, certificates, products and contents go, and it is linked to nobody, so that any
/// manifest can be imported afterwards. Pools that were made here stay, and so does the history.
#[utoipa::path(
    delete,
    path = "/candlepin/owners/{owner}/imports",
    operation_id = "undo_imports",
    params(OwnerKey),
    responses(
        (status = 200, description = "What was undone", body = Undone),
        Refused,
        NotFound,
        NotJson,
    ),
)]
pub(super) async fn undo_imports(
    State(api): State<Arc<Api>>,
    caller: Caller,
    _: AcceptsJson,
    owner: OwnerKey,
    Extension(RequestId(request_id)): Extension<RequestId>,
    headers: HeaderMap,
) -> Result<Json<Undone>, Problem> {
    let key = owner.owner;
    let mut session = api.pool.get().await?;
    let sql = "SELECT o.id, o.account, o.displayname,
                      ARRAY(SELECT g.permission FROM grants g WHERE g.owner_id = o.id AND g.org = $2) AS granted
               FROM cp_owner o WHERE o.account = $1";
    let row = session
        .query_typed_opt(sql, &[(&key, Type::TEXT), (&caller.name(), Type::TEXT)])
        .await
        .map_err(DbError::from)?;
    access::decide(&caller, Asked::Owner(&key), Permission::Undo, row.as_ref())?;
    let Some(row) = row else { return Err(Problem::forbidden()) };
    let owner = Owner { id: row.get("id"), key, name: row.get("displayname"), upstream: None };
    let trace = TraceParent::of_headers(&headers);
    let by =
        By { principal: Some(caller.name()), request_id: &request_id, trace: trace.as_ref(), records: api.records };
    match undo(&mut session, &owner, by, &api.clock).await {
        Ok(undone) => {
            api.wakeup.due();
            tracing::info!(owner = owner.key, %caller, pools = undone.pools, products = undone.products, "imports undone");
            Ok(Json(undone))
        }
        Err(nothing @ UndoError::NothingImported { .. }) => Err(Problem::not_found(nothing.to_string())),
        Err(error) => Err(error.into()),
    }
}
