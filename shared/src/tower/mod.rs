//! Tower refreshes: from a message to rows of the Catalog Inventory.
//!
//! [`TowerPersister`] is the whole function below its handler. `refresh.rs` tells the story of one
//! archive; [`read`] is the pass over its bytes, which `inspect` uses too.

mod collection;
mod copy;
mod entry;
mod json;
mod merge;
mod message;
mod object;
mod page;
mod persister;
mod read;
mod record;
mod refresh;
mod report;
mod resolve;
mod stage;
mod survey;
mod task;

pub use collection::{Collection, Table};
pub use merge::{Stats, TableStats};
pub use message::Message;
pub use object::{Object, Offering, Plan};
pub use persister::TowerPersister;
pub use read::{PageError, ReadError, Sink, Stopped, read};
pub use refresh::{Outcome, RefreshError};
pub use report::{Completeness, Pages, Report};
pub use resolve::{ResolveError, SourceId, TenantId};
