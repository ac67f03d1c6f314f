//! One import: from a manifest, opened and judged, to the owner's subscriptions and pools, in one transaction.

use super::Conflict;
use super::error::{Conflicts, ImportError};
use super::globals::{Done, Globals};
use super::last::{Last, conflicts, remember};
use super::outcome::{End, Imported, Outcome, success};
use super::owner::{self, Owner, OwnerError, resolve};
use super::prepare::{Asked, Prepared};
use super::record::{self, Ending, Entry, Origin, Phases, Seen, Stats, Status, phase};
use super::refresh::{Refresh, Refreshed};
use super::subscriptions::{self, Existing};
use super::unload::{Scope, Unloaded, contradicts, load, unload};
use super::upstream;
use crate::clock::Clock;
use crate::db::{DbError, Session};
use crate::keyring::Keyring;
use crate::manifest::Head;
use crate::outbox::{self, Change, Event};
use crate::settings::ImportSettings;
use crate::warnings::Warnings;
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;
use time::PrimitiveDateTime;
use tokio_postgres::Transaction;

/// Whose import it is and what it may do.
pub(super) struct Import<'a> {
    pub origin: &'a Origin,
    /// `metadata.owner`
    pub named: Option<&'a str>,
    /// The caller's organisation.
    pub org: &'a str,
    pub principal: Option<&'a str>,
    pub asked: &'a Asked,
    pub settings: &'a ImportSettings,
    /// How deep JSON may nest.
    pub depth: u8,
    pub clock: &'a Clock,
    pub keyring: Arc<Keyring>,
}

