//! What is asked, and of whom.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use longshore::{api::UpstreamConsumers, aws::Aws, clock::Clock, db::Connector, lambda::Call, settings::Settings};
use serde_json::json;
use tokio_postgres::{
    Statement,
    types::{ToSql, Type},
};

use super::Client;

/// What the handler asks the database: all that its answer and its decision need, through an index each.
const SQL: &str = include_str!("../../../shared/src/api/upstream_consumer.sql");

/// The least that could be asked: nothing of the certificate, the type and the caller's rights.
const LEAST: &str =
    "SELECT u.* FROM cp_owner o JOIN cp_upstream_consumer u ON u.id = o.upstream_id WHERE o.account = $1";

/// A query without a handler, on a connection of its own, prepared once as the handler prepares its own.
pub struct Query {
    client: Arc<tokio_postgres::Client>,
    statement: Statement,
    whole: bool,
}

impl Query {
    /// The handler's query.
    pub async fn connect(settings: &Settings) -> Result<Self> {
        let connector = Connector::new(settings.database.clone(), Aws::from_env().await, Clock::system()).for_lookups();
        let client = Arc::new(connector.connect().await?);
        let statement = client.prepare_typed(SQL, &[Type::TEXT, Type::TEXT, Type::TEXT_ARRAY]).await?;
        Ok(Self { client, statement, whole: true })
    }

    /// The least query, on the same connection: they take turns.
    pub async fn least(&self) -> Result<Self> {
        let statement = self.client.prepare_typed(LEAST, &[Type::TEXT]).await?;
        Ok(Self { client: Arc::clone(&self.client), statement, whole: false })
    }
}

impl Client for Query {
    async fn ask(&mut self, owner: u32) -> Result<()> {
        let key = key(owner);
        let readers: &[&str] = &["read-keys", "admin"];
        let values: [&(dyn ToSql + Sync); 3] = [&key, &key, &readers];
        let row = self.client.query_opt(&self.statement, if self.whole { &values } else { &values[..1] }).await?;
        let row = row.context("an owner has no upstream consumer")?;
        ensure!(row.get::<_, &str>("uuid") == format!("consumer-{owner}"));
        Ok(())
    }
}

/// Stands for an owner's key in an event.
const OWNER: &str = "{key}";

/// The handler, called by an owner's organisation with a token.
pub struct Handler(Arc<UpstreamConsumers>, String);

impl Handler {
    pub fn new(function: Arc<UpstreamConsumers>) -> Self {
        Self(function, event(OWNER))
    }
}

impl Client for Handler {
    async fn ask(&mut self, owner: u32) -> Result<()> {
        let call = Call { remaining: None, request_id: "bench" };
        // Lambda brings it as bytes: making it is nobody's work here.
        let event = self.1.replace(OWNER, &key(owner));
        let answer = self.0.handle(&event, call).await.map_err(|error| anyhow::anyhow!("{error}"))?;
        let answer = serde_json::to_string(&answer)?;
        ensure!(answer.contains(&format!("consumer-{owner}")), "{answer}");
        Ok(())
    }
}

fn key(owner: u32) -> String {
    format!("owner-{owner}")
}

/// What API Gateway makes of a request.
fn event(owner: &str) -> String {
    let path = format!("/candlepin/owners/{owner}/upstream_consumers");
    let route = "GET /candlepin/owners/{owner}/upstream_consumers";
    let event = json!({
        "version": "2.0", "routeKey": route, "rawPath": path, "rawQueryString": "", "pathParameters": {"owner": owner},
        "headers": {"accept": "application/json", "authorization": "Bearer token", "host": "api.example.com",
                    "user-agent": "bench", "x-forwarded-for": "192.0.2.1", "x-forwarded-proto": "https"},
        "requestContext": {
            "accountId": "123456789012", "apiId": "a1b2c3", "domainName": "api.example.com", "routeKey": route,
            "stage": "$default", "requestId": "JKJaXmPLvHcESHA=", "timeEpoch": 1_772_712_000_000_i64,
            "authorizer": {"jwt": {"claims": {"org_id": owner, "sub": "bench"}, "scopes": null}},
            "http": {"method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "bench"},
        },
        "isBase64Encoded": false,
    });
    event.to_string()
}
