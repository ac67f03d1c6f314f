//! The upstream consumers of an owner: whom its manifests come from, with the identity that the owner has there.

use super::Api;
use super::date::RestDate;
use crate::candlepin::{Permission, identity_key_context};
use crate::http::access::{self, Asked};
use crate::http::{AcceptsJson, Caller, NotFound, NotJson, OwnerKey, Problem, Refused};
use crate::keyring::{KeyError, Sealed};
use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use utoipa::ToSchema;

/// An upstream consumer: the distributor that an owner's manifests are made for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct UpstreamConsumer {
    id: String,
    /// Its uuid upstream.
    uuid: String,
    name: String,
    #[schema(value_type = ConsumerType)]
    r#type: ConsumerType,
    owner_id: String,
    /// Where its upstream's API is: the uuid is appended.
    api_url: Option<String>,
    /// Where its upstream's web pages are: the uuid is appended.
    web_url: Option<String>,
    content_access_mode: Option<String>,
    /// What it proves upstream that it is itself with.
    id_cert: Option<IdentityCertificate>,
    created: Option<RestDate>,
    updated: Option<RestDate>,
}

/// A type of consumers.
#[derive(Serialize, ToSchema)]
pub(super) struct ConsumerType {
    /// Null where there is no such type any more.
    pub id: Option<String>,
    pub label: String,
    /// Whether manifests are made for consumers of this type.
    pub manifest: Option<bool>,
}

/// A certificate, and for those who may read it its private key.
#[derive(Serialize, ToSchema)]
struct IdentityCertificate {
    id: String,
    /// PEM; null unless the caller may read keys.
    key: Option<String>,
    /// PEM
    cert: String,
    serial: Serial,
    created: Option<RestDate>,
    updated: Option<RestDate>,
}

/// The serial number of a certificate.
#[derive(Serialize, ToSchema)]
struct Serial {
    /// The number that it is known by here.
    id: i64,
    /// The number that stands in the certificate.
    serial: i64,
    expiration: Option<RestDate>,
    revoked: bool,
    created: Option<RestDate>,
    updated: Option<RestDate>,
}

/// An owner's upstream consumers
///
/// One, or none where nothing was imported or the imports were undone.
#[utoipa::path(
    get,
    path = "/candlepin/owners/{owner}/upstream_consumers",
    operation_id = "upstream_consumers",
    params(OwnerKey),
    responses(
        (status = 200, description = "Those whom its manifests come from", body = [UpstreamConsumer]),
        (status = 304, description = "The client has them already"),
        Refused,
        NotFound,
        NotJson,
    ),
)]
pub(super) async fn plural(
    State(api): State<Arc<Api>>,
    caller: Caller,
    _: AcceptsJson,
    key: OwnerKey,
) -> Result<Response, Problem> {
    answer(&api, &caller, &key).await
}

/// An owner's upstream consumers, by another name
///
/// The same list as at `upstream_consumers`.
#[utoipa::path(
    get,
    path = "/candlepin/owners/{owner}/upstream_consumer",
    operation_id = "upstream_consumer",
    params(OwnerKey),
    responses(
        (status = 200, description = "Those whom its manifests come from", body = [UpstreamConsumer]),
        (status = 304, description = "The client has them already"),
        Refused,
        NotFound,
        NotJson,
    ),
)]
pub(super) async fn singular(
    State(api): State<Arc<Api>>,
    caller: Caller,
    _: AcceptsJson,
    key: OwnerKey,
) -> Result<Response, Problem> {
    answer(&api, &caller, &key).await
}

async fn answer(api: &Api, caller: &Caller, key: &OwnerKey) -> Result<Response, Problem> {
    let owner = &key.owner;
    let mut session = api.pool.get().await?;
    let sql = include_str!("upstream_consumer.sql");
    let types = [Type::TEXT, Type::TEXT, Type::TEXT_ARRAY];
    let readers = Permission::ReadKeys.granted_by();
    let row = session.query_prepared(sql, &types, &[owner, &caller.name(), &readers]).await?.pop();
    drop(session);
    let rights = access::decide(caller, Asked::Owner(owner), Permission::Read, row.as_ref())?;
    let Some(row) = row.filter(|row| row.get::<_, Option<&str>>("id").is_some()) else {
        return Ok(Json([(); 0]).into_response());
    };
    let key = if rights.allow(Permission::ReadKeys) { open_key(api, &row).await? } else { None };
    // Whoever keeps answers must not keep keys.
    let caching = key.is_some().then_some([(CACHE_CONTROL, "no-store")]);
    Ok((caching, Json([UpstreamConsumer::of(&row, key)])).into_response())
}

/// The private key, for those who may read it.
async fn open_key(api: &Api, row: &Row) -> Result<Option<String>, KeyError> {
    let Some(bytes) = row.get("privatekey") else { return Ok(None) };
    let sealed = Sealed { key_id: row.get("privatekey_key_id"), bytes };
    let context = identity_key_context(row.get("cert_id"));
    let key = api.keys.open_text(&context, &sealed).await?;
    Ok(Some(key.expose().to_owned()))
}

impl UpstreamConsumer {
    fn of(row: &Row, key: Option<String>) -> Self {
        Self {
            id: row.get("id"),
            uuid: row.get("uuid"),
            name: row.get("name"),
            r#type: ConsumerType {
                id: row.get("type_id"),
                label: row.get("type_label"),
                manifest: row.get("type_manifest"),
            },
            owner_id: row.get("owner_id"),
            api_url: prefix(row.get("prefix_url_api")),
            web_url: prefix(row.get("prefix_url_web")),
            content_access_mode: row.get("content_access_mode"),
            id_cert: IdentityCertificate::of(row, key),
            created: row.get("created"),
            updated: row.get("updated"),
        }
    }
}

impl IdentityCertificate {
    fn of(row: &Row, key: Option<String>) -> Option<Self> {
        let cert = row.get::<_, Option<&[u8]>>("cert")?;
        Some(Self {
            id: row.get("cert_id"),
            key,
            cert: String::from_utf8_lossy(cert).into_owned(),
            serial: Serial {
                id: row.get("serial_id"),
                serial: row.get("x509_serial"),
                expiration: row.get("expiration"),
                revoked: row.get("revoked"),
                created: row.get("serial_created"),
                updated: row.get("serial_updated"),
            },
            created: row.get("cert_created"),
            updated: row.get("cert_updated"),
        })
    }
}

/// A URL that a uuid can be appended to: some exporters leave out the slash at its end.
pub(super) fn prefix(url: Option<String>) -> Option<String> {
    url.map(|url| if url.ends_with(['/', '=', '#', '?', '&']) { url } else { url + "/" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_can_be_appended_to_a_prefix() {
        let ended = |url: &str| prefix(Some(url.into())).unwrap();
        assert_eq!(ended("https://upstream.example/consumers"), "https://upstream.example/consumers/");
        for whole in ["upstream.example/subs/", "https://upstream.example/show?uuid="] {
            assert_eq!(ended(whole), whole);
        }
    }
}