impl Import<'_> {
    /// Imports a manifest.
    ///
    /// Dropped at any moment, it leaves nothing: `session` closes its connection and the transaction rolls back.
    pub async fn apply(
        &self,
        session: &mut Session,
        mut prepared: Prepared,
        seen: &Seen,
        mut phases: Phases,
    ) -> Result<Imported, ImportError> {
        session.begin();
        let mut transaction = session.transaction().await?;
        let waiting = Instant::now();
        let owner = self.lock_owner(&transaction, &mut prepared).await?;
        phase(&mut phases, "wait", waiting.elapsed());
        let imported = if record::done_before(&transaction, self.origin).await? {
            Imported::before()
        } else {
            self.in_turn(&mut transaction, &owner, prepared, seen, phases).await?
        };
        self.origin.subject.succeeded(&transaction, &imported.message, self.clock.timestamp()).await?;
        let committing = Instant::now();
        transaction.commit().await?;
        metrics::histogram!("CommitSeconds").record(committing.elapsed().as_secs_f64());
        session.done();
        Ok(imported)
    }

    /// Imports what is asked for, if anything is new in it.
    async fn in_turn(
        &self,
        transaction: &mut Transaction<'_>,
        owner: &Owner,
        prepared: Prepared,
        seen: &Seen,
        phases: Phases,
    ) -> Result<Imported, ImportError> {
        let last = Last::load(transaction, &owner.id).await?;
        let same = last.as_ref().is_some_and(|last| last.is_of(seen));
        if self.asked.consumer_only {
            self.consumer_only(transaction, owner, last.as_ref(), (prepared, seen), phases).await
        } else if same && !self.asked.force.contains(&Conflict::ManifestSame) {
            self.nothing_to_do(transaction, owner, seen, phases).await
        } else {
            self.replace(transaction, owner, last, prepared, seen, phases).await
        }
    }

    /// Imports of one owner, and undoing them, wait here for each other. All may have changed until then: the import that
    /// linked the consumer is undone, the right to import is taken back.
    async fn lock_owner(&self, transaction: &Transaction<'_>, prepared: &mut Prepared) -> Result<Owner, ImportError> {
        let uuid = prepared.head.consumer.uuid.as_str();
        let found = resolve(transaction, Some(uuid), self.named, self.org).await?;
        owner::lock(transaction, &found.owner.id).await?;
        let resolved = resolve(transaction, Some(uuid), self.named, self.org).await?;
        if resolved.owner.id != found.owner.id {
            return Err(OwnerError::Changed.into());
        }
        if let Some(warning) = &resolved.warning {
            prepared.warnings.add(warning, "metadata.owner", 1);
        }
        tracing::Span::current().record("owner", &resolved.owner.key);
        Ok(resolved.owner)
    }

    /// The same archive again is no error for whoever automates this.
    async fn nothing_to_do(
        &self,
        transaction: &Transaction<'_>,
        owner: &Owner,
        seen: &Seen,
        phases: Phases,
    ) -> Result<Imported, ImportError> {
        let message = format!("{}: this manifest was imported already, nothing has changed", owner.key);
        let end = End { outcome: Outcome::AlreadyImported, status: Status::Success, message };
        self.leave_on_record(transaction, owner, seen, end, Ending { phases, ..Ending::default() }).await
    }

    /// The last that is written: the owner's history, and our own row.
    pub(super) async fn leave_on_record(
        &self,
        transaction: &Transaction<'_>,
        owner: &Owner,
        seen: &Seen,
        end: End,
        ending: Ending<'_>,
    ) -> Result<Imported, ImportError> {
        let upstream = upstream::linked(transaction, &owner.id).await?;
        let entry = Entry {
            status: end.status,
            message: &end.message,
            upstream: upstream.as_ref(),
            ..Entry::of(self.origin, seen, &owner.id, self.clock.timestamp())
        };
        let id = entry.write(transaction).await?;
        record::clean_up(transaction, &owner.id, self.settings.records).await?;
        let ending = Ending { outcome: end.outcome.in_table(), record: Some(&id), ..ending };
        let finished = self.clock.timestamp();
        record::write_import(transaction, self.origin, Some(&owner.id), seen, &ending, finished).await?;
        let (stats, warnings) = (ending.stats, ending.warnings.count);
        Ok(Imported { outcome: end.outcome, stats, warnings, message: end.message })
    }

    /// Makes the owner's products, subscriptions and pools what the manifest says.
    async fn replace(
        &self,
        transaction: &mut Transaction<'_>,
        owner: &Owner,
        last: Option<Last>,
        prepared: Prepared,
        seen: &Seen,
        mut phases: Phases,
    ) -> Result<Imported, ImportError> {
        let Prepared { container, head, mut forced, mut warnings } = prepared;
        let linked = upstream::linked(&*transaction, &owner.id).await?;
        self.check_conflicts(transaction, owner, conflicts(&head, last.as_ref(), linked.as_ref()), &head, &mut forced)
            .await?;
        // Taken now, not before: this import is younger than the one that had its turn before.
        let now = self.clock.timestamp();
        warn_of_expiry(&head, now, &mut warnings);
        let scope = Scope { owner: owner.id.clone(), now, members: container.files.clone(), depth: self.depth };
        let reading = Instant::now();
        let existing = subscriptions::load(&*transaction, &owner.id).await?;
        let unloaded = self.unload(transaction, &scope, &existing).await?;
        phase(&mut phases, "read", reading.elapsed());

        let writing = Instant::now();
        let type_label = upstream::wanted(&head, linked.as_ref()).type_label;
        let shared = Globals { transaction, owner: &owner.id, head: &head, type_label: &type_label, now };
        let (refreshed, mut events) =
            self.refresh(owner, &shared, &forced, (existing, unloaded), &mut warnings).await?;
        let moved = remember(transaction, &owner.id, &head, seen, last.as_ref(), now).await?;
        if moved || !events.is_empty() {
            events.push(self.import_event(owner, &head, &forced, &refreshed.stats));
        }
        phase(&mut phases, "write", writing.elapsed());
        let telling = Instant::now();
        self.write_events(transaction, owner, &events, now).await?;
        phase(&mut phases, "events", telling.elapsed());
        let (status, message) = success(&owner.key, &forced, refreshed.active, refreshed.expired);
        let end = End { outcome: Outcome::Imported, status, message };
        let conflicts = forced.iter().map(|conflict| conflict.name()).collect();
        let ending = Ending { stats: refreshed.stats, warnings, conflicts, phases, ..Ending::default() };
        self.leave_on_record(transaction, owner, seen, end, ending).await
    }

    /// Writes everything but the bulk. Events come in the order in which a reader should hear of them: what all owners
    /// share, products, subscriptions, pools, the upstream consumer.
    async fn refresh(
        &self,
        owner: &Owner,
        shared: &Globals<'_>,
        forced: &[Conflict],
        (existing, unloaded): (Vec<Existing>, Unloaded),
        warnings: &mut Warnings,
    ) -> Result<(Refreshed, Vec<Event>), ImportError> {
        let Globals { transaction, head, now, .. } = *shared;
        let mut globals = if is_signed(forced) { shared.apply(warnings).await? } else { Done::default() };
        let mut upstream_events = Vec::new();
        upstream::store(transaction, &owner.id, head, &self.keyring, now, &mut upstream_events).await?;
        let mut refreshed = Refresh { transaction, owner, head, now }.run(existing, unloaded).await?;
        shared.remove_unused(&mut globals).await?;
        warnings.append(std::mem::take(&mut refreshed.warnings));
        refreshed.stats.extend(globals.stats);
        let mut events = globals.events;
        events.append(&mut refreshed.events);
        events.append(&mut upstream_events);
        Ok((refreshed, events))
    }

    /// Conflicts are collected and reported together, those that are forced left out.
    pub(super) async fn check_conflicts(
        &self,
        transaction: &Transaction<'_>,
        owner: &Owner,
        found: Vec<(Conflict, String)>,
        head: &Head,
        forced: &mut Vec<Conflict>,
    ) -> Result<(), ImportError> {
        let uuid = &head.consumer.uuid;
        if upstream::is_elsewhere(transaction, uuid, &owner.id).await? {
            return Err(ImportError::Elsewhere { uuid: uuid.clone() });
        }
        let (insisted, open): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|(found, _)| self.asked.force.contains(found));
        forced.extend(insisted.into_iter().map(|(conflict, _)| conflict));
        forced.sort_unstable();
        if open.is_empty() { Ok(()) } else { Err(Conflicts(open).into()) }
    }

    /// A manifest that contradicts itself is read whole: who is right depends on what comes first.
    async fn unload(
        &self,
        transaction: &mut Transaction<'_>,
        scope: &Scope,
        existing: &[Existing],
    ) -> Result<Unloaded, ImportError> {
        let attempt = transaction.transaction().await?;
        let known = subscriptions::known(existing, load(&attempt, scope, true).await?);
        let unloaded = unload(&attempt, scope, self.keyring.clone(), known, true).await?;
        if !contradicts(&attempt, &unloaded).await? {
            attempt.commit().await?;
            return Ok(unloaded);
        }
        attempt.rollback().await?;
        let known = subscriptions::known(existing, load(transaction, scope, false).await?);
        Ok(unload(transaction, scope, self.keyring.clone(), known, false).await?)
    }

    fn import_event(&self, owner: &Owner, head: &Head, forced: &[Conflict], stats: &Stats) -> Event {
        let data = json!({
            "fileName": self.origin.file_name, "upstreamUuid": head.consumer.uuid,
            "manifestCreated": head.meta.created.0.assume_utc().format(&time::format_description::well_known::Rfc3339).ok(),
            "forced": forced.iter().map(|conflict| conflict.name()).collect::<Vec<_>>(), "stats": stats,
        });
        Event::new(Change::Created, "IMPORT", &owner.name, &owner.id, data)
    }

    pub(super) async fn write_events(
        &self,
        transaction: &Transaction<'_>,
        owner: &Owner,
        events: &[Event],
        now: PrimitiveDateTime,
    ) -> Result<(), DbError> {
        let context = outbox::Context {
            key: format!("owner/{}", owner.key),
            principal: self.principal,
            request_id: &self.origin.request_id,
            trace: self.origin.trace.as_ref(),
            now,
        };
        outbox::write(transaction, &context, events).await
    }
}

/// An identity certificate that has expired is kept: it still tells whose it was.
pub(super) fn warn_of_expiry(head: &Head, now: PrimitiveDateTime, warnings: &mut Warnings) {
    if let Some(identity) = head.identity.as_ref().filter(|identity| identity.expires < now) {
        warnings.add(format!("the identity certificate expired at {}", identity.expires), &identity.file, 1);
    }
}

/// What nobody has signed is believed by its own owner at most.
pub(super) fn is_signed(forced: &[Conflict]) -> bool {
    !forced.iter().any(|conflict| conflict.is_of_signature())
}
