//! Events: how fast the publisher drains the outbox, and what telling costs an import.
//!
//! The brokers are in this process, in memory: what is measured is the publisher and its database.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use event_publisher::krafka::testing::FakeBroker;
use longshore_devkit::{manifest::Authority, postgres::Cluster, runtime_api::Function};
use serde_json::json;
use tokio::task::spawn_blocking;
use tokio_postgres::Client;

use super::{
    Options,
    binaries::Binaries,
    database, machine, manifest,
    outcome::{Bar, Outcome},
    rig::{self, Rig},
    series::Series,
};
use crate::{progress::Progress, table::thousands, workspace::Workspace};

/// The publisher's binary.
const PUBLISHER: &str = "event-publisher";

/// The publisher's database.
const DATABASE: &str = "published";

/// Events that wait.
const EVENTS: f64 = 100_000.0;

/// The part of them that memory is compared with.
const FEWER: f64 = 0.1;

/// Owners whose events they are.
const OWNERS: i64 = 200;

/// Brokers, and partitions of the topic.
const BROKERS: usize = 3;
const PARTITIONS: i32 = 12;

/// Far longer than it takes.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Events as an import writes them: a product's.
const ROWS: &str = "
  INSERT INTO longshore.outbox
    (event_id, key, type, target, target_name, entity_id, principal_data, request_id, event_data, created_at)
  SELECT gen_random_uuid(), 'owner/' || n % $2::bigint, 'MODIFIED', 'PRODUCT', 'Enterprise Product ' || n, n::text,
         '{\"type\": \"user\", \"name\": \"uploader\"}', 'request-' || n / 100,
         jsonb_build_object('productId', n::text, 'changed', jsonb_build_array('name', 'attributes', 'content')), now()
  FROM generate_series(1, $1::bigint) n";

/// Measures everything.
pub async fn measure(workspace: &Workspace, options: &Options, progress: Progress) -> Result<Outcome> {
    progress.note("building the functions as they are deployed; the first time takes minutes");
    let importer = manifest::IMPORTER.binary;
    let binaries = Binaries::build(workspace, &[PUBLISHER, importer, "setup"]).await?;
    let dir = workspace.target("bench");
    let cluster = database::start_cluster(&dir, options.explain).await?;
    let mut outcome = Outcome::default();
    outcome.title.push(format!("Events, {}", options.describe()));
    options.report(&mut outcome);
    let client = rig::migrated_database(&cluster, &binaries, DATABASE).await?;
    drain(&cluster, &binaries, &client, options, progress, &mut outcome).await?;
    outcome.number("binary_mib", binaries.size(PUBLISHER)? as f64 / f64::from(1 << 20));
    outcome.fact("machine", json!(machine::facts(&client).await?));
    drop(client);
    let trust = manifest::trust::write(&dir, &Authority::new())?;
    share(&cluster, &binaries, trust.env, options, progress, &mut outcome).await?;
    spawn_blocking(move || cluster.stop()).await?;
    Ok(outcome)
}

/// Drains full outboxes, and one that is less full for the memory.
async fn drain(
    cluster: &Cluster,
    binaries: &Binaries,
    client: &Client,
    options: &Options,
    progress: Progress,
    outcome: &mut Outcome,
) -> Result<()> {
    let events = (EVENTS * options.scale).max(1.0);
    let (mut took, mut peak, mut idle) = (Series::default(), Series::default(), Series::default());
    // The first warms up.
    for round in 0..=options.runs {
        let drained = once(cluster, binaries, client, events as i64).await?;
        if round > 0 {
            took.push(drained.took);
            peak.push(Duration::from_secs_f64(drained.peak));
            idle.push(drained.idle);
        }
        progress.note(&format!("drained {} events", thousands(events as u64)));
    }
    let fewer = once(cluster, binaries, client, (events * FEWER) as i64).await?.peak;
    outcome.title.push(format!(
        "{} events of {OWNERS} owners to {BROKERS} brokers in memory, {PARTITIONS} partitions, acknowledged by all replicas",
        thousands(events as u64)
    ));
    let per_s = events / took.median();
    outcome.measure("drain_s", "outbox to Kafka", &took, format!("{per_s:.0} a second"));
    outcome.measure("idle_s", "a run that finds nothing", &idle, "");
    outcome.number("peak_rss_mib", peak.median() / f64::from(1 << 20));
    outcome.bar(Bar::at_least("events drained a second", "drained_per_s", per_s, 20_000.0, ""));
    let growth = peak.median() / fewer;
    outcome.bar(Bar::new("memory to that of a tenth of them", "drain_memory_growth", growth, 1.5, "x"));
    Ok(())
}

