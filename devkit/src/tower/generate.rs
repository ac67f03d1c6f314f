//! Makes the objects of an [`Estate`], one at a time, from its seed and their place.

use fastrand::Rng;

use super::edits::State;
use super::model::{Credential, CredentialType, Inventory, Node, Offering, Stamps, Survey};
use super::{Collection, Estate, questions, words};

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
/// 2021-03-01, when the Tower was set up.
const SET_UP: i64 = 18_687 * DAY;
/// 2024-06-01, when the first collection was made; the n-th edit happens n days later.
const COLLECTED: i64 = 19_875 * DAY;

/// Draws that stay what they are, whatever happens to the object.
const FIXED: u64 = 0;
const NAME: u64 = 1 << 32;
const TEXT: u64 = 2 << 32;
const SURVEY: u64 = 3 << 32;

impl Estate {
    fn rng(&self, collection: Collection, index: usize, draw: u64) -> Rng {
        let mut tower = Rng::with_seed(self.seed ^ (collection as u64) << 56);
        let mut object = Rng::with_seed(tower.u64(..) ^ index as u64);
        Rng::with_seed(object.u64(..) ^ draw)
    }

    fn name_rng(&self, collection: Collection, index: usize, state: State) -> Rng {
        self.rng(collection, index, NAME + state.renames)
    }

    fn text_rng(&self, collection: Collection, index: usize, state: State) -> Rng {
        self.rng(collection, index, TEXT + state.revision)
    }

    fn description(&self, collection: Collection, index: usize, state: State) -> String {
        let text = words::description(&mut self.text_rng(collection, index, state));
        match state.revision {
            0 => text,
            n => format!("{text} Revision {n}.").trim_start().to_owned(),
        }
    }

    fn linked(&self, collection: Collection, rng: &mut Rng) -> Option<u64> {
        let index = self.linkable(collection, rng.usize(..))?;
        Some(self.id(collection, index))
    }

    pub(super) fn offering(&self, collection: Collection, index: usize) -> Offering {
        let state = self.state(collection, index);
        let mut rng = self.rng(collection, index, FIXED);
        let workflow = collection == Collection::WorkflowJobTemplates;
        let mut names = self.name_rng(collection, index, state);
        let bound = rng.u8(..10) < if workflow { 3 } else { 8 };
        Offering {
            id: self.id(collection, index),
            workflow,
            name: if workflow { words::workflow_name(&mut names) } else { words::template_name(&mut names) },
            description: self.description(collection, index, state),
            inventory: if bound { self.linked(Collection::Inventories, &mut rng) } else { None },
            inventory_unfiltered: rng.u8(..10) == 0,
            survey_enabled: self.has_survey(collection, index) || self.has_lost_survey(collection, index),
            asks: std::array::from_fn(|_| rng.u8(..4) == 0),
            stamps: stamps(&mut rng, state),
        }
    }

    pub(super) fn inventory(&self, index: usize) -> Inventory {
        let collection = Collection::Inventories;
        let state = self.state(collection, index);
        let mut rng = self.rng(collection, index, FIXED);
        let smart = rng.u8(..12) == 0;
        Inventory {
            id: self.id(collection, index),
            name: words::inventory_name(&mut self.name_rng(collection, index, state)),
            description: self.description(collection, index, state),
            kind: if smart { "smart" } else { "" },
            host_filter: smart.then(|| format!("name__icontains=web{}", rng.u16(..))),
            variables: if smart { String::new() } else { words::variables(&mut rng) },
            organization: rng.u64(1..20),
            failures: rng.u64(..40).saturating_sub(37),
            stamps: stamps(&mut rng, state),
        }
    }

    pub(super) fn credential(&self, index: usize) -> Credential {
        let collection = Collection::Credentials;
        let state = self.state(collection, index);
        let mut rng = self.rng(collection, index, FIXED);
        Credential {
            id: self.id(collection, index),
            name: words::credential_name(&mut self.name_rng(collection, index, state)),
            description: self.description(collection, index, state),
            credential_type: self.linked(Collection::CredentialTypes, &mut rng),
            stamps: stamps(&mut rng, state),
        }
    }

