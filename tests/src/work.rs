//! Work that is interrupted and delivered again: two records in order, by the function whose they are.

use crate::World;
use crate::announcement::{Announcement, ORG};
use crate::function;
use futures_util::future::join_all;
use longshore_devkit::manifest::{Authority, Content, Entitlement, Manifest, Product, Scale};
use longshore_devkit::process::{Signal, signal};
use longshore_devkit::proxy::{Action, Proxy};
use longshore_devkit::runtime_api::Function;
use longshore_devkit::tower::Estate;
use std::sync::OnceLock;
use std::time::Duration;

/// A Tower, and the same one after changes, renames and deletions.
static ARCHIVES: OnceLock<[Vec<u8>; 2]> = OnceLock::new();

/// A consumer's manifest, and its next one, in which something of every kind is new, has changed and is gone.
static MANIFESTS: OnceLock<[Vec<u8>; 2]> = OnceLock::new();

/// Worlds that are at work at the same time.
const SIDE_BY_SIDE: usize = 3;

/// Which function's work it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// A full archive of a Tower, and an incremental one a day later.
    Refreshes,
    /// A manifest, and the next one of the same consumer.
    Imports,
}

impl Work {
    fn function(self) -> &'static str {
        match self {
            Self::Refreshes => "tower-persister",
            Self::Imports => "manifest-importer",
        }
    }

    async fn events(self, world: &World) -> [String; 2] {
        match self {
            Self::Refreshes => world.full_and_incremental(),
            Self::Imports => {
                world.owner(ORG).await;
                world.two_manifests()
            }
        }
    }

    /// How both end, a line each.
    pub fn done(self) -> &'static str {
        match self {
            Self::Refreshes => "applied | full\napplied | incremental",
            Self::Imports => "imported\nimported",
        }
    }

    /// How they ended, a line each.
    pub async fn outcomes(self, world: &World) -> String {
        match self {
            Self::Refreshes => world.outcomes().await,
            Self::Imports => world.import_log().await,
        }
    }

    /// Everything that was written, without ids and times of ours.
    pub async fn rows(self, world: &World) -> Vec<String> {
        match self {
            Self::Refreshes => world.complete_rows().await,
            Self::Imports => world.complete_candlepin_rows().await,
        }
    }

    /// How much was written, as a number to compare.
    pub async fn objects(self, world: &World) -> i64 {
        match self {
            Self::Refreshes => world.objects().await,
            Self::Imports => {
                world.value("SELECT count(*) * 1000 + (SELECT count(*) FROM outbox WHERE family = 'event') FROM cp_import_record").await
            }
        }
    }

    /// As if nothing had been delivered.
    pub async fn forget(self, world: &World) {
        match self {
            Self::Refreshes => {
                world.execute("TRUNCATE tenants, sources, refreshes, outbox RESTART IDENTITY CASCADE").await;
            }
            Self::Imports => {
                world.forget_imports().await;
                world.owner(ORG).await;
            }
        }
    }

    async fn nothing_is_left(self, world: &World) {
        match self {
            Self::Refreshes => world.nothing_is_left().await,
            Self::Imports => world.no_import_is_left().await,
        }
    }
}

impl World {
    /// Events with a full archive of a few hundred objects and with an incremental one a day later.
    pub fn full_and_incremental(&self) -> [String; 2] {
        let [full, incremental] = ARCHIVES.get_or_init(|| {
            let tower = Estate::scaled(0.01);
            let later = tower.modified(0.05, 1).renamed(0.05, 2).without(0.05);
            [tower.full(), later.incremental_since(&tower)]
        });
        let full = Announcement::of(&self.serve(full.clone())).at("2026-01-01T00:00:00Z");
        let incremental = Announcement::of(&self.serve(incremental.clone())).at("2026-01-02T00:00:00Z");
        [self.event(&[full]), self.event(&[incremental])]
    }

    /// Events with a manifest and with the next one of the same consumer.
    pub fn two_manifests(&self) -> [String; 2] {
        let manifests = MANIFESTS.get_or_init(|| manifests().map(|manifest| manifest.build(&Authority::new())));
        manifests.each_ref().map(|bytes| self.event(&[self.announce_bytes(bytes.clone())]))
    }

    /// Empties all tables that imports write to.
    pub async fn forget_imports(&self) {
        let sql = "SELECT string_agg(format('%I.%I', table_schema, table_name), ', ') FROM information_schema.tables
                   WHERE table_schema = 'candlepin' AND table_type = 'BASE TABLE' AND table_name <> 'cp_consumer_type'";
        let tables: String = self.value(sql).await;
        self.execute(&format!("TRUNCATE {tables}, imports, outbox, rejected_records RESTART IDENTITY CASCADE")).await;
        self.execute("DELETE FROM cp_consumer_type WHERE NOT seeded").await;
    }
}

fn manifests() -> [Manifest; 2] {
    let scale = Scale { entitlements: 12, products: 12, contents_per_product: 4 };
    let extra = |id: &str| {
        let sku = format!("SKU-{id}");
        (
            Product::new(id, id).content(Content::new(&format!("{id}01"), id)),
            Product::new(&sku, id).attribute("virt_limit", "4").provides(&[id]),
            Entitlement::new(&format!("entitlement {id}"), &format!("pool {id}"), &sku).branding(id, "OEM", "OS"),
        )
    };
    let with = |manifest: Manifest, id: &str| {
        let (engine, sku, entitlement) = extra(id);
        manifest.product(engine).product(sku).entitlement(entitlement).consumer_type(&format!("type-{id}"), true)
    };
    let first =
        with(scale.manifest(), "old").rules("5.40").cdn("main", "Main", "https://cdn.example").cdn_label("main");
    let next =
        with(scale.changed(0.3, 1), "new").rules("5.41").name("renamed").cdn("main", "Main", "https://cdn2.example");
    [
        first.distributor_version("lab-1", "Lab 1", &["cert_v3", "derived_product"]),
        next.cdn_label("main").distributor_version("lab-1", "Laboratory 1", &["cert_v3", "ram"]),
    ]
}

