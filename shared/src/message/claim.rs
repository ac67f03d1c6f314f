//! Who somebody says he is.

use super::announcement::header;
use super::{Fields, MessageError};
use crate::kafka::{BASE64, Record};
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

    /// Whom a record names, so far as it can be read: by its identity's numbers, else by the message's own.
    pub(crate) fn of_record(record: &Record) -> Self {
        let fields = Fields::of(record).ok();
        let text = |key| fields.as_ref().and_then(|fields| fields.text(key).ok().flatten());
        let identity = text("b64_identity").or_else(|| header(record, IDENTITY));
        let identity = Self::from_identity(identity.as_deref()).unwrap_or_default();
        Self {
            org_id: identity.org_id.or_else(|| text("org_id")),
            account: identity.account.or_else(|| text("account")),
        }
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

/// The header that carries the identity.
pub(super) const IDENTITY: &str = "x-rh-identity";

/// Who sends a message: by his identity, which came with it, and by what the message itself says. Without `Debug`, as claims.
pub(crate) struct Sender {
    /// Whom the identity names.
    pub identity: Claim,
    /// Whom the message names.
    pub claim: Claim,
    /// The identity as it came.
    pub forwarded: Option<String>,
}

impl Sender {
    /// `b64_identity`, else the header, with `org_id` and `account`.
    pub fn of(fields: &Fields, record: &Record) -> Result<Self, MessageError> {
        let forwarded = fields.text("b64_identity")?.or_else(|| header(record, IDENTITY));
        let claim = Claim { org_id: fields.text("org_id")?, account: fields.text("account")? };
        Ok(Self { identity: Claim::from_identity(forwarded.as_deref())?, claim, forwarded })
    }

    /// By its header alone.
    pub fn of_header(record: &Record) -> Result<Self, MessageError> {
        let forwarded = header(record, IDENTITY);
        Ok(Self { identity: Claim::from_identity(forwarded.as_deref())?, claim: Claim::default(), forwarded })
    }

    /// The organisation, where it is known.
    pub fn org(&self) -> Option<&str> {
        self.identity.tenant().or(self.claim.tenant())
    }
}