    pub(super) fn credential_type(&self, index: usize) -> CredentialType {
        let collection = Collection::CredentialTypes;
        let state = self.state(collection, index);
        let mut rng = self.rng(collection, index, FIXED);
        let (name, kind, namespace) = words::credential_type(index, &mut rng);
        CredentialType {
            id: self.id(collection, index),
            name: if state.renames == 0 { name } else { format!("{name} ({})", state.renames) },
            description: self.description(collection, index, state),
            kind,
            namespace,
            stamps: stamps(&mut rng, state),
        }
    }

    pub(super) fn node(&self, index: usize) -> Node {
        let collection = Collection::Nodes;
        let state = self.state(collection, index);
        let mut rng = self.rng(collection, index, FIXED);
        let mut target = self.text_rng(collection, index, state);
        let workflow = self.id(Collection::WorkflowJobTemplates, self.workflow_of(index));
        let nested = target.u8(..20) == 0 || self.job_templates == 0;
        let (runs, job_type) = match nested {
            true => (Collection::WorkflowJobTemplates, "workflow_job"),
            false => (Collection::JobTemplates, "job"),
        };
        let template = self.linked(runs, &mut target).unwrap_or(workflow);
        let ignored = self.is_ignored(collection, index);
        Node {
            id: self.id(collection, index),
            workflow,
            // Projects have ids of the same range as templates; these are below all of them.
            template: if ignored { 1 + template % 6 } else { template },
            inventory: if rng.u8(..8) == 0 { self.linked(Collection::Inventories, &mut rng) } else { None },
            job_type: if ignored { "project_update" } else { job_type },
            stamps: stamps(&mut rng, state),
        }
    }

    pub(super) fn survey(&self, collection: Collection, index: usize) -> Option<Survey> {
        if !self.has_survey(collection, index) {
            return None;
        }
        let state = self.state(collection, index);
        let template = self.offering(collection, index).name;
        let mut rng = self.rng(collection, index, SURVEY + state.revision);
        Some(Survey {
            collection,
            template: self.id(collection, index),
            name: words::survey_name(&mut rng, &template),
            description: words::description(&mut rng),
            questions: questions::questions(&mut rng, self.questions),
        })
    }
}

fn stamps(rng: &mut Rng, state: State) -> Stamps {
    let created = rng.i64(SET_UP..COLLECTED);
    let modified = match state.changed_by {
        0 => rng.i64(created..COLLECTED),
        edit => COLLECTED + edit as i64 * DAY + rng.i64(0..HOUR),
    };
    Stamps { created, modified }
}

/// The rows that a refresh makes of a Tower, a table at a time, in the order of the archive. They are made while they
/// are read.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    estate: &'a Estate,
}

impl<'a> Rows<'a> {
    pub(super) fn new(estate: &'a Estate) -> Self {
        Self { estate }
    }

    fn live(self, collection: Collection) -> impl Iterator<Item = usize> + 'a {
        let live = move |index: &usize| self.estate.state(collection, *index).live;
        (0..self.estate.size(collection)).filter(live)
    }

    /// `service_offerings`: job templates, then workflow templates.
    pub fn offerings(self) -> impl Iterator<Item = Offering> + 'a {
        let of = move |collection| self.live(collection).map(move |index| self.estate.offering(collection, index));
        of(Collection::JobTemplates).chain(of(Collection::WorkflowJobTemplates))
    }

    /// `service_plans`.
    pub fn plans(self) -> impl Iterator<Item = Survey> + 'a {
        let of = move |collection| self.live(collection).filter_map(move |index| self.estate.survey(collection, index));
        of(Collection::JobTemplates).chain(of(Collection::WorkflowJobTemplates))
    }

    /// `service_inventories`.
    pub fn inventories(self) -> impl Iterator<Item = Inventory> + 'a {
        self.live(Collection::Inventories).map(move |index| self.estate.inventory(index))
    }

    /// `service_credentials`.
    pub fn credentials(self) -> impl Iterator<Item = Credential> + 'a {
        self.live(Collection::Credentials).map(move |index| self.estate.credential(index))
    }

    /// `service_credential_types`.
    pub fn credential_types(self) -> impl Iterator<Item = CredentialType> + 'a {
        self.live(Collection::CredentialTypes).map(move |index| self.estate.credential_type(index))
    }

    /// `service_offering_nodes`: only the nodes that are stored.
    pub fn nodes(self) -> impl Iterator<Item = Node> + 'a {
        self.live(Collection::Nodes).map(move |index| self.estate.node(index)).filter(Node::is_kept)
    }
}
