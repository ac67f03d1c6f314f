//! One import: from a manifest, opened and judged, to the owner's subscriptions and pools, in one transaction.

use super::Conflict;
use super::error::{Conflicts, ImportError};
use super::globals::{self, Globals};
use super::owner::{Owner, resolve};
use super::prepare::Prepared;
use super::record::{self, Ending, Entry, Origin, Phases, Seen, Stats, Status, phase};
use super::refresh::Refresh;
use super::unload::{Scope, Unloaded, contradicts, load, unload};
use super::upstream::{self, Upstream};
use crate::clock::Clock;
use crate::db::{DbError, Session};
use crate::keyring::Keyring;
use crate::manifest::Head;
use crate::outbox::{self, Change, Event};
use crate::settings::ImportSettings;
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;
use time::PrimitiveDateTime;
use tokio_postgres::Transaction;
use tokio_postgres::types::{ToSql, Type};

/// The one kind of export that is imported: those of a consumer, as opposed to those of a whole system.
pub(super) const METADATA_TYPE: &str = "per_user";

/// How an import ended.
#[derive(Debug)]
pub(super) struct Imported {
    pub outcome: Outcome,
    pub stats: Stats,
    pub warnings: u64,
}

/// Whether there was anything to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Imported,
    AlreadyImported,
}

impl Outcome {
    /// As a word for logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Imported => "imported",
            Self::AlreadyImported => "already_imported",
        }
    }
}

/// Whose import it is and what it may do.
pub(super) struct Import<'a> {
    pub origin: &'a Origin,
    /// `metadata.owner`
    pub named: Option<&'a str>,
    /// The caller's organisation.
    pub org: &'a str,
    pub principal: Option<&'a str>,
    /// Conflicts that the message forces and that may be forced.
    pub force: &'a [Conflict],
    pub settings: &'a ImportSettings,
    /// How deep JSON may nest.
    pub depth: u8,
    pub clock: &'a Clock,
    pub keyring: Arc<Keyring>,
}

/// The owner's last import.
struct Last {
    exported: PrimitiveDateTime,
    sha256: Option<String>,
}

