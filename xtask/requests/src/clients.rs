//! What is asked, and of whom.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use longshore::{api::UpstreamConsumers, aws::Aws, clock::Clock, db::Connector, lambda::Call, settings::Settings};
use serde_json::json;
use tokio_postgres::types::Type;

use super::Client;

/// The query that any answer needs: an owner's upstream consumer, through two indexes.
const SQL: &str = "SELECT u.* FROM cp_owner o JOIN cp_upstream_consumer u ON u.id = o.upstream_id WHERE o.account = $1";

/// The bare query, on a connection of its own, prepared once as the handler prepares its own.
pub struct Query(tokio_postgres::Client, tokio_postgres::Statement);

impl Query {
    pub async fn connect(settings: &Settings) -> Result<Self> {
        let connector = Connector::new(settings.database.clone(), Aws::from_env().await, Clock::system()).for_lookups();
        let client = connector.connect().await?;
        let statement = client.prepare_typed(SQL, &[Type::TEXT]).await?;
        Ok(Self(client, statement))
    }
}

impl Client for Query {
    async fn ask(&mut self, owner: u32) -> Result<()> {
        let row = self.0.query_opt(&self.1, &[&key(owner)]).await?;
        let row = row.context("an owner has no upstream consumer")?;
        ensure!(row.get::<_, &str>("uuid") == format!("consumer-{owner}"));
        Ok(())
    }
}

/// The handler, called by an owner's organisation with a token.
pub struct Handler(pub Arc<UpstreamConsumers>);

impl Client for Handler {
    async fn ask(&mut self, owner: u32) -> Result<()> {
        let call = Call { remaining: None, request_id: "bench" };
        let answer = self.0.handle(&event(&key(owner)), call).await.map_err(|error| anyhow::anyhow!("{error}"))?;
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
