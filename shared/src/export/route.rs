//! The route of the function `manifest-exporter`.

use super::ExportError;
use super::exporter::observe;
use super::exports::{By, Exported, Exports, Place};
use super::request::{Format, Request};
use crate::hosted::HostedError;
use crate::http::{Caller, ConsumerUuid, ErrorBody, Problem, RequestId, asks_for};
use crate::trace::TraceParent;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, LINK, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The largest archive that is answered at once, in bytes: in base64 it still fits into an answer of Lambda.
const AT_ONCE: u64 = 4 << 20;

pub(crate) fn routes() -> OpenApiRouter<Arc<Exports>> {
    OpenApiRouter::new().routes(routes!(export))
}

/// What a request may say besides whose manifest it wants. Blank is as good as absent.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// The label of the content delivery network that importers are to use.
    #[param(max_length = 255, pattern = "^[^\\u0000]*$")]
    cdn_label: Option<String>,
    /// Base of this server's web pages about consumers: the uuid is appended.
    #[param(max_length = 254, pattern = "^[^\\u0000]*$")]
    webapp_prefix: Option<String>,
    /// Base of this server's API of consumers: the uuid is appended.
    #[param(max_length = 254, pattern = "^[^\\u0000]*$")]
    api_url: Option<String>,
    /// A zip in a zip with its signature, or a gzip'd tar with a detached one; `zip` unless it is named.
    #[param(pattern = "^(zip|tar)?$")]
    format: Option<String>,
}

/// A distributor's manifest
///
/// Made anew each time. It holds private keys, so it takes the right to export, even of one's own owner. Its place is told by
/// a link that works for some minutes; a small one is answered at once to clients that name its type in `Accept`.
#[utoipa::path(
    get,
    path = "/candlepin/consumers/{uuid}/export",
    operation_id = "export",
    params(ConsumerUuid, Wanted),
    responses(
        (
            status = 200,
            description = "The archive, where the client asks for its type and it has at most 4 MiB",
            content((Vec<u8> = "application/zip"), (Vec<u8> = "application/gzip")),
            headers(("link" = Option<String>, description = "With `rel=\"signature\"`: where a tar's signature is")),
        ),
        (
            status = 303,
            description = "The archive is elsewhere",
            headers(
                ("location" = String, description = "Where the archive is, for some minutes"),
                ("link" = Option<String>, description = "With `rel=\"signature\"`: where a tar's signature is"),
            ),
        ),
        (status = 304, description = "The client has it already"),
        (status = 400, description = "The path or the query cannot be understood", body = ErrorBody),
        (status = 401, description = "Nobody knows who calls", body = ErrorBody),
        (
            status = 403,
            description = "No such consumer, or the caller may not export it; one that gets no manifests; an unknown network",
            body = ErrorBody,
        ),
        (
            status = 409,
            description = "What it is entitled to cannot be written into a manifest; the message says what, and why",
            body = ErrorBody,
        ),
        (status = 500, description = "Something failed here", body = ErrorBody),
        (
            status = 503,
            description = "Something that is needed cannot be reached, or it took too long: try again",
            body = ErrorBody,
        ),
    ),
)]
async fn export(
    State(exports): State<Arc<Exports>>,
    caller: Caller,
    ConsumerUuid { uuid: consumer }: ConsumerUuid,
    Query(wanted): Query<Wanted>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let begun = Instant::now();
    let format = match wanted.format.as_deref() {
        None | Some("") => Format::default(),
        Some(named) => named.parse().map_err(problem)?,
    };
    let request = Request {
        consumer,
        cdn_label: wanted.cdn_label,
        web_prefix: wanted.webapp_prefix,
        api_url: wanted.api_url,
        format,
    };
    let at_once = asks_for(&headers, format.media_type()).then_some(AT_ONCE);
    let (principal, trace) = (Some(caller.name()), TraceParent::of_headers(&headers));
    let by = By { caller: &caller, principal, request_id: &request_id, trace: trace.as_ref(), at_once };
    let exported = exports.export(request, &by).await.map_err(problem)?;
    observe(&exported, Some(&request_id), begun.elapsed());
    answer(&exports, exported).await
}

/// The archive, or where it is. Links let anybody in: nobody keeps them.
async fn answer(exports: &Exports, exported: Exported) -> Result<Response, Problem> {
    let links = exports.links(&exported).await?;
    let caching = [(CACHE_CONTROL, "no-store")];
    let signature = links.signature.map(|link| [(LINK, format!("<{link}>; rel=\"signature\""))]);
    let (name, media_type) = (exported.file_name(), exported.format.media_type());
    if let Place::AtOnce { archive, .. } = exported.place {
        let disposition = [(CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))];
        return Ok((caching, signature, [(CONTENT_TYPE, media_type)], disposition, archive).into_response());
    }
    let location = links.archive.map(|link| [(LOCATION, link)]);
    Ok((StatusCode::SEE_OTHER, caching, signature, location, ()).into_response())
}

/// What the client is told of an error.
fn problem(error: ExportError) -> Problem {
    match error {
        ExportError::Request(_) => Problem::bad_request(error.to_string()),
        ExportError::NotAllowed(_) => Problem::forbidden(),
        // As Candlepin has it: known, but not to be had.
        ExportError::NotADistributor { .. } | ExportError::UnknownCdn(_) => {
            Problem::new(StatusCode::FORBIDDEN, error.to_string())
        }
        // Not until somebody has changed what is there.
        ExportError::Unfit { .. } | ExportError::Hosted(HostedError::TooManyContents { .. }) => {
            Problem::new(StatusCode::CONFLICT, error.to_string())
        }
        failed => failed.into(),
    }
}
