//! The import of the consumer alone: whom the owner is linked to, and nothing that it is entitled to.

use super::Conflict;
use super::error::ImportError;
use super::globals::{Done, Globals};
use super::import::{Import, is_signed, warn_of_expiry};
use super::last::{Last, conflicts};
use super::outcome::{End, Imported, Outcome, forcing};
use super::owner::Owner;
use super::prepare::Prepared;
use super::record::{Ending, Phases, Seen, Status, phase};
use super::upstream;
use std::time::Instant;
use tokio_postgres::Transaction;

impl Import<'_> {
    /// Links the owner to what the manifest says of its consumer. Tells of the upstream consumer and, where it brings one,
    /// its type, but of no import: whoever hears of an import expects the manifest's subscriptions.
    pub(super) async fn consumer_only(
        &self,
        transaction: &Transaction<'_>,
        owner: &Owner,
        last: Option<&Last>,
        (prepared, seen): (Prepared, &Seen),
        mut phases: Phases,
    ) -> Result<Imported, ImportError> {
        let Prepared { head, mut forced, mut warnings, .. } = prepared;
        let linked = upstream::linked(transaction, &owner.id).await?;
        let mut found = conflicts(&head, last, linked.as_ref());
        // Mostly it is the manifest that was imported last, read once more for its consumer, and that is no conflict.
        found.retain(|(conflict, _)| *conflict != Conflict::ManifestSame);
        self.check_conflicts(transaction, owner, found, &head, &mut forced).await?;
        let now = self.clock.timestamp();
        warn_of_expiry(&head, now, &mut warnings);
        let writing = Instant::now();
        let type_label = upstream::wanted(&head, linked.as_ref()).type_label;
        let shared = Globals { transaction, owner: &owner.id, head: &head, type_label: &type_label, now };
        let mut done = if is_signed(&forced) { shared.add_type().await? } else { Done::default() };
        upstream::store(transaction, &owner.id, &head, &self.keyring, now, &mut done.events).await?;
        self.write_events(transaction, owner, &done.events, now).await?;
        phase(&mut phases, "write", writing.elapsed());
        let conflicts = forced.iter().map(|conflict| conflict.name()).collect();
        let ending = Ending { stats: done.stats, warnings, conflicts, phases, ..Ending::default() };
        self.leave_on_record(transaction, owner, seen, end(&owner.key, &forced, done.events.is_empty()), ending).await
    }
}

fn end(owner: &str, forced: &[Conflict], nothing_changed: bool) -> End {
    let (outcome, what) = if nothing_changed {
        (Outcome::AlreadyImported, "the upstream consumer is as this manifest has it, nothing has changed".into())
    } else {
        (Outcome::Imported, format!("upstream consumer imported, and nothing else{}", forcing(forced)))
    };
    End { outcome, status: Status::Success, message: format!("{owner}: {what}") }
}
