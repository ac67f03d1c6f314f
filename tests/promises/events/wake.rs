//! The publisher is woken when something waits for it, and nothing waits for the publisher.

use hyper::StatusCode;
use longshore::api::UpstreamConsumers;
use longshore::aws::Aws;
use longshore::clock::Clock;
use longshore::lambda::Call;
use longshore::settings::Settings;
use longshore::setup::Setup;
use longshore::tower::TowerPersister;
use longshore_devkit::http_server::{HttpServer, Reply, Request};
use longshore_tests::api::Request as Http;
use longshore_tests::{ArchiveBuilder, World, object, small};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const QUEUE: &str = "https://sqs.us-east-1.amazonaws.com/1/wake";

/// A world, a queue that answers like that, and what functions are made of that use both.
async fn with_queue(answer: impl Fn(Request) -> Reply + Send + Sync + 'static) -> (World, HttpServer, Settings, Aws) {
    let world = World::with(&[("LONGSHORE_WAKE_QUEUE", QUEUE), ("LONGSHORE_TRUST_IDENTITY_HEADER", "true")]).await;
    let queue = HttpServer::start(answer).await.unwrap();
    let variables = world.variables();
    let read = |name: &str| Some(variables.iter().find(|(known, _)| known == name)?.1.clone());
    let settings = Settings::read(read).unwrap();
    let aws = Aws::local(queue.url("").trim_end_matches('/'), "id", "secret").await;
    (world, queue, settings, aws)
}

fn taken(_: Request) -> Reply {
    Reply::ok(br#"{"MessageId":"m-1"}"#.to_vec())
}

fn archive() -> ArchiveBuilder {
    ArchiveBuilder::new().collection("inventories", [object::inventory(1)])
}

#[tokio::test]
async fn a_batch_wakes_the_publisher_once_and_one_without_messages_of_ours_does_not() {
    let (world, queue, settings, aws) = with_queue(taken).await;
    let persister = TowerPersister::new(settings, &aws, Clock::system());
    let foreign = world.announce(&archive()).set("service", "advisor");
    assert_eq!(persister.handle(&world.event(&[foreign]), None).await.unwrap().failed(), []);
    assert_eq!(queue.requests().len(), 0);

    let messages = [world.announce(&archive()), world.announce(&archive()).set("url", ())];
    assert_eq!(persister.handle(&world.event(&messages), None).await.unwrap().failed(), []);
    let requests = queue.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].header("x-amz-target"), Some("AmazonSQS.SendMessage"));
    let body: Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!(body, json!({"QueueUrl": QUEUE, "MessageBody": "the outbox has messages"}));
}

#[tokio::test]
async fn a_queue_that_hangs_or_refuses_changes_nothing() {
    for answer in [|_| Reply::hang(), |_| Reply::status(StatusCode::FORBIDDEN)] {
        let (world, queue, settings, aws) = with_queue(answer).await;
        let persister = TowerPersister::new(settings, &aws, Clock::system());
        let begun = Instant::now();
        let event = world.event(&[world.announce(&archive())]);
        assert_eq!(persister.handle(&event, None).await.unwrap().failed(), []);
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        assert_eq!(world.outcomes().await, "applied | full");
        assert!(!queue.requests().is_empty());
    }
}

#[tokio::test]
async fn undoing_imports_wakes_the_publisher_and_looking_at_them_does_not() {
    let (world, queue, settings, aws) = with_queue(taken).await;
    world.owner("5318290").await;
    world.execute("INSERT INTO grants SELECT account, id, 'undo', now() FROM cp_owner").await;
    world.import(&small()).await;
    let api = UpstreamConsumers::new(settings, &aws, Clock::system());
    let call = Call { remaining: None, request_id: "lambda-1" };
    let mut statuses = Vec::new();
    for (request, woken) in [
        (Http::get("/candlepin/owners/5318290/imports"), 0),
        (Http::delete("/candlepin/owners/5318290/imports"), 1),
        (Http::delete("/candlepin/owners/5318290/imports"), 1),
    ] {
        statuses.push(api.handle(&request.org("5318290").event(), call).await.unwrap().status_code);
        assert_eq!(queue.requests().len(), woken);
    }
    assert_eq!(statuses, [200, 200, 404]);
}

#[tokio::test]
async fn commands_that_write_events_wake_the_publisher_and_others_do_not() {
    let (world, queue, settings, aws) = with_queue(taken).await;
    world.owner("5318290").await;
    let setup = Setup::new(settings, &aws, Clock::system(), 1);
    let product = json!({"command": "create-product", "owner": "5318290", "product": "P", "name": "Product"});
    for (command, woken) in [(json!({"command": "list-owners"}), 0), (product, 1), (json!({"command": "status"}), 1)] {
        setup.handle(&command.to_string(), None).await.unwrap();
        assert_eq!(queue.requests().len(), woken, "{command}");
    }
}
