//! What stands in a path: keys of owners and uuids of consumers.

use super::Problem;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

/// What the columns hold, in characters.
const LONGEST: usize = 255;

/// An owner's key, from the one variable of a path. It may be nobody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerKey(pub String);

/// A consumer's uuid, from the one variable of a path. It may be nobody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerUuid(pub String);

impl<S: Send + Sync> FromRequestParts<S> for OwnerKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        variable(parts, state, "an owner's key").await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ConsumerUuid {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        variable(parts, state, "a consumer's uuid").await.map(Self)
    }
}

/// Refuses what no row can hold, so that the database is not asked for it.
async fn variable<S: Send + Sync>(parts: &mut Parts, state: &S, what: &str) -> Result<String, Problem> {
    let text = match Path::<String>::from_request_parts(parts, state).await {
        Ok(Path(text)) => text,
        Err(_) => return Err(Problem::bad_request(format!("what stands for {what} in the path is not UTF-8"))),
    };
    if text.is_empty() || text.chars().count() > LONGEST || text.chars().any(char::is_control) {
        let message = format!("{what} has 1 to {LONGEST} characters, none of them a control character");
        return Err(Problem::bad_request(message));
    }
    Ok(text)
}
