//! The OpenAPI document says what the routes do: every path, method, status and key of an answer, and no others.

use insta::assert_snapshot;
use longshore_tests::api::{Answer, Api, Request, role_arn};
use longshore_tests::{ORG, World, small};
use serde_json::Value;
use std::collections::BTreeSet;

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"];

/// What is asked of each operation for each status that it may have: who asks, about which owner, and with which header.
type Case = (u16, fn(&str, &str) -> Request);
const CASES: [Case; 8] = [
    (400, |method, path| Request::new(method, &path.replace("{owner}", "%00")).role("admin")),
    (401, |method, path| Request::new(method, &path.replace("{owner}", ORG))),
    (403, |method, path| Request::new(method, &path.replace("{owner}", ORG)).role("nobody")),
    (404, |method, path| Request::new(method, &path.replace("{owner}", "6000001")).org("6000001")),
    (406, |method, path| admin(method, path).header("accept", "text/html")),
    (304, |method, path| admin(method, path).header("if-none-match", "*")),
    (200, admin),
    (200, |method, path| admin(method, path).header("accept", "application/json").header("accept-encoding", "gzip")),
];

fn admin(method: &str, path: &str) -> Request {
    Request::new(method, &path.replace("{owner}", ORG)).role("admin")
}

async fn stage() -> (World, Api, Value) {
    let world = World::with_owner().await;
    world.import(&small()).await;
    world.grant(&role_arn("admin"), ORG, "admin").await;
    let mut api = Api::here(&world, &[]).await;
    let document = api.ask(&Request::get("/candlepin/openapi.json")).await;
    assert_eq!((document.status, document.header("content-type")), (200, "application/json"));
    let document = document.json();
    (world, api, document)
}

/// Each path, method and operation.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, item): (&String, &'_ Value)| -> Vec<(String, String)> {
        item.as_object().unwrap().keys().map(|method| (path.clone(), method.to_uppercase())).collect()
    };
    paths
        .iter()
        .flat_map(of_path)
        .map(|(path, method)| {
            let operation = &document["paths"][&path][method.to_lowercase()];
            (path, method, operation)
        })
        .collect()
}

/// The exporter's route is held against the exporter, with its other tests.
fn is_ours(path: &str) -> bool {
    !path.starts_with("/candlepin/consumers/")
}

