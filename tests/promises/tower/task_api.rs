//! The task that waits for a refresh is told how it goes; a task API that is down neither loses nor repeats one.

use hyper::StatusCode;
use insta::assert_snapshot;
use longshore_devkit::http_server::{HttpServer, Reply, Request};
use longshore_tests::{Announcement, ArchiveBuilder, World, object};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const TASK: &str = "6b4a1f6e-9a2e-4d0c-8a53-0f2d5f1f6a11";
const IDENTITY: &str = "eyJpZGVudGl0eSI6eyJvcmdfaWQiOiI1MzE4MjkwIn19"; // {"identity":{"org_id":"5318290"}}

fn archive() -> ArchiveBuilder {
    ArchiveBuilder::new()
        .collection("credential_types", [object::credential_type(1)])
        .collection("inventories", [object::inventory(1), object::inventory(2)])
}

async fn task_api(answer: impl Fn(Request) -> Reply + Send + Sync + 'static) -> HttpServer {
    HttpServer::start(answer).await.unwrap()
}

fn no_content(_: Request) -> Reply {
    Reply::status(StatusCode::NO_CONTENT)
}

/// A persister message for `url`, of a source that is there, with both headers and the URL of a task.
async fn message(world: &World, url: &str, task_url: &str) -> Announcement {
    world
        .execute(
            "INSERT INTO tenants (id, external_tenant) VALUES (7, '5318290') ON CONFLICT DO NOTHING;
             INSERT INTO sources (id, tenant_id, uid, enabled) VALUES (9, 7, 'tower-1', true) ON CONFLICT DO NOTHING",
        )
        .await;
    Announcement::persister(url, 7, 9)
        .set("task_url", task_url)
        .header("x-rh-identity", IDENTITY)
        .header("x-rh-insights-request-id", "req-42")
}

