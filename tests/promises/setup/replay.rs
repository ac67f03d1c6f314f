//! What functions have not done is listed, and handed to them again.

use hyper::{Method, StatusCode};
use longshore::aws::Aws;
use longshore::clock::Clock;
use longshore::failure::Classified;
use longshore::settings::Settings;
use longshore::setup::Setup;
use longshore_devkit::http_server::{HttpServer, Reply, Request};
use serde_json::{Value, json};

const BATCH: &str = "aws/lambda/f3b1/platform.upload.catalog-0/2026-11-01/one";
const REJECTED: &str = "rejected/platform.upload.catalog/0000000000/00000000000000000009-0.json";

fn event() -> Value {
    let record = json!({"topic": "platform.upload.catalog", "partition": 0, "offset": 7, "value": "e30="});
    json!({"eventSource": "aws:kafka", "records": {"platform.upload.catalog-0": [record]}})
}

/// A bucket with one of each kind, and something that is neither.
fn documents() -> [(&'static str, String); 3] {
    let batch = json!({
        "requestContext": {
            "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:stack-tower-persister",
            "condition": "RetryAttemptsExhausted",
        },
        "payload": event().to_string(),
    });
    let rejected =
        json!({"topic": "platform.upload.catalog", "partition": 0, "offset": 9, "value": "e30=", "kind": "Message"});
    [(BATCH, batch.to_string()), ("aws/lambda/notes.txt", "by hand".into()), (REJECTED, rejected.to_string())]
}

fn bucket(request: &Request) -> Reply {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    if path.trim_end_matches('/') == "/failures" {
        let field = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap_or("");
        let (prefix, after) = (field("prefix").replace("%2F", "/"), field("start-after").replace("%2F", "/"));
        let behind = |(key, _): &(&str, String)| key.starts_with(&prefix) && *key > &*after;
        let keys: Vec<String> = documents().into_iter().filter(behind).map(|(key, _)| key.into()).collect();
        let contents: String =
            keys.iter().map(|key| format!("<Contents><Key>{key}</Key><Size>9</Size></Contents>")).collect();
        return Reply::ok(format!("<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"));
    }
    match documents().into_iter().find(|(key, _)| path == format!("/failures/{key}")) {
        Some((_, document)) => Reply::ok(document),
        None => Reply::status(StatusCode::NOT_FOUND),
    }
}

/// `setup` of a stack with that bucket, whose functions answer like that.
async fn stack(answer: impl Fn() -> Reply + Send + Sync + 'static) -> (HttpServer, Setup) {
    let server = HttpServer::start(move |request| match request.method {
        Method::POST => answer(),
        _ => bucket(&request),
    });
    let server = server.await.unwrap();
    let read = |name: &str| match name {
        "DATABASE_URL" => Some("postgres://nobody@127.0.0.1:1/none".to_owned()),
        "LONGSHORE_FAILURE_TARGET" => Some("s3://failures".to_owned()),
        "LONGSHORE_FUNCTION_PREFIX" => Some("stack-".to_owned()),
        _ => None,
    };
    let aws = Aws::local(server.url("").trim_end_matches('/'), "id", "secret").await;
    let setup = Setup::new(Settings::read(read).unwrap(), &aws, Clock::system(), 1);
    (server, setup)
}

async fn says(setup: &Setup, command: Value) -> Value {
    setup.handle(&command.to_string(), None).await.unwrap()
}

fn invocations(server: &HttpServer) -> Vec<Request> {
    server.take_requests().into_iter().filter(|request| request.method == Method::POST).collect()
}

#[tokio::test]
async fn what_is_kept_is_listed_with_what_it_is() {
    let (_server, setup) = stack(|| Reply::ok("{}")).await;
    let listed = says(&setup, json!({"command": "list-failures", "prefix": ""})).await;
    let topics = json!(["platform.upload.catalog"]);
    let batch = json!({
        "key": BATCH, "records": 1, "topics": topics, "function": "stack-tower-persister", "why": "RetryAttemptsExhausted",
    });
    let rejected = json!({"key": REJECTED, "records": 1, "topics": topics, "function": null, "why": "Message"});
    assert_eq!((&listed["failures"][0], &listed["failures"][2], &listed["next"]), (&batch, &rejected, &Value::Null));
    assert!(listed["failures"][1]["problem"].as_str().unwrap().starts_with("neither a batch"), "{listed}");
    let rest = says(&setup, json!({"command": "list-failures", "prefix": "aws/lambda/", "after": BATCH})).await;
    assert_eq!(rest["failures"].as_array().unwrap().len(), 1, "{rest}");
}

#[tokio::test]
async fn a_batch_is_handed_to_its_function_signed_and_as_it_was() {
    let failed =
        json!({"batchItemFailures": [{"itemIdentifier": {"partition": "platform.upload.catalog-0", "offset": 7}}]});
    let (server, setup) = stack(move || Reply::ok(failed.to_string())).await;
    let replayed = says(&setup, json!({"command": "replay", "prefix": BATCH})).await;
    let outcome = json!({"key": BATCH, "function": "stack-tower-persister", "records": 1, "failed": 1});
    assert_eq!(replayed, json!({"replayed": [outcome], "next": null}));
    let requests = invocations(&server);
    assert_eq!(requests[0].path, "/2015-03-31/functions/stack-tower-persister/invocations");
    assert_eq!(serde_json::from_slice::<Value>(&requests[0].body).unwrap(), event());
    let signature = requests[0].header("authorization").unwrap();
    assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=id/") && signature.contains("/us-east-1/lambda/"));
}

#[tokio::test]
async fn a_rejected_record_goes_to_the_function_that_is_named_and_only_to_one_of_this_stack() {
    let (server, setup) = stack(|| Reply::ok(r#"{"batchItemFailures":[]}"#)).await;
    let replay = |function: Option<&str>| json!({"command": "replay", "prefix": "rejected/", "function": function});
    let replayed = says(&setup, replay(Some("manifest-importer"))).await;
    assert_eq!(replayed["replayed"][0]["failed"], 0, "{replayed}");
    assert_eq!(invocations(&server)[0].path, "/2015-03-31/functions/stack-manifest-importer/invocations");
    for function in [None, Some("setup"), Some("other-stack-tower-persister"), Some("../../x")] {
        let refused = says(&setup, replay(function)).await;
        assert!(refused["replayed"][0]["problem"].is_string(), "{refused}");
    }
    assert!(invocations(&server).is_empty());
}

#[tokio::test]
async fn a_function_that_fails_is_told_of_and_the_next_one_is_tried() {
    let error =
        || Reply::ok(r#"{"errorType":"Stopped","errorMessage":"why"}"#).header("x-amz-function-error", "Unhandled");
    let (_server, setup) = stack(error).await;
    let replayed = says(&setup, json!({"command": "replay", "prefix": "", "function": "tower-persister"})).await;
    let problems: Vec<&str> =
        replayed["replayed"].as_array().unwrap().iter().map(|one| one["problem"].as_str().unwrap()).collect();
    assert_eq!((problems.len(), problems[0], problems[2]), (3, "Stopped: why", "Stopped: why"));
}

#[tokio::test]
async fn without_a_bucket_nothing_can_be_replayed() {
    let read = |name: &str| (name == "DATABASE_URL").then(|| "postgres://nobody@127.0.0.1:1/none".to_owned());
    let aws = Aws::local("http://127.0.0.1:1", "id", "secret").await;
    let setup = Setup::new(Settings::read(read).unwrap(), &aws, Clock::system(), 1);
    let error = setup.handle(r#"{"command":"list-failures"}"#, None).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), ("Command", "LONGSHORE_FAILURE_TARGET is not set"));
}