#[tokio::test]
async fn the_document_lists_these_routes() {
    let (_world, _api, document) = stage().await;
    assert_eq!(document["openapi"].as_str().unwrap().split('.').take(2).collect::<Vec<_>>(), ["3", "1"]);
    let mut lines = Vec::new();
    for (path, method, operation) in operations(&document) {
        let statuses: Vec<&String> = operation["responses"].as_object().unwrap().keys().collect();
        let known: Vec<String> = operation["security"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|way| way.as_object().unwrap().keys().cloned())
            .collect();
        lines.push(format!("{method} {path} [{}] {statuses:?}", known.join(" ")));
        for way in known {
            assert!(document["components"]["securitySchemes"][&way].is_object(), "{way}");
        }
    }
    assert_snapshot!(lines.join("\n"), @r#"
    GET /candlepin/consumers/{uuid}/export [iam jwt identity] ["200", "303", "304", "400", "401", "403", "500", "503"]
    HEAD /candlepin/consumers/{uuid}/export [iam jwt identity] ["200", "303", "304", "400", "401", "403", "500", "503"]
    GET /candlepin/openapi.json [] ["200", "304", "406"]
    HEAD /candlepin/openapi.json [] ["200", "304", "406"]
    DELETE /candlepin/owners/{owner}/imports [iam jwt identity] ["200", "400", "401", "403", "404", "406", "500", "503"]
    GET /candlepin/owners/{owner}/imports [iam jwt identity] ["200", "304", "400", "401", "403", "404", "406", "500", "503"]
    HEAD /candlepin/owners/{owner}/imports [iam jwt identity] ["200", "304", "400", "401", "403", "404", "406", "500", "503"]
    GET /candlepin/owners/{owner}/upstream_consumer [iam jwt identity] ["200", "304", "400", "401", "403", "404", "406", "500", "503"]
    HEAD /candlepin/owners/{owner}/upstream_consumer [iam jwt identity] ["200", "304", "400", "401", "403", "404", "406", "500", "503"]
    GET /candlepin/owners/{owner}/upstream_consumers [iam jwt identity] ["200", "304", "400", "401", "403", "404", "406", "500", "503"]
    HEAD /candlepin/owners/{owner}/upstream_consumers [iam jwt identity] ["200", "304", "400", "401", "403", "404", "406", "500", "503"]
    "#);
}

#[tokio::test]
async fn each_status_is_documented_and_each_documented_one_happens() {
    let (world, mut api, document) = stage().await;
    let mut unreachable = Api::here(&world, &[("DATABASE_URL", "postgres://x@127.0.0.1:1/x?sslmode=disable")]).await;
    let mut unseen = Vec::new();
    for (path, method, operation) in operations(&document).into_iter().filter(|(path, ..)| is_ours(path)) {
        let documented: BTreeSet<u16> =
            operation["responses"].as_object().unwrap().keys().map(|status| status.parse().unwrap()).collect();
        let mut seen = BTreeSet::new();
        for (status, request) in CASES {
            if method == "DELETE" && status == 200 {
                world.import(&small()).await;
            }
            let answer = api.ask(&request(&method, &path)).await;
            assert!(documented.contains(&answer.status), "{method} {path} answers {}", answer.status);
            if documented.contains(&status) {
                assert_eq!(answer.status, status, "{method} {path}");
            }
            assert_shape(&document, operation, &answer, method == "HEAD");
            seen.insert(answer.status);
        }
        seen.insert(unreachable.ask(&admin(&method, &path)).await.status);
        unseen.extend(documented.difference(&seen).map(|status| format!("{method} {path} {status}")));
    }
    // What fails here by no fault of the database's is tested where it can be made.
    assert!(unseen.iter().all(|line| line.ends_with(" 500")), "{unseen:#?}");
}

/// An answer has the keys that its schema has.
fn assert_shape(document: &Value, operation: &Value, answer: &Answer, is_head: bool) {
    let response = &operation["responses"][answer.status.to_string()];
    let schema = &response["content"]["application/json"]["schema"];
    if is_head || answer.status == 304 {
        assert!(schema.is_null() && answer.body.is_empty(), "{response}");
        return;
    }
    assert!(schema.is_object(), "{response} has no schema");
    if answer.header("content-encoding").is_empty() {
        compare(document, schema, &answer.json());
    }
}

fn compare(document: &Value, schema: &Value, value: &Value) {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.strip_prefix('#').unwrap();
        return compare(document, document.pointer(pointer).unwrap(), value);
    }
    if let Some(either) = schema["oneOf"].as_array() {
        let is_null = |schema: &&Value| schema["type"] == "null";
        return match either.iter().find(|schema| is_null(schema) == value.is_null()) {
            Some(schema) if !value.is_null() => compare(document, schema, value),
            Some(_) => (),
            None => panic!("{value} is not {schema}"),
        };
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| compare(document, &schema["items"], item)),
        Value::Object(map) if schema["properties"].is_object() => {
            let properties = schema["properties"].as_object().unwrap();
            let names: BTreeSet<&String> = properties.keys().collect();
            assert_eq!(map.keys().collect::<BTreeSet<_>>(), names);
            map.iter().for_each(|(name, value)| compare(document, &properties[name], value));
        }
        _ => (),
    }
}

#[tokio::test]
async fn other_methods_are_refused_with_those_that_there_are() {
    let (_world, mut api, document) = stage().await;
    for (path, item) in document["paths"].as_object().unwrap().iter().filter(|(path, _)| is_ours(path)) {
        let documented: BTreeSet<String> =
            item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        for method in METHODS.into_iter().filter(|method| !documented.contains(*method)) {
            let answer = api.ask(&admin(method, path)).await;
            let allowed: BTreeSet<String> = answer.header("allow").split(',').map(|m| m.trim().to_owned()).collect();
            assert_eq!((answer.status, allowed), (405, documented.clone()), "{method} {path}");
        }
    }
}
