//! Rules: replaced by higher ones of the same API; the first ones are taken whatever they are.

use super::super::unload::Counts;
use super::{Globals, lock, new_id};
use crate::clock::Clock;
use crate::db::{DbError, Session};
use crate::manifest::rules::{Rules, RulesVersion};
use crate::outbox::{self, Change, Event};
use crate::warnings::Warnings;
use serde_json::json;
use std::cmp::Ordering;
use time::PrimitiveDateTime;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{GenericClient, Transaction};

/// What to do with the manifest's rules.
enum Verdict {
    /// There are none, or they are those that are here.
    Keep,
    Replace,
    /// Somebody whose rules are newer imports here too.
    Lower,
    /// They speak another API, or do not say which.
    Incompatible,
}

/// The text's digest and version of the rules that are here.
type Current = Option<(String, Vec<u8>)>;

async fn current(client: &impl GenericClient) -> Result<Current, DbError> {
    let sql =
        "SELECT version, sha256(convert_to(rules_blob, 'UTF8')) FROM cp_rules ORDER BY updated DESC, id DESC LIMIT 1";
    Ok(client.query_typed_opt(sql, &[]).await?.map(|row| (row.get(0), row.get(1))))
}

fn judge(rules: Option<&Rules>, current: &Current) -> Verdict {
    let (Some(rules), Some((version, sha256))) = (rules, current) else {
        return if rules.is_some() { Verdict::Replace } else { Verdict::Keep };
    };
    let current = RulesVersion::parse(version).filter(|_| version != Rules::NO_VERSION);
    match (&rules.version, current) {
        (Some(new), Some(old)) if !new.is_compatible(&old) => Verdict::Incompatible,
        (Some(new), Some(old)) => match new.cmp(&old) {
            Ordering::Greater => Verdict::Replace,
            Ordering::Equal => Verdict::Keep,
            Ordering::Less => Verdict::Lower,
        },
        // Rules that say their version are newer than all that do not.
        (Some(_), None) => Verdict::Replace,
        (None, Some(_)) => Verdict::Incompatible,
        (None, None) if is_text(rules, sha256) => Verdict::Keep,
        (None, None) => Verdict::Replace,
    }
}

fn is_text(rules: &Rules, sha256: &[u8]) -> bool {
    ring::digest::digest(&ring::digest::SHA256, rules.text.as_bytes()).as_ref() == sha256
}

pub(super) async fn differs(globals: &Globals<'_>) -> Result<bool, DbError> {
    Ok(matches!(judge(globals.head.rules.as_ref(), &current(globals.transaction).await?), Verdict::Replace))
}

/// Warns of rules that will not replace those that are here. Writes nothing.
pub(super) async fn check(globals: &Globals<'_>, warnings: &mut Warnings) -> Result<(), DbError> {
    let rules = globals.head.rules.as_ref();
    warn(rules, &judge(rules, &current(globals.transaction).await?), warnings);
    Ok(())
}

fn warn(rules: Option<&Rules>, verdict: &Verdict, warnings: &mut Warnings) {
    let what = match (rules, verdict) {
        (None, _) => "there are no rules; those in use stay",
        (_, Verdict::Lower) => "the rules are lower than those in use, which stay",
        (_, Verdict::Incompatible) => "the rules are of another API than those in use, which stay",
        (_, Verdict::Keep | Verdict::Replace) => return,
    };
    warnings.add(what, "rules", 1);
}

/// Replaces the rules where the manifest's are higher ones of the same API.
pub(super) async fn apply(
    globals: &Globals<'_>,
    events: &mut Vec<Event>,
    warnings: &mut Warnings,
) -> Result<Counts, DbError> {
    let before = current(globals.transaction).await?;
    let Some(rules) = &globals.head.rules else {
        warn(None, &Verdict::Keep, warnings);
        return Ok(Counts::default());
    };
    let verdict = judge(Some(rules), &before);
    warn(Some(rules), &verdict, warnings);
    if !matches!(verdict, Verdict::Replace) {
        return Ok(Counts { unchanged: 1, ..Counts::default() });
    }
    let replaced = before.map(|(version, _)| version);
    events.push(put(globals.transaction, rules, replaced.as_deref(), globals.now).await?);
    let update = u64::from(replaced.is_some());
    Ok(Counts { adds: 1 - update, updates: update, ..Counts::default() })
}

/// Puts rules in the place of those of the version `replaced`.
async fn put(
    transaction: &Transaction<'_>,
    rules: &Rules,
    replaced: Option<&str>,
    now: PrimitiveDateTime,
) -> Result<Event, DbError> {
    let version = rules.version.as_ref().map_or(Rules::NO_VERSION, RulesVersion::as_str);
    let id = new_id();
    let sql = "WITH gone AS (DELETE FROM cp_rules)
               INSERT INTO cp_rules (id, rules_blob, version, rulessource, created, updated)
               VALUES ($1, $2, $3, 'DATABASE', $4, $4)";
    let values: [(&(dyn ToSql + Sync), Type); 4] =
        [(&id, Type::TEXT), (&rules.text, Type::TEXT), (&version, Type::TEXT), (&now, Type::TIMESTAMP)];
    transaction.execute_typed(sql, &values).await?;
    Ok(Event::new(Change::Modified, "RULES", version, id, json!({"version": version, "replaced": replaced})))
}

/// What became of rules that somebody put here.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ReplacedRules {
    /// The version of the rules that are here now.
    pub version: String,
    /// The version of those that were here before.
    pub replaced: Option<String>,
    /// Whether these are others than those.
    pub changed: bool,
}

/// Replaces the rules by others of any API, which an import never does: whoever runs the consumers decides that.
///
/// # Errors
/// See [`DbError`].
pub async fn replace(session: &mut Session, rules: &Rules, clock: &Clock) -> Result<ReplacedRules, DbError> {
    session.begin();
    let transaction = session.transaction().await?;
    lock(&transaction).await?;
    let before = current(&transaction).await?;
    let changed = before.as_ref().is_none_or(|(_, sha256)| !is_text(rules, sha256));
    let replaced = before.map(|(version, _)| version);
    if changed {
        let now = clock.timestamp();
        let event = put(&transaction, rules, replaced.as_deref(), now).await?;
        let context = outbox::Context { key: "rules".into(), principal: None, request_id: "", trace: None, now };
        outbox::write(&transaction, &context, &[event]).await?;
    }
    transaction.commit().await?;
    session.done();
    let version = rules.version.as_ref().map_or(Rules::NO_VERSION, RulesVersion::as_str).to_owned();
    Ok(ReplacedRules { version, replaced, changed })
}
