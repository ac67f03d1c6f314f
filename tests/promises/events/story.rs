//! One world in which everything happens that is told of.

use longshore_tests::exports::{Exporting, export_record};
use longshore_tests::manifest::{Content, Entitlement, Manifest, Product};
use longshore_tests::publishing::{Cluster, EVENTS, InKafka, publish};
use longshore_tests::{ArchiveBuilder, ORG, World, later, object, small};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use time::macros::datetime;
use tokio::sync::OnceCell;

/// An event as it stands in Kafka.
#[derive(Debug, Clone)]
pub struct Told {
    pub key: String,
    pub headers: BTreeMap<String, String>,
    /// The CloudEvent.
    pub event: Value,
}

impl Told {
    /// `longshore.product.created`, ..
    pub fn sort(&self) -> &str {
        self.event["type"].as_str().unwrap()
    }
}

/// What a world has told so far, in order, as a consumer gets it.
pub async fn told(world: &World) -> Vec<Told> {
    let cluster = Cluster::with_partitions(1, 1).await;
    cluster.broker().create_topic("platform.payload-status", 1);
    world.execute("UPDATE outbox SET published_at = NULL").await;
    publish(&world.publisher(&cluster, &[]).await).await.unwrap();
    let count = world.value::<i64>("SELECT count(*) FROM outbox WHERE family = 'event'").await;
    let records = cluster.consume(EVENTS, usize::try_from(count).unwrap()).await;
    records.into_iter().map(Told::of).collect()
}

impl Told {
    fn of(record: InKafka) -> Self {
        let header = |header: String| {
            let (name, value) = header.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        };
        Self { key: record.key, headers: record.headers.into_iter().map(header).collect(), event: record.value }
    }
}

/// All that is told in a world where each thing happens at least once.
pub async fn everything() -> &'static [Told] {
    static STORY: OnceCell<Vec<Told>> = OnceCell::const_new();
    STORY.get_or_init(tell).await
}

async fn tell() -> Vec<Told> {
    let world = Exporting::start().await;
    refreshes(&world).await;
    imports(&world).await;
    passing_on(&world).await;
    world.execute("UPDATE cp_cert_serial SET expiration = now() + interval '10 days'").await;
    world.setup(json!({"command": "check-certificates"})).await;
    world.undo().await.unwrap();
    told(&world).await
}

/// A Tower's archive, and one of what changed.
async fn refreshes(world: &World) {
    let template = |id, name: &str| object::job_template(id).set("name", name);
    let inventory = object::inventory(33).set("name", "Production");
    let full = ArchiveBuilder::new()
        .collection("job_templates", [template(10, "Deploy"), template(11, "Patch")])
        .collection("inventories", [inventory]);
    world.apply(&full).await;
    let changes = ArchiveBuilder::new().collection("job_templates", [template(11, "Patch all")]);
    world.apply_at(&changes.ids("job_templates", &[11]), "2026-01-02T00:00:00Z").await;
}

/// Imports that add, change and remove one of each, and one of another distributor.
async fn imports(world: &World) {
    let tools = |name| Product::new("902", name).content(Content::new("90201", "tools-rpms"));
    let with = |manifest: Manifest, name, quantity| {
        manifest.product(tools(name)).entitlement(Entitlement::new("e2", "p2", "SKU").quantity(quantity))
    };
    world.import(&with(small().consumer_type("appliance", true).rules("2.0"), "Tools", 5)).await;
    let changed = with(small().consumer_type("appliance", false).rules("2.1").name("renamed"), "More tools", 6);
    world.import(&later(&changed, 1)).await;
    let over =
        Entitlement::new("e3", "p3", "SKU").dates(datetime!(2020-01-01 0:00 UTC), datetime!(2021-01-01 0:00 UTC));
    world.import(&later(&small().rules("2.1").name("renamed").entitlement(over), 2)).await;
    let other = small().rules("2.1").uuid("ae01c3b2-7d5f-4a6e-8b90-c1d2e3f4a5b6").name("other");
    world.import_forcing(&later(&other, 3), &["DISTRIBUTOR_CONFLICT"]).await;
}

/// What was made here, changed, and passed on, of what was imported too.
async fn passing_on(world: &Exporting) {
    let pool = world.hosted_pool(10).await;
    for command in [
        json!({"command": "create-product", "owner": ORG, "product": "7001", "name": "Better tool"}),
        json!({"command": "create-pool", "owner": ORG, "product": "TOOL-1", "quantity": 12, "id": pool}),
        json!({"command": "replace-rules", "rules": "// Version: 7.1\n"}),
    ] {
        world.setup(command).await;
    }
    let uuid = world.distributor_with(ORG, "lab", 2).await;
    assert!(world.ask(&[export_record(&uuid)]).await.is_empty());
}
