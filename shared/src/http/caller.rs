//! Who calls: what the gateway's authorizer found out, or what a trusted gateway says.

use super::{Problem, principal};
use crate::message::Claim;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use serde_json::Value;
use std::fmt;

/// The header with the identity of a platform's gateway.
const IDENTITY: HeaderName = HeaderName::from_static("x-rh-identity");

/// How callers are known.
#[derive(Debug, Clone)]
pub struct CallerSettings {
    /// The claim of a JWT that holds the organisation.
    pub org_claim: String,
    /// Whether `x-rh-identity` counts: only where nobody can reach the function but through a gateway that sets it.
    pub trust_identity_header: bool,
}

/// Who calls, and that was established by somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// An organisation, by its number or name.
    Organisation(String),
    /// An IAM principal, by the ARN of its role or user.
    Principal(String),
}

impl Caller {
    /// As it stands in `grants.org`, in events and in the history.
    pub fn name(&self) -> &str {
        match self {
            Self::Organisation(name) | Self::Principal(name) => name,
        }
    }

    /// Whether the owner with this key is the caller's own.
    pub fn owns(&self, owner: &str) -> bool {
        matches!(self, Self::Organisation(org) if org == owner)
    }

    /// Finds out who calls; the error says why it is nobody, without quoting what was claimed.
    pub(super) fn find(
        authorizer: Option<&Value>,
        headers: &HeaderMap,
        settings: &CallerSettings,
    ) -> Result<Self, &'static str> {
        match authorizer.filter(|authorizer| has_spoken(authorizer)) {
            Some(authorizer) => Self::authorized(authorizer, &settings.org_claim),
            None if settings.trust_identity_header => Self::identified(headers),
            None if headers.contains_key(IDENTITY) => Err("no authorizer; x-rh-identity is not trusted here"),
            None => Err("no authorizer"),
        }
    }

    fn authorized(authorizer: &Value, org_claim: &str) -> Result<Self, &'static str> {
        if let Some(arn) = authorizer.pointer("/iam/userArn").and_then(Value::as_str) {
            let known = principal::of_arn(arn).map(Self::Principal);
            return known.ok_or("the IAM authorizer names no role and no user");
        }
        let claims = authorizer.pointer("/jwt/claims").ok_or("the authorizer is neither IAM nor JWT")?;
        let org = match claims.get(org_claim) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => return Err("the token lacks the claim with the organisation"),
        };
        Self::organisation(org)
    }

    fn identified(headers: &HeaderMap) -> Result<Self, &'static str> {
        let mut values = headers.get_all(IDENTITY).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return Err("x-rh-identity is not there once") };
        let value = value.to_str().map_err(|_| "x-rh-identity is not base64")?;
        let claim = Claim::from_identity(Some(value)).map_err(|_| "x-rh-identity cannot be read")?;
        Self::organisation(claim.tenant().ok_or("x-rh-identity names no organisation")?.to_owned())
    }

    fn organisation(name: String) -> Result<Self, &'static str> {
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            return Err("the organisation's name is empty or has control characters in it");
        }
        if principal::is_arn(&name) {
            return Err("the organisation's name looks like the ARN of an IAM principal");
        }
        Ok(Self::Organisation(name))
    }
}

/// Whether there is anything in what should come from an authorizer.
fn has_spoken(authorizer: &Value) -> bool {
    match authorizer {
        Value::Null => false,
        Value::Object(parts) => parts.values().any(|part| !part.is_null()),
        _ => true,
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What was found out about the caller, kept with the request.
#[derive(Debug, Clone)]
pub(super) struct Found(pub Result<Caller, &'static str>);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let reason = match parts.extensions.get::<Found>() {
            Some(Found(Ok(caller))) => return Ok(caller.clone()),
            Some(Found(Err(reason))) => *reason,
            None => "nobody asked who calls",
        };
        tracing::warn!(path = parts.uri.path(), reason, "request refused: nobody knows who calls");
        Err(Problem::unauthorized())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::BASE64;
    use base64::Engine as _;
    use serde_json::json;

    fn find(authorizer: Value, identity: Option<Value>, trust: bool) -> Result<Caller, &'static str> {
        let settings = CallerSettings { org_claim: "org_id".into(), trust_identity_header: trust };
        let mut headers = HeaderMap::new();
        if let Some(identity) = identity {
            let text = BASE64.encode(json!({ "identity": identity }).to_string());
            headers.insert(IDENTITY, text.parse().unwrap());
        }
        Caller::find(Some(&authorizer), &headers, &settings)
    }

    fn org(name: &str) -> Result<Caller, &'static str> {
        Ok(Caller::Organisation(name.into()))
    }

    #[test]
    fn an_authorizer_tells_who_calls() {
        let arn = "arn:aws:sts::123456789012:assumed-role/katello/session";
        let principal = Caller::Principal("arn:aws:iam::123456789012:role/katello".into());
        assert_eq!(find(json!({"iam": {"userArn": arn}}), None, false), Ok(principal));
        assert_eq!(find(json!({"jwt": {"claims": {"org_id": "5318290"}}}), None, false), org("5318290"));
        assert_eq!(find(json!({"jwt": {"claims": {"org_id": 5318290}}}), None, false), org("5318290"));
    }

    #[test]
    fn the_identity_header_counts_only_where_it_is_trusted_and_no_authorizer_spoke() {
        let identity = || Some(json!({"org_id": "1"}));
        assert_eq!(find(json!(null), identity(), false), Err("no authorizer; x-rh-identity is not trusted here"));
        assert_eq!(find(json!({"iam": null}), identity(), true), org("1"));
        assert_eq!(find(json!({"jwt": {"claims": {"org_id": "2"}}}), identity(), true), org("2"));
        for refused in [json!({"jwt": {"claims": {}}}), json!({"lambda": {"org_id": "2"}}), json!({"iam": {}})] {
            assert!(find(refused.clone(), identity(), true).is_err(), "{refused}");
        }
        assert_eq!(find(json!(null), None, true), Err("x-rh-identity is not there once"));
        assert_eq!(find(json!(null), Some(json!({})), true), Err("x-rh-identity names no organisation"));
    }

    #[test]
    fn no_organisation_poses_as_a_principal() {
        let arn = "arn:aws:iam::123456789012:role/katello";
        for name in [arn.to_owned(), arn.to_uppercase(), format!(" {arn}")] {
            assert!(find(json!({"jwt": {"claims": {"org_id": name}}}), None, false).is_err(), "{name}");
            assert!(find(json!(null), Some(json!({"org_id": name})), true).is_err(), "{name}");
        }
    }
}
