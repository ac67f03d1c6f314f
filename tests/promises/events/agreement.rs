//! What the task API, our own records, rejected records and the platform are told of a message agrees, and is documented.

use hyper::StatusCode;
use longshore_devkit::http_server::{HttpServer, Reply};
use longshore_tests::{Announcement, ArchiveBuilder, IDENTITY, ORG, World, object, small};
use serde_json::Value;

const DOCUMENT: &str = include_str!("../../../docs/events/platform.md");

/// What the task API was told last.
fn task(api: &HttpServer) -> Value {
    serde_json::from_slice(&api.requests().last().unwrap().body).unwrap()
}

/// The last status, as `status` and `status_msg`.
async fn last(world: &World) -> (String, String) {
    let messages = world.messages("payload-status").await;
    let message = messages.last().unwrap();
    (message["status"].as_str().unwrap().into(), message["status_msg"].as_str().unwrap().into())
}

/// `kind: text` of the newest failure of a table, and the same of the newest rejected record.
async fn failures(world: &World, table: &str) -> [String; 2] {
    let failure = format!("SELECT error_kind || ': ' || error FROM {table} ORDER BY id DESC LIMIT 1");
    let rejection = "SELECT kind || ': ' || reason FROM rejected_records ORDER BY id DESC LIMIT 1";
    [world.value(&failure).await, world.value(rejection).await]
}

#[tokio::test]
async fn a_refresh_is_told_alike_to_the_task_to_the_platform_and_on_record() {
    let api = HttpServer::start(|_| Reply::status(StatusCode::NO_CONTENT)).await.unwrap();
    let world = World::start().await;
    world
        .execute(
            "INSERT INTO tenants (id, external_tenant) VALUES (7, '5318290');
                  INSERT INTO sources (id, tenant_id, uid, enabled) VALUES (9, 7, 'tower-1', true)",
        )
        .await;
    let message = |url: &str, task: &str| {
        let message = Announcement::persister(url, 7, 9).set("task_url", task).header("x-rh-identity", IDENTITY);
        message.header("x-rh-insights-request-id", "req-42")
    };
    let task_url = api.url("/t");
    let archive = world.serve(ArchiveBuilder::new().collection("inventories", [object::inventory(1)]).build());
    for expected in ["Success", "Success: the archive had been applied before"] {
        assert!(world.deliver(&[message(&archive, &task_url)]).await.is_empty());
        assert_eq!(task(&api)["message"], expected);
        assert_eq!(last(&world).await, ("success".into(), expected.into()));
    }
    assert_eq!(world.outcomes().await, "applied | full");

    for url in [world.server().url("/missing"), world.serve(b"no archive".to_vec())] {
        assert!(world.deliver(&[message(&url, &task_url)]).await.is_empty());
        let [failure, rejection] = failures(&world, "refreshes").await;
        assert_eq!((failure.as_str(), last(&world).await), (&*rejection, ("error".into(), rejection.clone())));
        let text = task(&api)["message"].as_str().unwrap().to_owned();
        assert_eq!(rejection.split_once(": ").unwrap().1, text);
    }
    // What was never understood has no task.
    let asked = api.requests().len();
    assert!(world.deliver(&[message(&archive, &task_url).set("tenant_id", "x")]).await.is_empty());
    let rejection = failures(&world, "refreshes").await[1].clone();
    assert_eq!(last(&world).await, ("error".into(), rejection));
    assert_eq!(api.requests().len(), asked);
}

#[tokio::test]
async fn an_import_is_told_alike_to_the_platform_and_on_record() {
    let world = World::with_owner().await;
    let succeeded = async |world: &World| {
        let entry = world.last_entry().await.split_once("0 | ").unwrap().1.to_owned();
        assert_eq!(last(world).await, ("success".into(), entry));
    };
    let announced = world.announce_manifest(&small());
    world.import_announced(announced.clone()).await;
    succeeded(&world).await;
    world.import_announced(announced).await;
    succeeded(&world).await;

    let foreign = world.announce_manifest(&small().uuid("another")).metadata("owner", "another");
    for refused in [world.announce_bytes(b"no manifest".to_vec()), foreign] {
        world.import_announced(refused).await;
        let [failure, rejection] = failures(&world, "imports").await;
        assert_eq!((failure.as_str(), last(&world).await), (&*rejection, ("error".into(), rejection.clone())));
    }
    world.import_announced(world.announce_manifest(&small()).set("url", ())).await;
    let rejection = failures(&world, "imports").await[1].clone();
    assert_eq!(last(&world).await, ("error".into(), rejection));
}

#[tokio::test]
async fn the_examples_of_the_documentation_are_what_is_told() {
    let world = World::with(&[("LONGSHORE_VALIDATION", "true")]).await;
    world.owner(ORG).await;
    let announced = |announced: Announcement, request: &str| {
        announced.set("account", "540155").set("b64_identity", IDENTITY).set("request_id", request)
    };
    world.import_announced(announced(world.announce_manifest(&small()), "req-1")).await;
    world.import_announced(announced(world.announce_bytes(b"no manifest".to_vec()), "req-2")).await;
    let statuses = world.messages("payload-status").await.into_iter();
    let statuses = statuses.filter(|status| status["request_id"] == "req-1" || status["status"] == "error");
    let mut told: Vec<Value> = statuses.chain(world.messages("validation").await).collect();

    let examples = DOCUMENT.split("```json").skip(1).map(|rest| rest.split_once("```").unwrap().0);
    let examples: Vec<Value> = examples.map(|example| serde_json::from_str(example).unwrap()).collect();
    for (told, example) in told.iter_mut().zip(&examples) {
        for ours in ["date", "url"] {
            if told.get(ours).is_some() {
                told[ours] = example[ours].clone();
            }
        }
    }
    assert_eq!(told, examples);
}
