//! Who somebody says he is.

use super::MessageError;
use crate::kafka::BASE64;
use base64::Engine as _;
use serde_json::Value;

/// An external tenant, by its newer and its older number. Without `Debug`: neither is for logs.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The newer one.
    pub org_id: Option<String>,
    /// The older one, an account number.
    pub account: Option<String>,
}

impl Claim {
    /// The one number that stands for the tenant.
    pub fn tenant(&self) -> Option<&str> {
        self.org_id.as_deref().or(self.account.as_deref())
    }

    /// Whether both give the same kind of number, and different ones.
    pub fn contradicts(&self, other: &Self) -> bool {
        let differ = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
        differ(&self.org_id, &other.org_id) || differ(&self.account, &other.account)
    }

    /// Reads `{"identity": {"account_number", "org_id", "internal": {"org_id"}}}` from base64. Nobody claims nothing.
    pub(crate) fn from_identity(encoded: Option<&str>) -> Result<Self, MessageError> {
        let Some(encoded) = encoded else { return Ok(Self::default()) };
        let bytes = BASE64.decode(encoded.trim()).map_err(|_| MessageError::Identity("not base64"))?;
        let document: Value = serde_json::from_slice(&bytes).map_err(|_| MessageError::Identity("not JSON"))?;
        let identity = document.get("identity").ok_or(MessageError::Identity("without the key identity"))?;
        let number = |value: Option<&Value>| match value {
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        let internal = identity.get("internal").and_then(|internal| internal.get("org_id"));
        Ok(Self {
            org_id: number(identity.get("org_id")).or_else(|| number(internal)),
            account: number(identity.get("account_number")),
        })
    }
}
