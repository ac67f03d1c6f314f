//! What Ansible Tower (AWX, automation controller) sends, made up but shaped as in the world.
//!
//! [`object`] builds single objects for tests. [`Estate`] is a whole Tower of any size, always the same for the same
//! seed, with a history of renames, deletions and returns.

mod edits;
mod estate;
mod export;
mod form;
mod generate;
mod model;
pub mod object;
mod questions;
mod samples;
mod verbose;
mod words;

pub use edits::{Changes, Edit};
pub use estate::Estate;
pub use form::form;
pub use generate::Rows;
pub use model::{Credential, CredentialType, Inventory, Node, Offering, Stamps, Survey};
pub use samples::samples;

/// What a Tower refresh reads, in the order in which the worker's archive holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are Tower's own")]
pub enum Collection {
    CredentialTypes,
    Credentials,
    Inventories,
    JobTemplates,
    Nodes,
    WorkflowJobTemplates,
}

impl Collection {
    /// Every collection, sorted by name.
    pub const ALL: [Self; 6] = [
        Self::CredentialTypes,
        Self::Credentials,
        Self::Inventories,
        Self::JobTemplates,
        Self::Nodes,
        Self::WorkflowJobTemplates,
    ];

    /// The name in Tower's API and in an archive.
    pub fn name(self) -> &'static str {
        match self {
            Self::CredentialTypes => "credential_types",
            Self::Credentials => "credentials",
            Self::Inventories => "inventories",
            Self::JobTemplates => "job_templates",
            Self::Nodes => "workflow_job_template_nodes",
            Self::WorkflowJobTemplates => "workflow_job_templates",
        }
    }
}

#[cfg(test)]
mod tests;