/// Both records on their way into a database of their own.
pub struct Delivery {
    /// Where they go.
    pub world: World,
    /// Between function and database.
    pub proxy: Proxy,
    /// The records, an event each.
    pub events: [String; 2],
    work: Work,
}

/// A run that nothing disturbs.
pub struct CleanRun {
    /// Everything that it wrote.
    pub rows: Vec<String>,
    /// How many bytes went between function and database.
    pub bytes: u64,
    /// What was there after each record.
    pub objects: Vec<i64>,
}

impl CleanRun {
    /// Moments in bytes. The length of a run differs by a few bytes with the digits of its durations.
    pub fn random_moments(&self, count: usize, seed: u64) -> Vec<u64> {
        let mut random = fastrand::Rng::with_seed(seed);
        (0..count).map(|_| random.u64(0..self.bytes - 500)).collect()
    }
}

impl Delivery {
    /// Kills a process at each of these moments, in a few worlds side by side.
    pub async fn killed_at_each(work: Work, moments: &[u64], how: Signal, clean: &CleanRun) {
        let worlds = moments.chunks(moments.len().div_ceil(SIDE_BY_SIDE)).map(async |moments| {
            let delivery = Self::begin(work, &[]).await;
            for moment in moments {
                assert!(delivery.killed_at(*moment, how, clean).await, "moment {moment} never came");
            }
        });
        join_all(worlds).await;
    }

    /// A world for this work, with further settings.
    pub async fn begin(work: Work, settings: &[(&str, &str)]) -> Self {
        let (world, proxy) = World::through_proxy(settings).await;
        let events = work.events(&world).await;
        Self { world, proxy, events, work }
    }

    /// Forgets what was delivered, and counts bytes from 0 again.
    pub async fn again(&self) {
        self.work.forget(&self.world).await;
        self.proxy.reset();
    }

    /// A function of its own process.
    pub async fn process(&self) -> Function {
        function::start(self.work.function(), &self.world.variables(), &[]).await
    }

    /// Delivers both records in order, each again to a fresh process after one was killed. Returns how many were.
    pub async fn to_the_end(&self, mut process: Function) -> usize {
        let mut killed = 0;
        for event in &self.events {
            loop {
                match function::call(&mut process, event).await {
                    Ok(failed) => {
                        assert!(failed.is_empty(), "{}", self.outcomes().await);
                        break;
                    }
                    Err(error) => {
                        killed += 1;
                        assert!(killed <= 1, "it ended again: {error}");
                        process = self.process().await;
                    }
                }
            }
        }
        killed
    }

    /// A run of the world's own function that nothing disturbs.
    pub async fn undisturbed(self) -> CleanRun {
        let mut objects = Vec::new();
        for event in &self.events {
            assert!(!self.deliver(event, None).await, "{}", self.outcomes().await);
            objects.push(self.objects().await);
        }
        CleanRun { rows: self.work.rows(&self.world).await, bytes: self.proxy.total_bytes(), objects }
    }

    /// How the records ended, a line each.
    pub async fn outcomes(&self) -> String {
        self.work.outcomes(&self.world).await
    }

    /// A run of a process that nothing disturbs.
    pub async fn clean_run(work: Work) -> CleanRun {
        let delivery = Self::begin(work, &[]).await;
        assert_eq!(delivery.to_the_end(delivery.process().await).await, 0);
        let bytes = delivery.proxy.total_bytes();
        CleanRun { rows: work.rows(&delivery.world).await, bytes, objects: Vec::new() }
    }

    /// Ends the process when `moment` bytes have passed and compares what a redelivery makes of it. Returns whether that
    /// moment came.
    pub async fn killed_at(&self, moment: u64, how: Signal, clean: &CleanRun) -> bool {
        self.again().await;
        let process = self.process().await;
        let pid = process.pid();
        self.proxy.reset();
        self.proxy.cut_after(moment, Action::CallAndCut(Box::new(move || signal(pid, how))));
        let killed = self.to_the_end(process).await;
        self.ended_as(moment, clean).await;
        killed == 1
    }

    /// Delivers one record to the world's own function. Returns whether it is to come again.
    pub async fn deliver(&self, event: &str, remaining: Option<Duration>) -> bool {
        let answer = match self.work {
            Work::Refreshes => self.world.invoke_within(event, remaining).await,
            Work::Imports => self.world.invoke_importer(event, remaining).await,
        };
        !answer.failed().is_empty()
    }

    /// What is there now, by [`Work::objects`].
    pub async fn objects(&self) -> i64 {
        self.work.objects(&self.world).await
    }

    /// Nothing of an interrupted delivery is left.
    pub async fn nothing_is_left(&self) {
        self.work.nothing_is_left(&self.world).await;
    }

    /// Everything is as a clean run leaves it. `moment` is when it was disturbed, for messages.
    pub async fn ended_as(&self, moment: u64, clean: &CleanRun) {
        self.nothing_is_left().await;
        let rows = self.work.rows(&self.world).await;
        let other = rows.iter().zip(&clean.rows).find(|(row, clean)| row != clean);
        assert!(rows == clean.rows, "moment {moment}: {} rows, not {}; {other:#?}", rows.len(), clean.rows.len());
        assert_eq!(self.outcomes().await, self.work.done(), "moment {moment}");
    }
}
