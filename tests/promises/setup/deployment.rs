//! CloudFormation waits for the migrations, and is always told how they went.

use hyper::StatusCode;
use longshore::aws::Aws;
use longshore::clock::Clock;
use longshore::failure::Classified;
use longshore::settings::Settings;
use longshore::setup::{Setup, SetupError};
use longshore_devkit::http_server::{HttpServer, Reply};
use longshore_tests::database;
use serde_json::{Value, json};

/// A stack that asks, and what it was answered.
struct Stack {
    server: HttpServer,
    setup: Setup,
}

impl Stack {
    async fn with(url: &str, further: &[(&str, &str)], answer: StatusCode) -> Self {
        let server = HttpServer::start(move |_| Reply::status(answer)).await.unwrap();
        let read = |name: &str| match name {
            "DATABASE_URL" => Some(url.to_owned()),
            _ => further.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()),
        };
        let aws = Aws::local(&server.url(""), "id", "secret").await;
        Self { server, setup: Setup::new(Settings::read(read).unwrap(), &aws, Clock::system(), 1) }
    }

    async fn local(url: &str) -> Self {
        Self::with(url, &[("LONGSHORE_LOCAL_DEVELOPMENT", "true")], StatusCode::OK).await
    }

    async fn asks(&self, request_type: &str, response_url: &str) -> Result<Value, SetupError> {
        let request = json!({
            "RequestType": request_type, "ServiceToken": "arn", "ResponseURL": response_url, "StackId": "stack-1",
            "RequestId": "request-1", "LogicalResourceId": "Migrations", "ResourceType": "Custom::Migrations",
            "ResourceProperties": {"ServiceToken": "arn", "Version": "5"},
        });
        self.setup.handle(&request.to_string(), None).await
    }

    /// What CloudFormation was told, in the one request that there was.
    async fn told(&self, request_type: &str) -> Value {
        self.asks(request_type, &self.server.url("/answer?signature=secret")).await.unwrap();
        let requests = self.server.take_requests();
        assert_eq!((requests.len(), requests[0].method.as_str()), (1, "PUT"));
        assert_eq!(requests[0].header("content-type").unwrap_or_default(), "", "it would break the signature");
        let told: Value = serde_json::from_slice(&requests[0].body).unwrap();
        let ids = json!(["stack-1", "request-1", "Migrations", "longshore-migrations"]);
        assert_eq!(
            json!([told["StackId"], told["RequestId"], told["LogicalResourceId"], told["PhysicalResourceId"]]),
            ids
        );
        told
    }
}

#[tokio::test]
async fn a_stack_that_is_created_or_updated_has_its_database_migrated() {
    let url = database::empty_database().await;
    let stack = Stack::local(&url).await;
    let told = stack.told("Create").await;
    assert_eq!((&told["Status"], &told["Data"]["Version"]), (&json!("SUCCESS"), &json!(5)));
    assert!(told["Data"]["Applied"].as_str().unwrap().starts_with("V1__"), "{told}");
    let told = stack.told("Update").await;
    assert_eq!((&told["Status"], &told["Data"]), (&json!("SUCCESS"), &json!({"Version": 5, "Applied": ""})));
}

#[tokio::test]
async fn a_stack_that_is_deleted_takes_nothing_along() {
    // There is no such database: nobody looks.
    let stack = Stack::local("postgres://nobody:secret@127.0.0.1:1/none").await;
    assert_eq!(stack.told("Delete").await["Status"], "SUCCESS");
}

#[tokio::test]
async fn a_resource_keeps_the_id_that_it_has() {
    let stack = Stack::local("postgres://nobody:secret@127.0.0.1:1/none").await;
    let request = json!({
        "RequestType": "Delete", "ResponseURL": stack.server.url("/answer"), "StackId": "s", "RequestId": "r",
        "LogicalResourceId": "Migrations", "PhysicalResourceId": "made-up-by-cloudformation",
    });
    stack.setup.handle(&request.to_string(), None).await.unwrap();
    let told: Value = serde_json::from_slice(&stack.server.requests()[0].body).unwrap();
    assert_eq!(told["PhysicalResourceId"], "made-up-by-cloudformation");
}

#[tokio::test]
async fn a_migration_that_fails_is_told_with_its_kind_and_without_secrets() {
    let stack = Stack::local("postgres://nobody:secret@127.0.0.1:1/none").await;
    let told = stack.told("Create").await;
    assert_eq!(told["Status"], "FAILED");
    let reason = told["Reason"].as_str().unwrap();
    assert!(reason.starts_with("Database: ") && !reason.contains("secret"), "{reason}");
}

#[tokio::test]
async fn a_roll_back_finds_a_database_that_is_ahead_and_leaves_it() {
    let url = database::empty_database().await;
    let stack = Stack::local(&url).await;
    stack.told("Create").await;
    let client = database::connect(&url).await;
    let ahead = "INSERT INTO longshore.migrations (version, name, applied_on, checksum) VALUES (99, 'later', '', '0')";
    client.batch_execute(ahead).await.unwrap();
    assert_eq!(stack.told("Update").await["Data"], json!({"Version": 99, "Applied": ""}));
    // Somebody who asks for it is told.
    let refused = stack.setup.handle(r#"{"command":"migrate"}"#, None).await.unwrap_err();
    assert_eq!(refused.kind(), "Migration");
    assert!(refused.to_string().contains("version 99"), "{refused}");
}

#[tokio::test]
async fn an_answer_that_is_not_taken_makes_lambda_try_again() {
    let url = database::empty_database().await;
    let stack = Stack::with(&url, &[("LONGSHORE_LOCAL_DEVELOPMENT", "true")], StatusCode::SERVICE_UNAVAILABLE).await;
    let error = stack.asks("Create", &stack.server.url("/answer?signature=secret")).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn only_aws_is_answered() {
    let url = database::empty_database().await;
    let stack = Stack::with(&url, &[], StatusCode::OK).await;
    for elsewhere in [
        &*stack.server.url("/answer"),
        "https://evil.example/?x=.amazonaws.com",
        "https://amazonaws.com.evil.example/",
        "https://s3.amazonaws.com@evil.example/",
        "http://cloudformation-custom-resource-response-euwest1.s3.amazonaws.com/",
        "https://my-bucket.s3.amazonaws.com/",
        "https://abc.execute-api.eu-west-1.amazonaws.com/cloudformation-custom-resource-",
    ] {
        let error = stack.asks("Create", elsewhere).await.unwrap_err();
        assert_eq!(error.to_string(), "ResponseURL is none of CloudFormation's in S3", "{elsewhere}");
    }
    assert!(stack.server.requests().is_empty());
}
