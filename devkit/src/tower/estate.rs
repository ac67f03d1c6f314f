//! A whole Tower, made up from a seed.

use super::{Collection, Edit, Rows};

/// How much a Tower holds, and what has happened there. Nothing is stored but these numbers: every object is made when
/// it is asked for, so that a Tower of any size costs no memory.
///
/// The default is a large Tower, with about 43 MB of JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Estate {
    /// Job templates.
    pub job_templates: usize,
    /// Workflow templates.
    pub workflows: usize,
    /// Nodes that run a template or a workflow. For every 50 of them there is one more that updates a project, which a
    /// refresh ignores. Without workflows there are none.
    pub nodes: usize,
    /// Inventories.
    pub inventories: usize,
    /// Credentials.
    pub credentials: usize,
    /// Credential types.
    pub credential_types: usize,
    /// Surveys, at even distances over both kinds of templates. One template in a thousand without a survey claims to
    /// have one, which Tower sends as `{}`.
    pub surveys: usize,
    /// Questions of each survey.
    pub questions: usize,
    /// Another seed is another Tower.
    pub seed: u64,
    /// Whether objects have every key that Tower sends, rather than those that the worker asks for.
    pub verbose: bool,
    /// What has happened since the Tower was set up, oldest first.
    pub edits: Vec<Edit>,
}

impl Default for Estate {
    fn default() -> Self {
        Self {
            job_templates: 20_000,
            workflows: 5_000,
            nodes: 60_000,
            inventories: 2_000,
            credentials: 5_000,
            credential_types: 200,
            surveys: 6_250,
            questions: 8,
            seed: 1,
            verbose: false,
            edits: Vec::new(),
        }
    }
}

impl Estate {
    /// The default Tower with `factor` times as many objects of each kind, and at least one.
    pub fn scaled(factor: f64) -> Self {
        let scale = |n: usize| ((n as f64 * factor).round() as usize).max(1);
        let whole = Self::default();
        Self {
            job_templates: scale(whole.job_templates),
            workflows: scale(whole.workflows),
            nodes: scale(whole.nodes),
            inventories: scale(whole.inventories),
            credentials: scale(whole.credentials),
            credential_types: scale(whole.credential_types),
            surveys: scale(whole.surveys),
            ..whole
        }
    }

    /// A dozen objects of each kind and two surveys of `seed`'s own Tower.
    pub fn small(seed: u64) -> Self {
        let (many, surveys) = (12, 2);
        Self {
            job_templates: many,
            workflows: many,
            nodes: many,
            inventories: many,
            credentials: many,
            credential_types: many,
            surveys,
            seed,
            ..Self::default()
        }
    }

    /// The same Tower after `share` (0 to 1) of the objects of each collection changed.
    pub fn modified(&self, share: f64, seed: u64) -> Self {
        self.after(Edit::Modified { share, seed })
    }

    /// The same Tower after `share` of the objects of each collection, nodes excepted, were given another name.
    pub fn renamed(&self, share: f64, seed: u64) -> Self {
        self.after(Edit::Renamed { share, seed })
    }

    /// The same Tower after `share` of the objects of each collection were deleted. Send it as
    /// [`full`](Self::full) or as [`incremental_since`](Self::incremental_since) this one.
    pub fn without(&self, share: f64) -> Self {
        // Each deletion picks others, so that a second one finds something to delete.
        let earlier = self.edits.iter().filter(|edit| matches!(edit, Edit::Gone { .. })).count();
        self.after(Edit::Gone { share, seed: earlier as u64 })
    }

    /// The same Tower after everything that was ever deleted came back.
    pub fn restored(&self) -> Self {
        self.after(Edit::Restored)
    }

    /// How many objects of a collection there are now; for nodes, those that a refresh stores.
    pub fn count(&self, collection: Collection) -> usize {
        self.places(collection, None).into_iter().filter(|index| !self.is_ignored(collection, *index)).count()
    }

    /// The rows that a refresh makes of this Tower.
    pub fn rows(&self) -> Rows<'_> {
        Rows::new(self)
    }

    fn after(&self, edit: Edit) -> Self {
        let mut estate = self.clone();
        estate.edits.push(edit);
        estate
    }

    /// How many places a collection has, deleted and ignored objects included.
    pub(super) fn size(&self, collection: Collection) -> usize {
        match collection {
            Collection::CredentialTypes => self.credential_types,
            Collection::Credentials => self.credentials,
            Collection::Inventories => self.inventories,
            Collection::JobTemplates => self.job_templates,
            Collection::Nodes if self.workflows == 0 => 0,
            Collection::Nodes => self.nodes + self.nodes / 50,
            Collection::WorkflowJobTemplates => self.workflows,
        }
    }

    /// The id in Tower. The two kinds of templates share one range; other ranges have gaps, as old Towers do.
    pub(super) fn id(&self, collection: Collection, index: usize) -> u64 {
        let index = index as u64;
        match collection {
            Collection::CredentialTypes => 1 + index,
            Collection::Credentials => 1 + index + index / 7,
            Collection::Inventories => 1 + index + index / 9,
            Collection::JobTemplates => 7 + 2 * index,
            Collection::Nodes => 1 + index + index / 11,
            Collection::WorkflowJobTemplates => 8 + 2 * index,
        }
    }

    /// Whether this is a node that a refresh does not store.
    pub(super) fn is_ignored(&self, collection: Collection, index: usize) -> bool {
        collection == Collection::Nodes && index % 51 == 50
    }

    /// The place of the workflow that a node belongs to.
    pub(super) fn workflow_of(&self, node: usize) -> usize {
        node * self.workflows / self.size(Collection::Nodes)
    }

    /// Whether the template at this place has a survey with questions.
    pub(super) fn has_survey(&self, collection: Collection, index: usize) -> bool {
        let templates = self.job_templates + self.workflows;
        let nth = match collection {
            Collection::JobTemplates => index,
            Collection::WorkflowJobTemplates => self.job_templates + index,
            _ => return false,
        };
        nth * self.surveys % templates < self.surveys
    }

    /// Whether the template at this place says that it has a survey, and has none.
    pub(super) fn has_lost_survey(&self, collection: Collection, index: usize) -> bool {
        let template = matches!(collection, Collection::JobTemplates | Collection::WorkflowJobTemplates);
        template && index % 1000 == 501 && !self.has_survey(collection, index)
    }
}
