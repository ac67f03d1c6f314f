//! A chain: what an organisation has imported is passed on to another one, over HTTP and in a manifest of its own.

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use longshore_devkit::http_client::{self, Response};
use serde_json::{Value, json};
use std::time::Instant;

use super::{
    create_owner,
    delivery::Record,
    holdings::{Expected, Holdings},
    import,
};
use crate::demo::{Demo, ORG};
use crate::table::size;

/// Whom it is passed on to.
const BRANCH: &str = "7720114";

/// The distributor of the branch.
const NAME: &str = "branch-office";

/// What the branch takes: of ten, six, each for four guests.
const QUANTITY: i64 = 6;
const TAKEN: Expected = &[("EX-SUITE", QUANTITY, Some(24))];

/// From the first organisation's upstream consumer to the second one's.
pub async fn tell(demo: &Demo<'_>, before: &Holdings) -> Result<()> {
    demo.heading("Whom the organisation has its subscriptions from, over HTTP");
    let upstream = upstream_consumer(demo, ORG).await?;
    demo.print(&serde_json::to_string_pretty(&shortened(&upstream))?);
    ensure!(upstream["name"].is_string() && upstream["idCert"]["cert"].is_string(), "that is no upstream consumer");
    ensure!(upstream["idCert"]["key"].is_null(), "a key was told to somebody who has no right to it");

    demo.heading("It passes six of them on: a distributor, an entitlement, a manifest");
    let distributor = setup(demo, json!({"command": "create-distributor", "owner": ORG, "name": NAME})).await?;
    let uuid = distributor["uuid"].as_str().context("the distributor has no uuid")?;
    let pool = pool(demo).await?;
    setup(demo, json!({"command": "entitle", "consumer": uuid, "pool": pool, "quantity": QUANTITY})).await?;
    let manifest = export(demo, uuid).await?;
    let after = Holdings::read(&demo.client, ORG).await?;
    ensure!(after.kept_pools_of(before, &["EX-SUITE"]), "a pool is not the row that it was");

    demo.heading("Another organisation imports that");
    create_owner(demo, BRANCH, "Branch").await?;
    let record = Record::new(5, "chain.zip").of(BRANCH);
    import(demo, &record, Some(manifest.to_vec()), TAKEN, &Holdings::default()).await?;
    let upstream = upstream_consumer(demo, BRANCH).await?;
    demo.print(&format!("{} {}, with a certificate of its own", upstream["name"], upstream["uuid"]));
    ensure!(upstream["uuid"] == uuid && upstream["name"] == NAME, "the branch has another upstream consumer");
    Ok(())
}

/// The header by which the functions of the stack know a caller. A gateway would have found that out.
fn identity(org: &str) -> String {
    STANDARD.encode(json!({"identity": {"org_id": org, "type": "User", "internal": {"org_id": org}}}).to_string())
}

/// Gets a path of a function, and shows the request as a person would make it.
async fn get(demo: &Demo<'_>, function: &str, org: &str, path: &str) -> Result<Response> {
    let url = format!("{}{path}", demo.stack.functions.function_url(function));
    demo.print(&format!("$ curl -H \"x-rh-identity: $IDENTITY_OF_{org}\" {url}"));
    http_client::get(&url, &[("x-rh-identity", &identity(org))]).await
}

async fn upstream_consumer(demo: &Demo<'_>, owner: &str) -> Result<Value> {
    let begun = Instant::now();
    let path = format!("/candlepin/owners/{owner}/upstream_consumer");
    let answer = get(demo, "upstream-consumer", owner, &path).await?;
    let told = String::from_utf8_lossy(&answer.body);
    ensure!(answer.status.is_success(), "the answer was {}: {told}", answer.status);
    let mut list: Vec<Value> = serde_json::from_str(&told).context("the answer is no list")?;
    let upstream = list.pop().context("there is no upstream consumer")?;
    demo.progress.done("GET", &format!("{}, {}", answer.status, size(answer.body.len() as u64)), begun.elapsed());
    Ok(upstream)
}

/// With the first line of a certificate only.
fn shortened(upstream: &Value) -> Value {
    let mut shown = upstream.clone();
    if let Some(certificate) = shown.pointer_mut("/idCert/cert")
        && let Some(first) = certificate.as_str().and_then(|text| text.lines().next())
    {
        *certificate = format!("{first}..").into();
    }
    shown
}

/// The pool that is passed on, as `list-pools` tells it.
async fn pool(demo: &Demo<'_>) -> Result<String> {
    let (answer, _) = demo.invoke("setup", json!({"command": "list-pools", "owner": ORG}).to_string()).await?;
    let answer: Value = serde_json::from_str(&answer)?;
    let mut pools = answer["pools"].as_array().into_iter().flatten();
    let pool = pools.find(|pool| pool["type"] == "NORMAL").context("there is no pool to take from")?;
    Ok(pool["id"].as_str().unwrap_or_default().to_owned())
}

/// Has `setup` carry a command out, and shows both.
async fn setup(demo: &Demo<'_>, command: Value) -> Result<Value> {
    let (answer, took) = demo.invoke("setup", command.to_string()).await?;
    demo.progress.done("setup", command["command"].as_str().unwrap_or_default(), took);
    demo.print(&answer);
    serde_json::from_str(&answer).context("setup answered no JSON")
}

/// The distributor's manifest, from where the answer says that it is.
async fn export(demo: &Demo<'_>, uuid: &str) -> Result<Bytes> {
    let grant = json!({"command": "grant", "org": ORG, "owner": ORG, "permission": "export"});
    demo.invoke("setup", grant.to_string()).await?;
    let begun = Instant::now();
    let answer = get(demo, "manifest-exporter", ORG, &format!("/candlepin/consumers/{uuid}/export")).await?;
    let told = String::from_utf8_lossy(&answer.body);
    let location = answer.headers.get("location").and_then(|location| location.to_str().ok());
    let location = location.with_context(|| format!("the answer was {} without a location: {told}", answer.status))?;
    let (place, _) = location.split_once('?').unwrap_or((location, ""));
    demo.progress.done("export", &format!("{}, {place}", answer.status), begun.elapsed());
    let manifest = http_client::get(location, &[]).await?;
    ensure!(manifest.status.is_success(), "the link answered {}", manifest.status);
    Ok(manifest.body)
}
