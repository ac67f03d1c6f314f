//! The routes of the function `upstream-consumer`: an owner's upstream consumers, its imports, and undoing them.

mod date;
mod imports;
mod undo;
mod upstream_consumers;

use crate::aws::Aws;
use crate::clock::Clock;
use crate::db::{Connector, Pool};
use crate::export;
use crate::failure::Failure;
use crate::http::{AcceptsJson, NotJson, Service, document};
use crate::keyring::Keys;
use crate::lambda::Call;
use crate::outbox::Wakeup;
use crate::settings::Settings;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use std::sync::{Arc, LazyLock};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the routes work with.
#[derive(Debug)]
pub(crate) struct Api {
    pool: Pool,
    keys: Keys,
    clock: Clock,
    wakeup: Wakeup,
    /// Entries of a history that are kept.
    records: u32,
}

/// Answers what clients such as Katello ask of an owner.
pub struct UpstreamConsumers {
    service: Service,
    wakeup: Wakeup,
}

impl UpstreamConsumers {
    /// Wires everything; nothing connects before the first request.
    pub fn new(settings: Settings, aws: &Aws, clock: Clock) -> Self {
        let connector = Connector::new(settings.database, aws.clone(), clock.clone()).for_lookups();
        let pool = Pool::new(connector, settings.concurrency);
        let keys = Keys::new(settings.import.keys, aws);
        let wakeup = Wakeup::new(settings.wake_queue.as_deref(), aws);
        let api = Api { pool: pool.clone(), keys, clock, wakeup: wakeup.clone(), records: settings.import.records };
        let (router, _) = routes().with_state(Arc::new(api)).split_for_parts();
        Self { service: Service::new(router, pool, settings.callers, settings.deadline_margin), wakeup }
    }

    /// Answers one invocation: `payload` is the event of an HTTP API (format 2.0) or a function URL.
    ///
    /// # Errors
    /// When the payload is no such event. Everything else is an answer.
    pub async fn handle(&self, payload: &str, call: Call<'_>) -> Result<ApiGatewayV2httpResponse, Failure> {
        let answer = self.service.handle(payload, call).await;
        self.wakeup.send().await;
        answer
    }
}

fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(upstream_consumers::singular))
        .routes(routes!(upstream_consumers::plural))
        .routes(routes!(imports::list, undo::undo_imports))
        .routes(routes!(openapi))
}

/// The OpenAPI document (3.1) of all routes, of other functions too, as JSON.
pub fn openapi_document() -> &'static str {
    static DOCUMENT: LazyLock<String> =
        LazyLock::new(|| document([routes().into_openapi(), export::routes().into_openapi()]));
    &DOCUMENT
}

/// This document.
#[utoipa::path(
    get,
    path = "/candlepin/openapi.json",
    operation_id = "openapi",
    responses(
        (status = 200, description = "The routes and what they answer", body = serde_json::Value),
        (status = 304, description = "The client has it already"),
        NotJson,
    ),
)]
async fn openapi(_: AcceptsJson) -> impl IntoResponse {
    // Anybody may have it, and keep it for a while.
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=300")], openapi_document())
}
