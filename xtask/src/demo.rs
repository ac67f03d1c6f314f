//! `demo`: what refreshes do to a database, shown as they happen, and checked.

mod counts;
mod delivery;
mod expected;
mod rows;
mod watch;

use std::{
    io::stdout,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use longshore_devkit::tower::{Collection, Estate};
use tokio::{task::spawn_blocking, time::timeout};
use tokio_postgres::Client;

use self::{
    counts::Counts,
    delivery::{Delivery, Record},
    expected::{change, first},
    rows::{Fingerprint, Names, offerings},
};
use crate::{
    progress::{Progress, write_line},
    stack::{Stack, StackOptions, UPLOADS, connect},
    table::{colour_on_stdout, size, thousands},
    workspace::Workspace,
};

/// The job templates of the default Tower are 20,000: a tenth is thousands of objects, and quick in a debug build.
const SCALE: f64 = 0.1;

/// Far more than a refresh takes. cargo-lambda itself would wait for ever for a function that ended.
const PATIENCE: Duration = Duration::from_secs(120);

/// `cargo xtask demo`
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How large the Tower is; 1 has 20,000 job templates and 60,000 nodes
    #[arg(long, default_value_t = SCALE, value_parser = scale)]
    scale: f64,
}

fn scale(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if (0.01..=4.0).contains(&number) => Ok(number),
        _ => Err("expected a number from 0.01 to 4".to_owned()),
    }
}

/// Starts a stack, shows four deliveries, stops it. Fails when the database does not hold what it should.
pub async fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let (progress, begun) = (Progress::stderr(), Instant::now());
    let dir = workspace.target("demo");
    let stack_options = StackOptions { dir: dir.clone(), port: None, reload: false, empty: true };
    let scale = options.scale;
    // Made while the servers start.
    let archives = spawn_blocking(move || (History::new(scale), begun.elapsed()));
    let stack = Stack::start(workspace, &stack_options, progress).await?;
    let (history, made) = archives.await?;
    progress.done("archives", &history.summary(), made);

    let outcome = tokio::select! {
        outcome = Demo::tell(&stack, history, progress) => outcome,
        _ = tokio::signal::ctrl_c() => Err(anyhow!("interrupted")),
    };
    let stopping = Instant::now();
    spawn_blocking(move || drop(stack)).await?;
    if outcome.is_err() {
        progress.note(&format!("the functions' log is {}", workspace.shown(&dir.join("functions.log"))));
    }
    outcome?;
    progress.done("stopped", "everything was as it should be", stopping.elapsed());
    progress.done("demo", "all in all", begun.elapsed());
    let archive = dir.join("s3").join(UPLOADS).join("demo/full.tar.gz");
    write_line(stdout(), &next_steps(&workspace.shown(&archive)));
    Ok(ExitCode::SUCCESS)
}

fn next_steps(archive: &str) -> String {
    format!(
        "\nLook into the archive:  cargo xtask inspect {archive}\n\
         Send events yourself:   cargo xtask up, then see events/README.md"
    )
}

/// A Tower on three days, and the archives that its collector sends.
struct History {
    days: [Estate; 3],
    archives: [Vec<u8>; 3],
}

impl History {
    fn new(scale: f64) -> Self {
        let monday = Estate::scaled(scale);
        let tuesday = monday.without(0.02);
        let wednesday = tuesday.restored().renamed(0.03, 1).without(0.01);
        let archives = [monday.full(), tuesday.incremental_since(&monday), wednesday.incremental_since(&tuesday)];
        Self { days: [monday, tuesday, wednesday], archives }
    }

    fn summary(&self) -> String {
        let objects: usize = Collection::ALL.iter().map(|collection| self.days[0].count(*collection)).sum();
        format!("a Tower of {} objects and {} surveys", thousands(objects as u64), self.days[0].surveys)
    }
}

/// What the deliveries share.
struct Demo<'a> {
    stack: &'a Stack,
    client: Client,
    progress: Progress,
    colour: bool,
}

impl<'a> Demo<'a> {
    async fn tell(stack: &'a Stack, history: History, progress: Progress) -> Result<()> {
        let client = connect(&stack.cluster).await?;
        let demo = Self { stack, client, progress, colour: colour_on_stdout() };
        let History { days: [monday, tuesday, wednesday], archives: [full, removals, changes] } = history;
        demo.heading("A full archive: the inventory becomes what Tower is");
        demo.deliver(&Record::new(0, "full"), full, &first(&monday)).await?;
        demo.print(&offerings(&demo.client).await?.render(demo.colour));

        demo.heading("An incremental archive: objects were deleted in Tower");
        demo.deliver(&Record::new(1, "removals"), removals, &change(&monday, &tuesday)).await?;

        demo.heading("The next one: some were renamed, others deleted, the deleted ones came back");
        let (before, record) = (Names::read(&demo.client).await?, Record::new(2, "changes"));
        demo.deliver(&record, changes, &change(&tuesday, &wednesday)).await?;
        let after = Names::read(&demo.client).await?;
        ensure!(after.kept_rows_of(&before), "an offering that returned is not the row that it was");
        demo.print(&after.since(&before).render(demo.colour));

        demo.heading("The same record once more: Kafka delivers at least once");
        demo.redeliver(&record).await
    }

    /// Uploads an archive and invokes the function with the record that announces it.
    async fn deliver(&self, record: &Record, archive: Vec<u8>, expected: &[Counts]) -> Result<()> {
        let uploading = Instant::now();
        let bytes = size(archive.len() as u64);
        self.stack.s3.put(UPLOADS, &record.key(), archive).await?;
        self.progress.done("upload", &format!("{}, {bytes}", record.url()), uploading.elapsed());

        let (answer, took) = self.invoke(record).await?;
        let delivery = Delivery::read(&self.client, record).await?;
        self.progress.done("refresh", &delivery.phases(), took);
        let found = delivery.counts(&self.client).await?;
        self.print(&counts::table(&found).render(self.colour));
        self.print(&format!("{}; answer {answer}", delivery.sentence()));
        counts::compare(&found, expected).with_context(|| format!("{} was not applied as it should be", record.url()))
    }

    /// Invokes the function with a record that is done: nothing may change.
    async fn redeliver(&self, record: &Record) -> Result<()> {
        let before = Fingerprint::read(&self.client).await?;
        let (answer, took) = self.invoke(record).await?;
        let after = Fingerprint::read(&self.client).await?;
        self.progress.done("redelivery", "the archive is the last one applied", took);
        ensure!(before == after, "the redelivery of {} changed rows", record.url());
        self.print(&format!("{} rows, none of them written; answer {answer}", thousands(after.rows)));
        Ok(())
    }

    async fn invoke(&self, record: &Record) -> Result<(String, Duration)> {
        let begun = Instant::now();
        let work = timeout(PATIENCE, self.stack.functions.invoke("tower-persister", record.event()));
        let answer = watch::shown_while(&self.client, work).await;
        let answer = answer.with_context(|| format!("no answer after {} s", PATIENCE.as_secs()))??;
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        ensure!(answer.status.is_success(), "the function answered {}: {body}", answer.status);
        ensure!(body == delivery::ALL_DONE, "records are to be delivered again: {body}");
        Ok((body, begun.elapsed()))
    }

    fn heading(&self, text: &str) {
        let (bold, plain) = if self.colour { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        self.print(&format!("\n{bold}{text}{plain}"));
    }

    fn print(&self, text: &str) {
        write_line(stdout(), text);
    }
}
