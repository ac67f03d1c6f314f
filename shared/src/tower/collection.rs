//! What a Tower archive holds and which table each of it goes to.

/// A collection of a Tower archive: a folder of list pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Collection {
    /// `credential_types`
    CredentialTypes,
    /// `credentials`
    Credentials,
    /// `inventories`
    Inventories,
    /// `job_templates`
    JobTemplates,
    /// `workflow_job_templates`
    WorkflowJobTemplates,
    /// `workflow_job_template_nodes`
    Nodes,
}

impl Collection {
    /// All, in the order in which they are merged: what is linked to comes first.
    pub const ALL: [Self; 6] = [
        Self::CredentialTypes,
        Self::Credentials,
        Self::Inventories,
        Self::JobTemplates,
        Self::WorkflowJobTemplates,
        Self::Nodes,
    ];

    /// Its folder in the archive.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CredentialTypes => "credential_types",
            Self::Credentials => "credentials",
            Self::Inventories => "inventories",
            Self::JobTemplates => "job_templates",
            Self::WorkflowJobTemplates => "workflow_job_templates",
            Self::Nodes => "workflow_job_template_nodes",
        }
    }

    /// The collection of a folder.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|collection| collection.name() == name)
    }

    /// Where its objects are kept.
    pub const fn table(self) -> Table {
        match self {
            Self::CredentialTypes => Table::CredentialTypes,
            Self::Credentials => Table::Credentials,
            Self::Inventories => Table::Inventories,
            Self::JobTemplates | Self::WorkflowJobTemplates => Table::Offerings,
            Self::Nodes => Table::Nodes,
        }
    }

    /// The `type` of its objects, where several collections share a table.
    pub const fn object_type(self) -> Option<&'static str> {
        match self {
            Self::JobTemplates => Some("job_template"),
            Self::WorkflowJobTemplates => Some("workflow_job_template"),
            _ => None,
        }
    }
}

/// A table of the Catalog Inventory that refreshes write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// `service_credential_types`
    CredentialTypes,
    /// `service_credentials`
    Credentials,
    /// `service_inventories`
    Inventories,
    /// `service_offerings`
    Offerings,
    /// `service_offering_nodes`
    Nodes,
    /// `service_plans`
    Plans,
}

impl Table {
    /// All, in the order in which they are merged.
    pub const ALL: [Self; 6] =
        [Self::CredentialTypes, Self::Credentials, Self::Inventories, Self::Offerings, Self::Nodes, Self::Plans];

    /// Its name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CredentialTypes => "service_credential_types",
            Self::Credentials => "service_credentials",
            Self::Inventories => "service_inventories",
            Self::Offerings => "service_offerings",
            Self::Nodes => "service_offering_nodes",
            Self::Plans => "service_plans",
        }
    }

    /// Its name in the statistics that the task API and `last_refresh_message` show.
    pub const fn stats_key(self) -> &'static str {
        match self {
            Self::CredentialTypes => "credential_types",
            Self::Credentials => "credentials",
            Self::Inventories => "inventories",
            Self::Offerings => "service_offering",
            Self::Nodes => "service_offering_nodes",
            Self::Plans => "service_plans",
        }
    }
}
