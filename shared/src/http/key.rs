//! What stands in a path: keys of owners and uuids of consumers.

use super::Problem;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

/// What the columns hold, in characters.
const LONGEST: usize = 255;

/// An owner's key, from the one variable of a path. It may be nobody's.
#[derive(Debug, Clone, PartialEq, Eq, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OwnerKey {
    /// The owner's key
    #[param(min_length = 1, max_length = 255, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$", example = "5318290")]
    pub owner: String,
}

/// A consumer's uuid, from the one variable of a path. It may be nobody's.
#[derive(Debug, Clone, PartialEq, Eq, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ConsumerUuid {
    /// The consumer's uuid
    #[param(
        min_length = 1,
        max_length = 255,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$",
        example = "0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10"
    )]
    pub uuid: String,
}

impl<S: Send + Sync> FromRequestParts<S> for OwnerKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        variable(parts, state, "an owner's key").await.map(|owner| Self { owner })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ConsumerUuid {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        variable(parts, state, "a consumer's uuid").await.map(|uuid| Self { uuid })
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
