//! A record that asks for a manifest.

use super::request::{Format, Request};
use crate::failure::{Failure, brief};
use crate::http::{Caller, principal};
use crate::kafka::Record;
use crate::message::{Fields, MessageError, Sender, request_id_of};
use crate::trace::TraceParent;

/// Longest name of a person that is kept, in bytes: 255 with the two dots that say that it was cut.
const MAX_NAME: usize = 253;

/// `{"consumer": uuid}`, with what a request may say besides, and who asks as in every message.
pub struct ExportMessage {
    /// What is asked for.
    pub request: Request,
    /// The organisation that asks.
    pub caller: Caller,
    /// Who, as the producer says.
    pub principal: Option<String>,
    /// Correlation id.
    pub request_id: Option<String>,
    /// The trace that it belongs to.
    pub trace: Option<TraceParent>,
}

/// Nobody's name is for logs.
impl std::fmt::Debug for ExportMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExportMessage").field("request", &self.request).finish_non_exhaustive()
    }
}

impl ExportMessage {
    /// Understands a record. Unknown keys are ignored.
    ///
    /// # Errors
    /// None is cured by a redelivery.
    pub fn parse(record: &Record) -> Result<Self, Failure> {
        let fields = Fields::of(record)?;
        let sender = Sender::of(&fields, record)?;
        let Some(org) = sender.org() else {
            return Err(MessageError::Identity("missing, and so are org_id and account").into());
        };
        // A principal of IAM is known by its request's signature; an organisation's name is only a text.
        if principal::is_arn(org) {
            return Err(MessageError::Identity("the ARN of an IAM principal").into());
        }
        if sender.identity.contradicts(&sender.claim) {
            return Err(MessageError::Identity("of another organisation than the message names").into());
        }
        let format = fields.text("format")?.map(|format| format.parse::<Format>()).transpose()?;
        let request = Request {
            consumer: fields.required_text("consumer")?,
            cdn_label: fields.text("cdn_label")?,
            web_prefix: fields.text("webapp_prefix")?,
            api_url: fields.text("api_url")?,
            format: format.unwrap_or_default(),
        };
        Ok(Self {
            request: request.check()?,
            caller: Caller::Organisation(org.to_owned()),
            principal: fields.text("principal")?.map(|name| brief(&name, MAX_NAME)),
            request_id: request_id_of(record),
            trace: TraceParent::of_record(record),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::tests::record;
    use serde_json::json;

    #[test]
    fn a_record_names_a_consumer_and_who_asks() {
        let value = json!({
            "consumer": "c-1", "cdn_label": "main", "webapp_prefix": " ", "api_url": "https://api/c", "format": "tar",
            "org_id": "acme", "principal": "admin", "request_id": "r-1", "more": 1,
        });
        let message = ExportMessage::parse(&record(&value, &[])).unwrap();
        let expected = Request {
            consumer: "c-1".into(),
            cdn_label: Some("main".into()),
            web_prefix: None,
            api_url: Some("https://api/c/".into()),
            format: Format::Tar,
        };
        assert_eq!(message.request, expected);
        assert_eq!((message.caller.name(), message.principal.as_deref()), ("acme", Some("admin")));
        assert_eq!(message.request_id.as_deref(), Some("r-1"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_told() {
        let refusals = [
            (json!({"org_id": "acme"}), "consumer is missing"),
            (json!({"consumer": "c-1"}), "the identity is missing, and so are org_id and account"),
            (
                json!({"consumer": "c-1", "org_id": "arn:aws:iam::1:role/x"}),
                "the identity is the ARN of an IAM principal",
            ),
            (json!({"consumer": "c-1", "org_id": "acme", "format": "rar"}), "format is zip or tar"),
            (json!({"consumer": 1, "org_id": "acme"}), "consumer is not a string"),
        ];
        for (value, expected) in refusals {
            let failure = ExportMessage::parse(&record(&value, &[])).unwrap_err();
            assert_eq!((failure.to_string().as_str(), failure.is_transient()), (expected, false));
        }
    }
}
