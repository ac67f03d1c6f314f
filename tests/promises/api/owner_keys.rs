//! Owners' keys with any character in them, in paths: none is taken for another.

use insta::assert_snapshot;
use longshore_tests::World;
use longshore_tests::api::{Api, Request};
use std::fmt::Write as _;

const ROUTE: &str = "/candlepin/owners/{owner}/upstream_consumers";

/// Keys that are legal, many of which would be another one when decoded twice or not at all.
fn keys() -> Vec<String> {
    let odd = [
        "a/b", "a%2Fb", "a%252Fb", "a b", "a+b", "a%20b", "ä", "..", ".", "a?b", "a#b", "%", "%zz", "{owner}", "*",
        "a;b", "a\\b", "🚢", "a",
    ];
    odd.iter().map(|key| (*key).to_owned()).chain(["ü".repeat(255)]).collect()
}

fn encode(key: &str) -> String {
    key.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() {
            text.push(byte.into())
        } else {
            write!(text, "%{byte:02x}").unwrap()
        }
        text
    })
}

/// An owner for each key, with an upstream consumer.
async fn world() -> World {
    let world = World::start().await;
    for (number, key) in keys().iter().enumerate() {
        let id = format!("owner-{number}");
        let sql = "INSERT INTO cp_owner (id, account, displayname) VALUES ($1, $2, 'x')";
        world.client().execute(sql, &[&id, key]).await.unwrap();
        let sql = "WITH made AS (
                     INSERT INTO cp_upstream_consumer (id, uuid, name, owner_id, type_id)
                     SELECT $1, $1, 'x', $1, id FROM cp_consumer_type WHERE label = 'candlepin' RETURNING id
                   )
                   UPDATE cp_owner SET upstream_id = made.id FROM made WHERE cp_owner.id = $1";
        world.client().execute(sql, &[&id]).await.unwrap();
    }
    world
}

#[tokio::test]
async fn each_key_names_its_owner_in_each_form_of_event() {
    let world = world().await;
    let mut api = Api::here(&world, &[]).await;
    for (number, key) in keys().iter().enumerate() {
        let at_url = Request::get(&ROUTE.replace("{owner}", &encode(key))).org(key);
        let through_gateway = Request::get("").through_gateway(ROUTE, key).org(key);
        for request in [at_url, through_gateway] {
            let answer = api.ask(&request).await;
            assert_eq!(answer.status, 200, "{request:?}: {answer:?}");
            assert_eq!(answer.json()[0]["ownerId"], format!("owner-{number}"), "{request:?}");
        }
    }
}

#[tokio::test]
async fn no_key_opens_another_ones_owner() {
    let world = world().await;
    let mut api = Api::here(&world, &[]).await;
    let keys = keys();
    for key in &keys {
        for other in keys.iter().filter(|other| *other != key) {
            let request = Request::get(&ROUTE.replace("{owner}", &encode(key))).org(other);
            assert_eq!(api.ask(&request).await.status, 403, "{key} by {other}");
        }
    }
}

#[tokio::test]
async fn what_could_mean_two_owners_or_none_is_refused() {
    let world = world().await;
    let mut api = Api::here(&world, &[]).await;
    let mut told = Vec::new();
    let long = "a".repeat(256);
    for key in ["%", "a%2", "%zz", "a%00b", "%0a", "%ff", "", &long] {
        let answer = api.ask(&Request::get(&ROUTE.replace("{owner}", key)).org("a")).await;
        told.push(format!("{} -> {}", if key.len() > 9 { "256 characters" } else { key }, answer.error()));
    }
    assert_snapshot!(told.join("\n"), @"
    % -> 400 the path is not percent-encoded soundly, or could mean two things
    a%2 -> 400 the path is not percent-encoded soundly, or could mean two things
    %zz -> 400 the path is not percent-encoded soundly, or could mean two things
    a%00b -> 400 an owner's key has 1 to 255 characters, none of them a control character
    %0a -> 400 an owner's key has 1 to 255 characters, none of them a control character
    %ff -> 400 what stands for an owner's key in the path is not UTF-8
     -> 400 an owner's key has 1 to 255 characters, none of them a control character
    256 characters -> 400 an owner's key has 1 to 255 characters, none of them a control character
    ");
    // A gateway without a route for it hands the path on decoded.
    let mut event: serde_json::Value = serde_json::from_str(&Request::get("/x").org("a").event()).unwrap();
    event["requestContext"]["domainName"] = "api.example.com".into();
    event["rawPath"] = ROUTE.replace("{owner}", "a%2Fb").into();
    let Api::Here(function) = &api else { unreachable!("here") };
    let call = longshore::lambda::Call { remaining: None, request_id: "lambda-1" };
    assert_eq!(function.handle(&event.to_string(), call).await.unwrap().status_code, 400);
}