/// What the API was told, a line each.
fn told(api: &HttpServer) -> String {
    let line = |request: &Request| format!("{} {}", request.method, String::from_utf8_lossy(&request.body));
    api.requests().iter().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_task_is_told_when_the_refresh_runs_and_when_it_is_done() {
    let (world, api) = (World::start().await, task_api(no_content).await);
    let url = world.serve(archive().build());
    let path = format!("/api/internal/v1.0/tasks/{TASK}");
    assert!(world.deliver(&[message(&world, &url, &api.url(&path)).await]).await.is_empty());
    assert_snapshot!(told(&api), @r#"
    PATCH {"message":"Reading the archive","state":"running","status":"ok"}
    PATCH {"message":"Success","output":{"stats":{"credential_types":{"adds":1,"deletes":0,"updates":0},"credentials":{"adds":0,"deletes":0,"updates":0},"inventories":{"adds":2,"deletes":0,"updates":0},"service_offering":{"adds":0,"deletes":0,"updates":0},"service_offering_nodes":{"adds":0,"deletes":0,"updates":0},"service_plans":{"adds":0,"deletes":0,"updates":0}}},"state":"completed","status":"ok"}
    "#);
    for request in api.requests() {
        assert_eq!(request.path, path);
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("x-rh-identity"), Some(IDENTITY));
        assert_eq!(request.header("x-rh-insights-request-id"), Some("req-42"));
    }
}

#[tokio::test]
async fn the_task_is_told_why_a_refresh_failed_for_good() {
    let (world, api) = (World::start().await, task_api(no_content).await);
    let missing = world.server().url("/missing.tar.gz");
    assert!(world.deliver(&[message(&world, &missing, &api.url("/t")).await]).await.is_empty());
    assert_snapshot!(told(&api), @r#"
    PATCH {"message":"Reading the archive","state":"running","status":"ok"}
    PATCH {"message":"the server answered 404","output":{"errors":["the server answered 404"]},"state":"completed","status":"error"}
    "#);
    assert_snapshot!(world.outcomes().await, @r"
    failed | Download | the server answered 404
    rejected | Download | the server answered 404
    ");
}

#[tokio::test]
async fn a_failure_that_may_pass_is_no_end_of_the_task() {
    let world = World::with(&[("LONGSHORE_DOWNLOAD_ATTEMPTS", "1")]).await;
    let api = task_api(no_content).await;
    let (up, bytes) = (Arc::new(AtomicBool::new(false)), archive().build());
    let is_up = up.clone();
    let uploads = HttpServer::start(move |_| match is_up.load(Ordering::Relaxed) {
        true => Reply::ok(bytes.clone()),
        false => Reply::status(StatusCode::SERVICE_UNAVAILABLE),
    });
    let uploads = uploads.await.unwrap();
    let message = message(&world, &uploads.url("/a"), &api.url("/t")).await;
    let event = world.event(&[message]);
    assert_eq!(world.invoke(&event).await.failed().len(), 1);
    assert_snapshot!(told(&api), @r#"PATCH {"message":"Reading the archive","state":"running","status":"ok"}"#);

    up.store(true, Ordering::Relaxed);
    assert!(world.invoke(&event).await.failed().is_empty());
    assert!(told(&api).lines().last().unwrap().contains(r#""state":"completed","status":"ok""#), "{}", told(&api));
}

#[tokio::test]
async fn a_redelivery_tells_the_task_again_that_it_is_done() {
    let (world, api) = (World::start().await, task_api(no_content).await);
    let url = world.serve(archive().build());
    let event = world.event(&[message(&world, &url, &api.url("/t")).await]);
    for _ in 0..2 {
        assert!(world.invoke(&event).await.failed().is_empty());
    }
    assert_snapshot!(told(&api), @r#"
    PATCH {"message":"Reading the archive","state":"running","status":"ok"}
    PATCH {"message":"Success","output":{"stats":{"credential_types":{"adds":1,"deletes":0,"updates":0},"credentials":{"adds":0,"deletes":0,"updates":0},"inventories":{"adds":2,"deletes":0,"updates":0},"service_offering":{"adds":0,"deletes":0,"updates":0},"service_offering_nodes":{"adds":0,"deletes":0,"updates":0},"service_plans":{"adds":0,"deletes":0,"updates":0}}},"state":"completed","status":"ok"}
    PATCH {"message":"Reading the archive","state":"running","status":"ok"}
    PATCH {"message":"Success: the archive had been applied before","output":{"stats":{"credential_types":{"adds":1,"deletes":0,"updates":0},"credentials":{"adds":0,"deletes":0,"updates":0},"inventories":{"adds":2,"deletes":0,"updates":0},"service_offering":{"adds":0,"deletes":0,"updates":0},"service_offering_nodes":{"adds":0,"deletes":0,"updates":0},"service_plans":{"adds":0,"deletes":0,"updates":0}}},"state":"completed","status":"ok"}
    "#);
}

/// Refreshes with a task at that URL; the refresh must have been applied all the same, once.
async fn applied_all_the_same(world: &World, task_url: &str) {
    let url = world.serve(archive().build());
    assert!(world.deliver(&[message(world, &url, task_url).await]).await.is_empty());
    assert_eq!(world.outcomes().await, "applied | full");
    assert_eq!(world.objects().await, 3);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM outbox WHERE family = 'event'").await, 1);
}

#[tokio::test]
async fn a_task_api_that_fails_changes_nothing_about_the_refresh() {
    let world = World::start().await;
    let api = task_api(|_| Reply::status(StatusCode::INTERNAL_SERVER_ERROR)).await;
    applied_all_the_same(&world, &api.url("/t")).await;
    assert_eq!(api.requests().len(), 2);
}

#[tokio::test]
async fn a_task_api_that_hangs_changes_nothing_about_the_refresh() {
    let world = World::with(&[("LONGSHORE_TASK_TIMEOUT_MS", "100")]).await;
    let api = task_api(|_| Reply::hang()).await;
    applied_all_the_same(&world, &api.url("/t")).await;
    assert_eq!(api.requests().len(), 2);
}

#[tokio::test]
async fn a_task_api_that_is_absent_changes_nothing_about_the_refresh() {
    let world = World::start().await;
    let gone = task_api(no_content).await.url("/t");
    applied_all_the_same(&world, &gone).await;
}

/// An identity goes along, so only hosts that are listed are told anything.
#[tokio::test]
async fn a_host_that_is_not_listed_is_told_nothing() {
    let (world, api) = (World::start().await, task_api(no_content).await);
    let elsewhere = api.url("/t").replace("127.0.0.1", "localhost");
    applied_all_the_same(&world, &elsewhere).await;
    assert_eq!(told(&api), "");
}

#[tokio::test]
async fn a_redirect_does_not_carry_the_identity_elsewhere() {
    let (world, elsewhere) = (World::start().await, task_api(no_content).await);
    let target = elsewhere.url("/t");
    let api = task_api(move |_| Reply::redirect(&target)).await;
    applied_all_the_same(&world, &api.url("/t")).await;
    assert_eq!(told(&elsewhere), "");
}

#[tokio::test]
async fn the_task_of_an_upload_is_the_one_that_its_category_names() {
    let api = task_api(no_content).await;
    let base = api.url("/api/internal/v1.0/");
    let world = World::with(&[("LONGSHORE_TASK_API_URL", &base)]).await;
    world.apply(&ArchiveBuilder::new()).await; // creates tenant and source
    world
        .execute(&format!("INSERT INTO tasks (id, tenant_id, source_id) SELECT '{TASK}', tenant_id, id FROM sources"))
        .await;
    let announced = world.announce(&archive()).set("category", TASK).set("b64_identity", IDENTITY).without("metadata");
    assert!(world.deliver(&[announced]).await.is_empty());
    assert_eq!(world.objects().await, 3);
    let paths: Vec<String> = api.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, [format!("/api/internal/v1.0/tasks/{TASK}"), format!("/api/internal/v1.0/tasks/{TASK}")]);
    assert!(api.requests().iter().all(|request| request.header("x-rh-identity") == Some(IDENTITY)));
}