impl Import<'_> {
    /// Imports a manifest.
    ///
    /// Dropped at any moment, it leaves nothing: `session` closes its connection and the transaction rolls back.
    pub async fn apply(
        &self,
        session: &mut Session,
        prepared: Prepared,
        seen: &Seen,
        mut phases: Phases,
    ) -> Result<Imported, ImportError> {
        session.begin();
        let mut transaction = session.transaction().await?;
        let waiting = Instant::now();
        let owner = self.lock_owner(&transaction, &prepared).await?;
        phase(&mut phases, "wait", waiting.elapsed());
        if record::done_before(&transaction, self.origin).await? {
            transaction.commit().await?;
            session.done();
            return Ok(Imported { outcome: Outcome::AlreadyImported, stats: Stats::new(), warnings: 0 });
        }
        let last = last_import(&transaction, &owner.id).await?;
        let same = last.as_ref().is_some_and(|last| last.sha256.is_some() && last.sha256 == seen.sha256);
        let imported = if same && !self.force.contains(&Conflict::ManifestSame) {
            self.nothing_to_do(&transaction, &owner, seen, phases).await?
        } else {
            self.replace(&mut transaction, owner, last, prepared, seen, phases).await?
        };
        let committing = Instant::now();
        transaction.commit().await?;
        metrics::histogram!("CommitSeconds").record(committing.elapsed().as_secs_f64());
        session.done();
        Ok(imported)
    }

    /// Imports of one owner, and undoing them, wait here for each other.
    async fn lock_owner(&self, transaction: &Transaction<'_>, prepared: &Prepared) -> Result<Owner, ImportError> {
        let uuid = prepared.head.consumer.uuid.as_str();
        let resolved = resolve(transaction, Some(uuid), self.named, self.org).await?;
        if let Some(warning) = &resolved.warning {
            tracing::warn!("{warning}");
        }
        tracing::Span::current().record("owner", &resolved.owner.key);
        let sql = "SELECT FROM cp_owner WHERE id = $1 FOR NO KEY UPDATE";
        transaction.query_typed(sql, &[(&resolved.owner.id, Type::TEXT)]).await?;
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
        let upstream = upstream::linked(transaction, &owner.id).await?;
        let message = format!("{}: this manifest was imported already, nothing has changed", owner.key);
        let id = self.enter(transaction, owner, seen, Status::Success, &message, upstream.as_ref()).await?;
        let ending = Ending { outcome: "already imported", record: Some(&id), phases, ..Ending::default() };
        let now = self.clock.timestamp();
        record::write_import(transaction, self.origin, Some(&owner.id), seen, &ending, now).await?;
        Ok(Imported { outcome: Outcome::AlreadyImported, stats: Stats::new(), warnings: 0 })
    }

    async fn enter(
        &self,
        transaction: &Transaction<'_>,
        owner: &Owner,
        seen: &Seen,
        status: Status,
        message: &str,
        upstream: Option<&Upstream>,
    ) -> Result<String, DbError> {
        let entry = Entry {
            owner: &owner.id,
            status,
            message,
            generated_by: seen.meta.as_ref().and_then(|meta| meta.principal_name.as_deref()),
            generated_date: seen.meta.as_ref().map(|meta| meta.created.0),
            file_name: self.origin.file_name.as_deref(),
            upstream,
            now: self.clock.timestamp(),
        };
        let id = entry.write(transaction).await?;
        record::clean_up(transaction, &owner.id, self.settings.records).await?;
        Ok(id)
    }

    /// Makes the owner's products, subscriptions and pools what the manifest says.
    async fn replace(
        &self,
        transaction: &mut Transaction<'_>,
        owner: Owner,
        last: Option<Last>,
        prepared: Prepared,
        seen: &Seen,
        mut phases: Phases,
    ) -> Result<Imported, ImportError> {
        let Prepared { container, head, mut forced, mut warnings } = prepared;
        let linked = upstream::linked(&*transaction, &owner.id).await?;
        self.check_conflicts(transaction, &owner, &head, last.as_ref(), linked.as_ref(), &mut forced).await?;
        // Taken now, not before: this import is younger than the one that had its turn before.
        let now = self.clock.timestamp();
        let type_label = upstream::wanted(&head, linked.as_ref()).type_label;
        let scope = Scope { owner: owner.id.clone(), now, members: container.files.clone(), depth: self.depth };
        let reading = Instant::now();
        let unloaded = self.unload(transaction, &scope).await?;
        phase(&mut phases, "read", reading.elapsed());

        let writing = Instant::now();
        let transaction = &*transaction;
        let shared = Globals { transaction, owner: &owner.id, head: &head, type_label: &type_label, now };
        let mut globals = shared.apply(&mut warnings).await?;
        let mut upstream_events = Vec::new();
        upstream::store(transaction, &owner.id, &head, &self.keyring, now, &mut upstream_events).await?;
        let refreshed = Refresh { transaction, owner: &owner, head: &head, now }.run(unloaded).await?;
        shared.remove_unused(&mut globals).await?;
        let mut stats = globals.stats;
        stats.extend(refreshed.stats);
        warnings.first.extend(refreshed.warnings.first);
        warnings.count += refreshed.warnings.count;

        let mut events = globals.events;
        events.extend(refreshed.events);
        events.extend(upstream_events);
        let moved = remember(transaction, &owner.id, &head, seen, last.as_ref(), now).await?;
        if moved || !events.is_empty() {
            events.push(self.import_event(&owner, &head, &forced, &stats));
        }
        self.write_events(transaction, &owner, &events, now).await?;
        let forced: Vec<&'static str> = forced.iter().map(|conflict| conflict.name()).collect();
        let (status, message) = success(&owner.key, &forced, refreshed.active, refreshed.expired);
        let upstream = upstream::linked(transaction, &owner.id).await?;
        let id = self.enter(transaction, &owner, seen, status, &message, upstream.as_ref()).await?;
        phase(&mut phases, "write", writing.elapsed());
        let warned = warnings.count;
        let ending = Ending {
            outcome: "imported",
            record: Some(&id),
            stats: stats.clone(),
            warnings,
            conflicts: forced,
            phases,
            error: None,
        };
        let finished = self.clock.timestamp();
        record::write_import(transaction, self.origin, Some(&owner.id), seen, &ending, finished).await?;
        Ok(Imported { outcome: Outcome::Imported, stats, warnings: warned })
    }

    /// Conflicts are collected and reported together, those that are forced left out.
    async fn check_conflicts(
        &self,
        transaction: &Transaction<'_>,
        owner: &Owner,
        head: &Head,
        last: Option<&Last>,
        linked: Option<&Upstream>,
        forced: &mut Vec<Conflict>,
    ) -> Result<(), ImportError> {
        let uuid = &head.consumer.uuid;
        if upstream::is_elsewhere(transaction, uuid, &owner.id).await? {
            return Err(ImportError::Elsewhere { uuid: uuid.clone() });
        }
        let mut found = Vec::new();
        let created = head.meta.created.0;
        if let Some(last) = last {
            if last.exported > created {
                let about = format!("it was made at {created}, the one imported last at {}", last.exported);
                found.push((Conflict::ManifestOld, about));
            } else if whole_second(last.exported) == whole_second(created) {
                let about = format!("another manifest that was made at {created} was imported last");
                found.push((Conflict::ManifestSame, about));
            }
        }
        if let Some(linked) = linked.filter(|linked| linked.uuid != *uuid) {
            let about = format!(
                "it is of consumer {uuid}, and the owner imports from consumer {} ({}); undo that import, or force this one",
                linked.uuid, linked.name
            );
            found.push((Conflict::DistributorConflict, about));
        }
        let (insisted, open): (Vec<_>, Vec<_>) = found.into_iter().partition(|(found, _)| self.force.contains(found));
        forced.extend(insisted.into_iter().map(|(conflict, _)| conflict));
        forced.sort_unstable();
        if open.is_empty() { Ok(()) } else { Err(Conflicts(open).into()) }
    }

    /// A manifest that contradicts itself is read whole: who is right depends on what comes first.
    async fn unload(&self, transaction: &mut Transaction<'_>, scope: &Scope) -> Result<Unloaded, ImportError> {
        let attempt = transaction.transaction().await?;
        let known = load(&attempt, &scope.owner).await?;
        let unloaded = unload(&attempt, scope, self.keyring.clone(), known, true).await?;
        if !contradicts(&attempt, &unloaded).await? {
            attempt.commit().await?;
            return Ok(unloaded);
        }
        attempt.rollback().await?;
        let known = load(transaction, &scope.owner).await?;
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

    async fn write_events(
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
            now,
        };
        outbox::write(transaction, &context, events).await
    }
}