/// An outbox, drained.
struct Drained {
    took: Duration,
    /// The most memory that it took, in bytes.
    peak: f64,
    /// How long an invocation takes that finds nothing afterwards.
    idle: Duration,
}

async fn once(cluster: &Cluster, binaries: &Binaries, client: &Client, events: i64) -> Result<Drained> {
    client.batch_execute("TRUNCATE longshore.outbox").await?;
    client.execute(ROWS, &[&events, &OWNERS]).await?;
    database::settle(client).await?;
    let broker = FakeBroker::start_cluster(BROKERS).await?;
    ensure!(broker.create_topic("longshore.events", PARTITIONS), "the topic is there already");
    let env = [
        ("DATABASE_URL", cluster.url(DATABASE)),
        ("LONGSHORE_KAFKA_BROKERS", broker.bootstrap_servers()),
        ("LONGSHORE_KAFKA_SECURITY", "plaintext".to_owned()),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value));
    let mut function = Function::spawn(&binaries.path(PUBLISHER), &env).await?;
    function.time_to_first_next().await?;
    let invocation = function.invoke(b"{}", TIMEOUT).await?;
    let done = rig::answer(invocation.result)?;
    ensure!(done["published"] == events, "{done}: {}", function.logs().join("\n"));
    let there = broker.all_records("longshore.events").context("what the brokers hold")?.len();
    ensure!(there as i64 == events, "{there} of {events} are in Kafka");
    let peak = function.peak_rss_bytes()? as f64;
    let idle = function.invoke(b"{}", TIMEOUT).await?;
    let nothing = rig::answer(idle.result)?;
    ensure!(nothing["published"] == 0, "{nothing}");
    Ok(Drained { took: invocation.took, peak, idle: idle.took })
}

/// What the outbox takes of a first import, which tells of everything.
async fn share(
    cluster: &Cluster,
    binaries: &Binaries,
    trust: Vec<(String, String)>,
    options: &Options,
    progress: Progress,
    outcome: &mut Outcome,
) -> Result<()> {
    let scale = longshore_devkit::manifest::Scale::scaled(options.scale);
    let load = spawn_blocking(move || manifest::load::Load::new(scale)).await?;
    let (mut whole, mut told, mut shares, mut events) = (Series::default(), Series::default(), Series::default(), 0);
    for round in 0..=options.runs {
        let env = [trust.clone(), manifest::load::limits(options.scale)].concat();
        let mut rig = Rig::start(&manifest::IMPORTER, cluster, binaries, env).await?;
        let owner = json!({"command": "create-owner", "owner": rig::ORG});
        rig::set_up(cluster, binaries, manifest::IMPORTER.database, &owner).await?;
        rig.upload("manifest.zip", &load.archive);
        let mut function = rig.function().await?;
        let imported = rig.unload(&mut function, "manifest.zip", &json!({})).await?;
        let seconds = imported.phases.get("events").copied().context("no time of the outbox is recorded")?;
        if round > 0 {
            whole.push(imported.took);
            told.push(Duration::from_secs_f64(seconds));
            shares.push(Duration::from_secs_f64(seconds / imported.took.as_secs_f64()));
        }
        events = rig.client.query_one("SELECT count(*) FROM longshore.outbox", &[]).await?.get::<_, i64>(0);
        progress.note("imported a manifest");
    }
    outcome.title.push(format!(
        "{}, imported for the first time: {} events",
        load.describe(),
        thousands(events as u64)
    ));
    outcome.measure("told_import_s", "import", &whole, "");
    outcome.measure("outbox_s", "its outbox", &told, format!("{} rows", thousands(events as u64)));
    outcome.bar(Bar::new("the outbox's share of an import", "outbox_share_of_import", shares.median(), 0.05, ""));
    Ok(())
}
