//! A Tower's archives: what refreshes do to the inventory.

mod counts;
mod delivery;
mod expected;
mod rows;
mod watch;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use longshore_devkit::tower::{Collection, Estate};

use self::{
    counts::Counts,
    delivery::{Delivery, Record},
    expected::{change, first},
    rows::{Fingerprint, Names, offerings},
};
use super::Demo;
use crate::table::thousands;

/// A Tower on three days, and the archives that its collector sends.
pub struct History {
    days: [Estate; 3],
    archives: [Vec<u8>; 3],
}

impl History {
    /// The same for the same scale.
    pub fn new(scale: f64) -> Self {
        let monday = Estate::scaled(scale);
        let tuesday = monday.without(0.02);
        let wednesday = tuesday.restored().renamed(0.03, 1).without(0.01);
        let archives = [monday.full(), tuesday.incremental_since(&monday), wednesday.incremental_since(&tuesday)];
        Self { days: [monday, tuesday, wednesday], archives }
    }

    /// What there is on the first day.
    pub fn summary(&self) -> String {
        let objects: usize = Collection::ALL.iter().map(|collection| self.days[0].count(*collection)).sum();
        format!("a Tower of {} objects and {} surveys", thousands(objects as u64), self.days[0].surveys)
    }
}

/// Four deliveries, each checked.
pub async fn tell(demo: &Demo<'_>, history: History) -> Result<()> {
    let History { days: [monday, tuesday, wednesday], archives: [full, removals, changes] } = history;
    demo.heading("A full archive: the inventory becomes what Tower is");
    deliver(demo, &Record::new(0, "full"), full, &first(&monday)).await?;
    demo.print(&offerings(&demo.client).await?.render(demo.colour));

    demo.heading("An incremental archive: objects were deleted in Tower");
    deliver(demo, &Record::new(1, "removals"), removals, &change(&monday, &tuesday)).await?;

    demo.heading("The next one: some were renamed, others deleted, the deleted ones came back");
    let (before, record) = (Names::read(&demo.client).await?, Record::new(2, "changes"));
    deliver(demo, &record, changes, &change(&tuesday, &wednesday)).await?;
    let after = Names::read(&demo.client).await?;
    ensure!(after.kept_rows_of(&before), "an offering that returned is not the row that it was");
    demo.print(&after.since(&before).render(demo.colour));

    demo.heading("The same record once more: Kafka delivers at least once");
    redeliver(demo, &record).await
}

/// Uploads an archive and invokes the function with the record that announces it.
async fn deliver(demo: &Demo<'_>, record: &Record, archive: Vec<u8>, expected: &[Counts]) -> Result<()> {
    demo.upload(&record.key(), archive).await?;
    let (answer, took) = invoke(demo, record).await?;
    let delivery = Delivery::read(&demo.client, record).await?;
    demo.progress.done("refresh", &delivery.phases(), took);
    let found = delivery.counts(&demo.client).await?;
    demo.print(&counts::table(&found).render(demo.colour));
    demo.print(&format!("{}; answer {answer}", delivery.sentence()));
    counts::compare(&found, expected).with_context(|| format!("{} was not applied as it should be", record.url()))
}

/// Invokes the function with a record that is done: nothing may change.
async fn redeliver(demo: &Demo<'_>, record: &Record) -> Result<()> {
    let before = Fingerprint::read(&demo.client).await?;
    let (answer, took) = invoke(demo, record).await?;
    let after = Fingerprint::read(&demo.client).await?;
    demo.progress.done("redelivery", "the archive is the last one applied", took);
    ensure!(before == after, "the redelivery of {} changed rows", record.url());
    demo.print(&format!("{} rows, none of them written; answer {answer}", thousands(after.rows)));
    Ok(())
}

async fn invoke(demo: &Demo<'_>, record: &Record) -> Result<(String, Duration)> {
    let work = demo.deliver("tower-persister", record.event());
    watch::shown_while(&demo.client, work).await
}