fn whole_second(moment: PrimitiveDateTime) -> i64 {
    moment.assume_utc().unix_timestamp()
}

async fn last_import(transaction: &Transaction<'_>, owner: &str) -> Result<Option<Last>, DbError> {
    let sql = "SELECT exported, archive_sha256 FROM cp_export_metadata WHERE owner_id = $1 AND type = $2";
    let row = transaction.query_typed_opt(sql, &[(&owner, Type::TEXT), (&METADATA_TYPE, Type::TEXT)]).await?;
    Ok(row.map(|row| Last { exported: row.get(0), sha256: row.get(1) }))
}

/// Remembers which manifest was imported last. Returns whether that is another one than before.
async fn remember(
    transaction: &Transaction<'_>,
    owner: &str,
    head: &Head,
    seen: &Seen,
    last: Option<&Last>,
    now: PrimitiveDateTime,
) -> Result<bool, DbError> {
    let sql = "INSERT INTO cp_export_metadata (id, type, exported, owner_id, archive_sha256, created, updated)
               VALUES ($1, $2, $3, $4, $5, $6, $6)
               ON CONFLICT (owner_id, type) DO UPDATE SET
                 exported = excluded.exported, archive_sha256 = excluded.archive_sha256, updated = excluded.updated";
    let created = head.meta.created.0;
    let values: [(&(dyn ToSql + Sync), Type); 6] = [
        (&globals::new_id(), Type::TEXT),
        (&METADATA_TYPE, Type::TEXT),
        (&created, Type::TIMESTAMP),
        (&owner, Type::TEXT),
        (&seen.sha256, Type::TEXT),
        (&now, Type::TIMESTAMP),
    ];
    transaction.execute_typed(sql, &values).await?;
    let sql = "UPDATE cp_owner SET last_refreshed = $2, last_content_update = $2 WHERE id = $1";
    transaction.execute_typed(sql, &[(&owner, Type::TEXT), (&now, Type::TIMESTAMP)]).await?;
    Ok(last.is_none_or(|last| last.exported != created))
}

/// The history's words for an import that succeeded.
fn success(owner: &str, forced: &[&str], active: usize, expired: usize) -> (Status, String) {
    let forcing = if forced.is_empty() { String::new() } else { format!(", forcing {}", forced.join(" and ")) };
    let message = format!("{owner}: manifest imported{forcing}");
    match (active, expired) {
        (0, _) => (Status::SuccessWithWarning, format!("{message}; no subscription is active")),
        (_, 0) => (Status::Success, message),
        (active, expired) => {
            let all = active + expired;
            (Status::SuccessWithWarning, format!("{message}; {expired} of {all} subscriptions are not active"))
        }
    }
}
