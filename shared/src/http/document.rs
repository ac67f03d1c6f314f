//! The OpenAPI document: what the annotations of all routes say, and what all routes have in common.

use super::ErrorBody;
use utoipa::PartialSchema;
use utoipa::openapi::path::PathItem;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, Info, OpenApi, RefOr};

/// Where the document is.
pub const PATH: &str = "/candlepin/openapi.json";

/// What the name of a `HEAD` begins with, before that of its `GET`.
const HEAD_PREFIX: &str = "head_";

/// What every route may answer that somebody must be known for. An argument of `responses(..)`.
#[derive(utoipa::IntoResponses)]
pub enum Refused {
    /// The path or the query cannot be understood.
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// Nobody knows who calls.
    #[response(status = 401)]
    Unauthorized(ErrorBody),
    /// There is no such thing, or the caller may not do this with it: not told which.
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// Something failed here.
    #[response(status = 500)]
    Failed(ErrorBody),
    /// Something that is needed cannot be reached, or it took too long: try again.
    #[response(status = 503)]
    Unavailable(ErrorBody),
}

/// The caller's own owner is not there, or there is nothing to do it with.
#[derive(utoipa::IntoResponses)]
#[response(status = 404)]
#[expect(dead_code, reason = "only its annotations are used")]
pub struct NotFound(ErrorBody);

/// The client takes no JSON, and there is nothing else.
#[derive(utoipa::IntoResponses)]
#[response(status = 406)]
#[expect(dead_code, reason = "only its annotations are used")]
pub struct NotJson(ErrorBody);

/// How callers are known: any of these.
fn security() -> Vec<SecurityRequirement> {
    ["iam", "jwt", "identity"].map(|name| SecurityRequirement::new(name, [""; 0])).into()
}

/// The document of all functions' routes, as JSON.
pub fn document(parts: impl IntoIterator<Item = OpenApi>) -> String {
    let info = Info::builder()
        .title("Longshore")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Upstream consumers of owners, their imports, and manifests of distributors"))
        .build();
    let mut api = OpenApi::builder().info(info).build();
    for part in parts {
        api.merge(part);
    }
    for (path, item) in &mut api.paths.paths {
        add_head(item);
        let is_open = path == PATH;
        for operation in [&mut item.get, &mut item.head, &mut item.delete].into_iter().flatten() {
            operation.security = Some(if is_open { Vec::new() } else { security() });
        }
    }
    let components = api.components.get_or_insert_with(Components::new);
    // What only `Refused` and its like refer to is not collected with the routes.
    components.schemas.insert("ErrorBody".to_owned(), ErrorBody::schema());
    add_schemes(components);
    api.to_pretty_json().unwrap_or_default()
}

/// What is answered to `GET` is answered to `HEAD`, without a body.
fn add_head(item: &mut PathItem) {
    let Some(get) = &item.get else { return };
    let mut head = get.clone();
    head.operation_id = get.operation_id.as_ref().map(|id| format!("{HEAD_PREFIX}{id}"));
    for response in head.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            response.content.clear();
        }
    }
    item.head = Some(head);
}

fn add_schemes(components: &mut Components) {
    let header =
        |name: &str, text: &str| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(name, text)));
    let jwt = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("A token whose claim names the organisation"))
        .build();
    components.add_security_scheme("iam", header("Authorization", "AWS Signature Version 4 of an IAM role or user"));
    components.add_security_scheme("jwt", SecurityScheme::Http(jwt));
    let text = "An identity, in base64, where a trusted gateway sets it; ignored otherwise";
    components.add_security_scheme("identity", header("x-rh-identity", text));
}
