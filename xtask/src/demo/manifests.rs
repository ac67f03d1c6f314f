//! A consumer's manifests: what imports do to an organisation's subscriptions and pools, and how it passes them on.

mod chain;
mod delivery;
mod events;
mod holdings;
mod road;

use anyhow::{Context, Result, ensure};
use longshore_devkit::manifest::{Authority, Versions};
use serde_json::json;

use self::{
    delivery::{Import, Record},
    events::Events,
    holdings::{Expected, Holdings},
};
use super::{Demo, ORG};

/// What the first manifest brings: product, quantity, and for how many guests.
const FIRST: Expected = &[("EX-DESK", 30, None), ("EX-STORE", 4, None), ("EX-SUITE", 12, Some(48))];
const NEXT: Expected = &[("EX-STORE", 4, None), ("EX-SUITE", 20, Some(80)), ("EX-TOOLS", 8, None)];
const OLDER: Expected = &[("EX-SUITE", 10, Some(40))];

/// The manifests as they are downloaded, and who signed them.
pub struct Manifests {
    signer: String,
    first: Vec<u8>,
    next: Vec<u8>,
    older: Vec<u8>,
    tampered: Vec<u8>,
}

impl Manifests {
    /// Makes them, with an authority of their own.
    pub fn new() -> Self {
        let (authority, versions) = (Authority::new(), Versions::new());
        Self {
            signer: authority.name().to_owned(),
            first: versions.first.build(&authority),
            next: versions.next.build_with_scheme(&authority.scheme("Example Manifest Signing")),
            older: versions.older.build(&authority),
            tampered: versions.tampered(&authority),
        }
    }

    /// Whose they are.
    pub fn summary(&self) -> String {
        format!("four, certificates and signatures of {}", self.signer)
    }
}

/// Five deliveries, each checked; then a chain of two organisations, and the road from Kafka to Kafka.
pub async fn tell(demo: &Demo<'_>, manifests: Manifests) -> Result<()> {
    let Manifests { first, next, older, tampered, .. } = manifests;
    demo.heading("A manifest: the subscriptions of an organisation");
    create_owner(demo, ORG, "Example").await?;
    let before = import(demo, &Record::new(0, "first.zip"), Some(first), FIRST, &Holdings::default()).await?;

    demo.heading("The next one: one subscription more, one gone, one changed");
    let after = import(demo, &Record::new(1, "next.zip"), Some(next), NEXT, &before).await?;
    ensure!(after.kept_pools_of(&before, &["EX-STORE", "EX-SUITE"]), "a pool that stayed is not the row that it was");

    demo.heading("An older one, by mistake");
    refuse(demo, &Record::new(2, "older.zip"), Some(older), "MANIFEST_OLD", &after).await?;

    demo.heading("The older one again, by intent: the message forces it");
    let forced = Record::new(3, "older.zip").forcing("MANIFEST_OLD");
    let last = import(demo, &forced, None, OLDER, &after).await?;
    ensure!(last.kept_pools_of(&after, &["EX-SUITE"]), "a pool that stayed is not the row that it was");

    demo.heading("A manifest that somebody has changed since it was signed: 20,000 instead of 20");
    refuse(demo, &Record::new(4, "tampered.zip"), Some(tampered), "SIGNATURE_CONFLICT", &last).await?;
    chain::tell(demo, &last).await?;
    road::tell(demo).await
}

async fn create_owner(demo: &Demo<'_>, owner: &str, name: &str) -> Result<()> {
    let command = json!({"command": "create-owner", "owner": owner, "display_name": name}).to_string();
    let (_, took) = demo.invoke("setup", command).await?;
    demo.progress.done("owner", &format!("{owner}, created by setup"), took);
    Ok(())
}

/// Has a manifest imported, and shows what there is then. A manifest of `None` has been uploaded before.
async fn import(
    demo: &Demo<'_>,
    record: &Record,
    manifest: Option<Vec<u8>>,
    expected: Expected,
    before: &Holdings,
) -> Result<Holdings> {
    let wrong = || format!("{} was not imported as it should be", record.url());
    let events_before = Events::read(&demo.client).await?;
    let answer = deliver(demo, record, manifest).await?;
    let import = Import::read(&demo.client, record).await?;
    ensure!(import.outcome == "imported", "the outcome of {} is {}", record.url(), import.sentence());
    let after = Holdings::read(&demo.client, record.owner()).await?;
    demo.print(&after.since(before).render(demo.colour));
    let events = Events::read(&demo.client).await?.since(&events_before);
    demo.print(&format!("{}; answer {answer}\n{}", import.sentence(), events.sentence()));
    after.compare(expected).with_context(wrong)?;
    events.compare(&after.changes_since(before)).with_context(wrong)?;
    Ok(after)
}

/// Has a manifest refused, and shows what its owner is told. Nothing may change but the owner's history.
async fn refuse(
    demo: &Demo<'_>,
    record: &Record,
    manifest: Option<Vec<u8>>,
    conflict: &str,
    before: &Holdings,
) -> Result<()> {
    let events_before = Events::read(&demo.client).await?;
    let answer = deliver(demo, record, manifest).await?;
    let import = Import::read(&demo.client, record).await?;
    let told = import.told.as_deref().context("the owner's history does not tell of the failure")?;
    let (red, plain) = if demo.colour { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
    demo.print(&format!("{red}{told}{plain}"));
    let after = Holdings::read(&demo.client, record.owner()).await?;
    let events = Events::read(&demo.client).await?.since(&events_before);
    demo.print(&format!("{}, none of them written; answer {answer}", after.counts()));
    ensure!(import.outcome == "failed", "{} was {}", record.url(), import.outcome);
    ensure!(import.conflicts == [conflict], "{} was refused for {:?}", record.url(), import.conflicts);
    ensure!(after == *before, "{} was refused, and rows have changed", record.url());
    ensure!(events.is_empty(), "{} was refused, and there are events: {}", record.url(), events.sentence());
    Ok(())
}

/// Uploads a manifest and delivers the record that announces it.
async fn deliver(demo: &Demo<'_>, record: &Record, manifest: Option<Vec<u8>>) -> Result<String> {
    if let Some(manifest) = manifest {
        demo.upload(&record.key(), manifest).await?;
    }
    let (answer, took) = demo.deliver("manifest-importer", record.event()).await?;
    let phases = Import::read(&demo.client, record).await?.phases();
    demo.progress.done("import", &phases, took);
    Ok(answer)
}
