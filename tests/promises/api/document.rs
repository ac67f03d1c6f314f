//! The OpenAPI document says what the routes do: every path, method, status and key of an answer, and no others.

use insta::assert_snapshot;
use longshore_tests::api::{Answer, Api, Request, role_arn};
use longshore_tests::exports::Exporting;
use longshore_tests::{ORG, small};
use serde_json::Value;
use std::collections::BTreeSet;

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"];

/// What is asked of each operation for a status that it may have: about whom, by whom, and what is taken.
struct Case {
    status: u16,
    owner: &'static str,
    by: fn(Request) -> Request,
    accept: &'static str,
}

const CASES: [Case; 8] = [
    Case { status: 400, owner: "%00", by: admin, accept: ANY },
    Case { status: 401, owner: ORG, by: |request| request, accept: ANY },
    Case { status: 403, owner: ORG, by: |request| request.role("nobody"), accept: ANY },
    Case { status: 404, owner: "6000001", by: |request| request.org("6000001"), accept: ANY },
    Case { status: 406, owner: ORG, by: admin, accept: "text/html" },
    Case { status: 303, owner: ORG, by: admin, accept: "*/*" },
    Case { status: 304, owner: ORG, by: |request| admin(request).header("if-none-match", "*"), accept: ANY },
    Case { status: 200, owner: ORG, by: admin, accept: ANY },
];

/// The types of all answers.
const ANY: &str = "application/json, application/zip";

fn admin(request: Request) -> Request {
    request.role("admin")
}

/// Both functions, and whom they are asked about.
struct Functions {
    consumers: Api,
    exporter: Api,
    distributor: String,
}

impl Functions {
    async fn of(world: &Exporting, distributor: &str, further: &[(&str, &str)]) -> Self {
        let (consumers, exporter) = (Api::process(world, further).await, Api::exporter(world, further).await);
        Self { consumers, exporter, distributor: distributor.to_owned() }
    }

    async fn ask(&mut self, method: &str, path: &str, case: &Case) -> Answer {
        let uuid = if case.owner == ORG { &self.distributor } else { case.owner };
        let target = path.replace("{owner}", case.owner).replace("{uuid}", uuid);
        let request = (case.by)(Request::new(method, &target)).header("accept", case.accept);
        let function = if path.starts_with("/candlepin/consumers/") { &mut self.exporter } else { &mut self.consumers };
        function.ask(&request).await
    }
}

/// The usual owner, with an import and a distributor, a role that may do all, and the document.
async fn stage() -> (Exporting, Functions, Value) {
    let world = Exporting::start().await;
    world.import(&small()).await;
    let distributor = world.distributor_with(ORG, "distributor", 1).await;
    world.grant(&role_arn("admin"), ORG, "admin").await;
    let mut functions = Functions::of(&world, &distributor, &[]).await;
    let document = functions.consumers.ask(&Request::get("/candlepin/openapi.json")).await;
    assert_eq!((document.status, document.header("content-type")), (200, "application/json"));
    let document = document.json();
    (world, functions, document)
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

#[tokio::test]
async fn the_document_lists_these_routes() {
    let (_world, _functions, document) = stage().await;
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
    GET /candlepin/consumers/{uuid}/export [iam jwt identity] ["200", "303", "304", "400", "401", "403", "409", "500", "503"]
    HEAD /candlepin/consumers/{uuid}/export [iam jwt identity] ["200", "303", "304", "400", "401", "403", "409", "500", "503"]
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
    let (world, mut functions, document) = stage().await;
    let distributor = functions.distributor.clone();
    let nowhere = [("DATABASE_URL", "postgres://x@127.0.0.1:1/x?sslmode=disable")];
    let mut unreachable = Functions::of(&world, &distributor, &nowhere).await;
    let mut unseen = Vec::new();
    for (path, method, operation) in operations(&document) {
        let documented: BTreeSet<u16> =
            operation["responses"].as_object().unwrap().keys().map(|status| status.parse().unwrap()).collect();
        let mut seen = BTreeSet::new();
        for case in &CASES {
            if method == "DELETE" {
                world.import(&small()).await;
            }
            let answer = functions.ask(&method, &path, case).await;
            assert!(documented.contains(&answer.status), "{method} {path} answers {}", answer.status);
            if documented.contains(&case.status) {
                assert_eq!(answer.status, case.status, "{method} {path}");
            }
            assert_shape(&document, operation, &answer, method == "HEAD");
            seen.insert(answer.status);
        }
        let all_well = &CASES[CASES.len() - 1];
        seen.insert(unreachable.ask(&method, &path, all_well).await.status);
        unseen.extend(documented.difference(&seen).map(|status| format!("{method} {path} {status}")));
    }
    // What fails here by no fault of the database's is tested where it can be made.
    let elsewhere = |line: &String| line.ends_with(" 500") || line.ends_with("/export 409");
    assert!(unseen.iter().all(elsewhere), "{unseen:#?}");
}

/// An answer has the keys that its schema has.
fn assert_shape(document: &Value, operation: &Value, answer: &Answer, is_head: bool) {
    let response = &operation["responses"][answer.status.to_string()];
    let content = &response["content"];
    if is_head || matches!(answer.status, 303 | 304) {
        assert!(content.is_null() && answer.body.is_empty(), "{response}");
        return;
    }
    let media = answer.header("content-type");
    let schema = &content[media]["schema"];
    assert!(schema.is_object(), "{response} has no schema for {media}");
    if media == "application/json" {
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
    let (_world, mut functions, document) = stage().await;
    let case = &CASES[CASES.len() - 1];
    for (path, item) in document["paths"].as_object().unwrap() {
        let documented: BTreeSet<String> =
            item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        for method in METHODS.into_iter().filter(|method| !documented.contains(*method)) {
            let answer = functions.ask(method, path, case).await;
            let allowed: BTreeSet<String> =
                answer.header("allow").split(',').map(|method| method.trim().to_owned()).collect();
            assert_eq!((answer.status, allowed), (405, documented.clone()), "{method} {path}");
        }
    }
}
