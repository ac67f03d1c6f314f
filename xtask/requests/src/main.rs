//! Requests side by side through the handler of `upstream-consumer`, and side by side the query that it makes, and the least
//! query that there could be, in turns.
//!
//! A program of its own, because it is measured and so has to be compiled as the functions are. Lambda runs a process a
//! request; here they share one, with a connection each, as many as the bare query has. An invocation begins with the event
//! as text and ends with the answer as text; its lines and metrics are written too. The settings come from the environment,
//! the rest from the arguments: `bench-requests OWNERS SIDE_BY_SIDE SECONDS ROUNDS RESULTS.json`.

mod clients;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use longshore::{api::UpstreamConsumers, aws::Aws, clock::Clock, lambda};
use serde_json::json;

use self::clients::{Handler, Query};

/// One kind of work, done by one of many side by side.
trait Client: Send + 'static {
    /// Does it for the owner with this number.
    fn ask(&mut self, owner: u32) -> impl Future<Output = Result<()>> + Send;
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [owners, side_by_side, seconds, rounds, results] = arguments.as_slice() else {
        anyhow::bail!("usage: bench-requests OWNERS SIDE_BY_SIDE SECONDS ROUNDS RESULTS.json");
    };
    let (owners, side_by_side, rounds) = (owners.parse()?, side_by_side.parse()?, rounds.parse()?);
    let lasting = Duration::from_secs_f64(seconds.parse()?);
    let settings = lambda::start(env!("CARGO_BIN_NAME"))?;
    ensure!(settings.concurrency == side_by_side, "LONGSHORE_CONCURRENCY is not {side_by_side}");
    let mut queries = try_join_all((0..side_by_side).map(|_| Query::connect(&settings))).await?;
    let mut least = try_join_all(queries.iter().map(Query::least)).await?;
    let function = UpstreamConsumers::new(settings, &Aws::from_env().await, Clock::system());
    let function = Arc::new(function);
    let mut handlers: Vec<Handler> = (0..side_by_side).map(|_| Handler::new(Arc::clone(&function))).collect();
    let mut measured = Vec::new();
    // The first round warms up: connections are opened, caches are filled.
    for round in 0..=rounds {
        let short;
        (short, least) = measure(least, owners, lasting).await?;
        let query;
        (query, queries) = measure(queries, owners, lasting).await?;
        let get;
        (get, handlers) = measure(handlers, owners, lasting).await?;
        if round > 0 {
            measured.push(json!({"least": short.as_json(), "query": query.as_json(), "get": get.as_json()}));
        }
    }
    std::fs::write(results, json!(measured).to_string()).with_context(|| format!("cannot write {results}"))
}

/// How long each of many took.
struct Latencies {
    sorted: Vec<Duration>,
    over: Duration,
}

impl Latencies {
    fn as_json(&self) -> serde_json::Value {
        let at = |share: f64| {
            let place = (self.sorted.len() as f64 * share) as usize;
            self.sorted.get(place.min(self.sorted.len().saturating_sub(1))).map_or(0.0, |took| took.as_secs_f64() * 1e3)
        };
        let per_s = self.sorted.len() as f64 / self.over.as_secs_f64();
        json!({"per_s": per_s, "p50_ms": at(0.5), "p99_ms": at(0.99)})
    }
}

/// All clients ask at once, again and again, for owners at random. They are returned too.
async fn measure<C: Client>(clients: Vec<C>, owners: u32, lasting: Duration) -> Result<(Latencies, Vec<C>)> {
    let begun = Instant::now();
    let each = clients.into_iter().map(|mut client| {
        tokio::spawn(async move {
            let mut took = Vec::new();
            while begun.elapsed() < lasting {
                let asked = Instant::now();
                client.ask(fastrand::u32(0..owners)).await?;
                took.push(asked.elapsed());
            }
            anyhow::Ok((took, client))
        })
    });
    let (mut sorted, mut clients) = (Vec::new(), Vec::new());
    for done in try_join_all(each).await? {
        let (took, client) = done?;
        sorted.extend(took);
        clients.push(client);
    }
    let over = begun.elapsed();
    sorted.sort_unstable();
    Ok((Latencies { sorted, over }, clients))
}
