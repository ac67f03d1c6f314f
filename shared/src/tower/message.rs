//! What is announced: the ingress form of the Upload Service and the persister form, told apart by their keys.

use crate::kafka::Record;
use crate::message::{Announcement, Fields, MessageError, Parsed};
use uuid::Uuid;

/// The service whose uploads are ours.
const SERVICE: &str = "catalog";

/// An announced archive of a Tower.
#[derive(Debug)]
pub struct Message {
    pub(super) form: Form,
    pub(super) announced: Announcement,
    pub(super) task: Option<TaskRef>,
}

/// How a message says whose archive it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// By the identity, the task and the reporter.
    Ingress { category: Option<Uuid>, reporter: Option<String> },
    /// By the ids of the rows.
    Persister { tenant: i64, source: i64 },
}

/// The task that waits for the refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TaskRef {
    Url(String),
    Id(Uuid),
}

impl Message {
    /// Understands a record. Unknown keys are ignored.
    ///
    /// # Errors
    /// See [`MessageError`]: none is cured by a redelivery.
    pub fn parse(record: &Record) -> Result<Parsed<Self>, MessageError> {
        let fields = match Fields::for_service(record, SERVICE)? {
            Parsed::NotOurs(why) => return Ok(Parsed::NotOurs(why)),
            Parsed::Message(fields) => fields,
        };
        if fields.has("data_url") {
            return Self::persister(&fields, record).map(Parsed::from);
        }
        if fields.names_another(SERVICE)? {
            return Ok(Parsed::NotOurs("its service is another one"));
        }
        Self::ingress(&fields, record).map(Parsed::from)
    }

    /// The correlation id.
    pub fn request_id(&self) -> Option<&str> {
        self.announced.request_id.as_deref()
    }

    fn ingress(fields: &Fields, record: &Record) -> Result<Self, MessageError> {
        let category = fields.text("category")?.and_then(|category| Uuid::try_parse(&category).ok());
        let reporter = fields.object("metadata")?.text("reporter")?;
        Ok(Self {
            form: Form::Ingress { category, reporter },
            announced: Announcement::ingress(fields, record)?,
            task: category.map(TaskRef::Id),
        })
    }

    fn persister(fields: &Fields, record: &Record) -> Result<Self, MessageError> {
        Ok(Self {
            form: Form::Persister { tenant: fields.id("tenant_id")?, source: fields.id("source_id")? },
            announced: Announcement::persister(fields, record)?,
            task: fields.text("task_url")?.map(TaskRef::Url),
        })
    }
}

#[cfg(test)]
mod tests;
