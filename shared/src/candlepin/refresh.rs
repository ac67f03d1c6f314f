//! The refresh after a manifest's bulk is written: its entitlements become subscriptions, subscriptions become pools, and
//! what nobody has any more goes.

use super::globals::cdn_id;
use super::owner::Owner;
use super::pools::{self, Pool};
use super::record::Stats;
use super::subscriptions::{self, Existing, Subscription};
use super::terms::Plan;
use super::unload::{KnownProduct, Unloaded, delete_loose_contents, delete_products, used_products};
use crate::db::DbError;
use crate::manifest::Head;
use crate::outbox::{Change, Event};
use crate::warnings::Warnings;
use serde_json::json;
use std::collections::{HashMap, HashSet};
use time::PrimitiveDateTime;
use tokio_postgres::Transaction;
use uuid::Uuid;

/// From what was unloaded to subscriptions and pools.
pub(super) struct Refresh<'a> {
    pub transaction: &'a Transaction<'a>,
    pub owner: &'a Owner,
    pub head: &'a Head,
    pub now: PrimitiveDateTime,
}

/// What came of it.
pub(super) struct Refreshed {
    pub stats: Stats,
    pub events: Vec<Event>,
    pub warnings: Warnings,
    /// Subscriptions that are not over.
    pub active: usize,
    /// Subscriptions that are.
    pub expired: usize,
}

impl Refresh<'_> {
    pub async fn run(&self, existing: Vec<Existing>, mut unloaded: Unloaded) -> Result<Refreshed, DbError> {
        let (transaction, owner, now) = (self.transaction, &*self.owner.id, self.now);
        let cdn = cdn_id(transaction, self.head.meta.cdn_label.as_deref()).await?;
        let existing: Vec<Subscription> = existing.into_iter().map(|existing| existing.subscription).collect();
        let certificates_before: Vec<String> =
            existing.iter().filter_map(|subscription| subscription.terms.certificate_id.clone()).collect();
        let incoming = std::mem::take(&mut unloaded.incoming);
        let wanted = subscriptions::wanted(&existing, incoming, &self.head.consumer.uuid, cdn.as_deref());
        let existing_pools = pools::load(transaction, owner).await?;
        let wanted_pools = pools::wanted(&existing_pools, &wanted, &unloaded.facts, now);
        let pool_plan = Plan::of(existing_pools, wanted_pools);
        let expired: Vec<_> = wanted.iter().filter(|subscription| subscription.terms.enddate < now).cloned().collect();
        let active = wanted.len() - expired.len();
        let kept: HashSet<String> =
            wanted.iter().filter_map(|subscription| subscription.terms.certificate_id.clone()).collect();
        let resourced = subscriptions::resourced(&existing, &wanted);
        let plan = Plan::of(existing, wanted);

        subscriptions::write(transaction, owner, &plan, now).await?;
        subscriptions::note_sources(transaction, &resourced).await?;
        pools::write(transaction, owner, &pool_plan, now).await?;
        subscriptions::delete(transaction, &plan.gone_ids()).await?;
        let loose: Vec<String> = certificates_before.into_iter().filter(|id| !kept.contains(id)).collect();
        unloaded.certificates.deletes = subscriptions::delete_certificates(transaction, &loose).await?;
        unloaded.certificates.unchanged = unloaded.certificates.unchanged.saturating_sub(unloaded.certificates.deletes);
        let names = product_names(&unloaded);
        let removed = self.remove_products(&mut unloaded).await?;

        let mut events = std::mem::take(&mut unloaded.events);
        events.extend(removed);
        let by_id = |id: &str| unloaded.facts.get(id).map_or_else(|| id.to_owned(), |sku| sku.name.clone());
        events.extend(subscriptions::events(&plan, by_id));
        events.extend(expiries(&plan, &pool_plan, &expired, by_id));
        events.extend(pools::events(&pool_plan, &names));
        let stats: Stats = [
            ("products", unloaded.products),
            ("contents", unloaded.contents),
            ("certificates", unloaded.certificates),
            ("subscriptions", plan.counts()),
            ("pools", pool_plan.counts()),
        ]
        .into();
        if plan.counts().is_change() || pool_plan.counts().is_change() {
            let data = json!({"subscriptions": plan.counts(), "pools": pool_plan.counts()});
            events.push(Event::new(Change::Modified, "OWNER_ENTITLEMENTS", &self.owner.name, owner, data));
        }
        Ok(Refreshed { stats, events, warnings: unloaded.warnings, active, expired: expired.len() })
    }

    /// Products that the manifest does not have any more go, unless what was made here needs them.
    async fn remove_products(&self, unloaded: &mut Unloaded) -> Result<Vec<Event>, DbError> {
        let uuids: Vec<_> = unloaded.gone.values().map(|known| known.facts.uuid).collect();
        let used = used_products(self.transaction, &self.owner.id, &uuids).await?;
        let mut gone: Vec<_> = unloaded.gone.drain().filter(|(_, known)| !used.contains(&known.facts.uuid)).collect();
        gone.sort_by(|(a, _), (b, _)| a.cmp(b));
        unloaded.products.deletes = gone.len() as u64;
        let uuids: Vec<_> = gone.iter().map(|(_, known)| known.facts.uuid).collect();
        unloaded.loosened.extend(delete_products(self.transaction, &uuids).await?);
        let deleted = delete_loose_contents(self.transaction, &self.owner.id, &unloaded.loosened).await?;
        unloaded.contents.deletes = deleted;
        unloaded.contents.unchanged = unloaded.contents.unchanged.saturating_sub(deleted);
        let event = |(id, known): &(String, KnownProduct)| {
            Event::new(Change::Deleted, "PRODUCT", &known.facts.name, id, json!({"productId": id}))
        };
        Ok(gone.iter().map(event).collect())
    }
}

/// Names of all products that pools may be of, those that are gone included.
fn product_names(unloaded: &Unloaded) -> HashMap<Uuid, String> {
    let gone = unloaded.gone.values().map(|known| &known.facts);
    unloaded.facts.values().chain(gone).map(|facts| (facts.uuid, facts.name.clone())).collect()
}

/// Subscriptions that are over, where this is news: they are new or have changed, or lost their pools now.
fn expiries(
    plan: &Plan<Subscription>,
    pools: &Plan<Pool>,
    expired: &[Subscription],
    name: impl Fn(&str) -> String,
) -> Vec<Event> {
    let news: HashSet<&str> = plan
        .written()
        .map(|subscription| subscription.id.as_str())
        .chain(pools.gone.iter().map(|pool| pool.subscriptionid.as_str()))
        .collect();
    let event = |subscription: &Subscription| {
        let data = json!({"productId": subscription.product_id, "quantity": subscription.quantity});
        Event::new(Change::Expired, "SUBSCRIPTION", name(&subscription.product_id), &subscription.id, data)
    };
    expired.iter().filter(|subscription| news.contains(subscription.id.as_str())).map(event).collect()
}
