//! Archives come from where the settings say, and from nowhere else: not by a redirect, not by a name that leads home.

use hyper::StatusCode;
use insta::assert_snapshot;
use longshore_devkit::http_server::{HttpServer, Reply};
use longshore_tests::{Announcement, ArchiveBuilder, World, object};

/// Both names of this machine.
const BOTH: (&str, &str) = ("LONGSHORE_ALLOWED_HOSTS", "127.0.0.1,localhost");

fn archive() -> Vec<u8> {
    ArchiveBuilder::new().collection("inventories", [object::inventory(1).set("name", "Production")]).build()
}

async fn upload() -> HttpServer {
    HttpServer::start(|_| Reply::ok(archive())).await.unwrap()
}

async fn redirecting_to(target: String) -> HttpServer {
    HttpServer::start(move |_| Reply::redirect(&target)).await.unwrap()
}

/// Announces that URL, which must be done with, and returns how.
async fn outcome(world: &World, url: &str) -> String {
    world.execute("TRUNCATE refreshes, rejected_records").await;
    assert!(world.deliver(&[Announcement::of(url)]).await.is_empty());
    world.value("SELECT coalesce((SELECT kind || ': ' || reason FROM rejected_records), 'applied')").await
}

#[tokio::test]
async fn a_redirect_to_an_allowed_host_is_followed() {
    let (world, upload) = (World::with(&[BOTH]).await, upload().await);
    let far = upload.url("/a?signature=1").replace("127.0.0.1", "localhost");
    assert_eq!(outcome(&world, &redirecting_to(far).await.url("/")).await, "applied");
}

#[tokio::test]
async fn a_redirect_may_be_relative() {
    let world = World::start().await;
    let server = HttpServer::start(|request| match request.path.as_str() {
        "/folder/first" => Reply::redirect("second"),
        "/folder/second" => Reply::ok(archive()),
        _ => Reply::status(StatusCode::NOT_FOUND),
    });
    assert_eq!(outcome(&world, &server.await.unwrap().url("/folder/first")).await, "applied");
}

#[tokio::test]
async fn a_redirect_to_anywhere_else_is_refused() {
    let (world, upload) = (World::start().await, upload().await);
    let mut outcomes = String::new();
    for target in [
        upload.url("/a?signature=secret").replace("127.0.0.1", "localhost"),
        "s3://uploads/a".to_owned(),
        "file:///etc/passwd".to_owned(),
        "http://user:password@127.0.0.1/".to_owned(),
    ] {
        let server = redirecting_to(target).await;
        outcomes += &outcome(&world, &server.url("/")).await;
        outcomes += "\n";
        assert_eq!(server.requests().len(), 1);
    }
    assert_snapshot!(outcomes, @r"
    NotAllowed: downloading from there is not allowed: host localhost is not on the allow-list
    NotAllowed: downloading from there is not allowed: bucket uploads is not on the allow-list
    NotAllowed: downloading from there is not allowed: scheme file
    NotAllowed: downloading from there is not allowed: a URL with credentials
    ");
    assert_eq!(upload.requests().len(), 0);
}

#[tokio::test]
async fn a_redirect_in_a_circle_ends() {
    let world = World::start().await;
    let server = redirecting_to("/again".to_owned()).await;
    assert_snapshot!(outcome(&world, &server.url("/")).await, @"NotAllowed: downloading from there is not allowed: more than 4 redirects");
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn what_is_not_listed_is_not_asked() {
    let (world, upload) = (World::start().await, upload().await);
    let mut outcomes = String::new();
    for url in [
        &upload.url("/a?signature=secret").replace("127.0.0.1", "localhost"),
        "https://uploads.example.com/a?signature=secret",
        "ftp://127.0.0.1/a",
        "file:///etc/passwd",
        "s3://uploads/a",
        "not a URL",
    ] {
        outcomes += &outcome(&world, url).await;
        outcomes += "\n";
    }
    assert_snapshot!(outcomes, @r"
    NotAllowed: downloading from there is not allowed: host localhost is not on the allow-list
    NotAllowed: downloading from there is not allowed: host uploads.example.com is not on the allow-list
    NotAllowed: downloading from there is not allowed: scheme ftp
    NotAllowed: downloading from there is not allowed: scheme file
    NotAllowed: downloading from there is not allowed: bucket uploads is not on the allow-list
    NotAllowed: downloading from there is not allowed: the URL is damaged (relative URL without a base)
    ");
    assert_eq!(upload.requests().len(), 0);
}

/// In production: an allow-list that somebody got wrong, or a name that resolves to something inside.
#[tokio::test]
async fn nothing_inside_is_reached_though_it_be_listed() {
    let inside = "127.0.0.1,localhost,10.1.2.3,192.168.0.9,169.254.169.254,[::1],[fd00::1],2130706433";
    let settings = [("LONGSHORE_LOCAL_DEVELOPMENT", "false"), ("LONGSHORE_ALLOWED_HOSTS", inside)];
    let (world, upload) = (World::with(&settings).await, upload().await);
    let port = upload.address().port();
    let mut outcomes = String::new();
    for url in [
        format!("https://127.0.0.1:{port}/a"),
        format!("https://[::1]:{port}/a"),
        format!("https://2130706433:{port}/a"),
        "https://10.1.2.3/a".to_owned(),
        "https://192.168.0.9/a".to_owned(),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://[fd00::1]/a".to_owned(),
        format!("https://localhost:{port}/a"),
        upload.url("/a"),
    ] {
        outcomes += &outcome(&world, &url).await;
        outcomes += "\n";
    }
    assert_snapshot!(outcomes, @r"
    NotAllowed: downloading from there is not allowed: 127.0.0.1 is not a public address
    NotAllowed: downloading from there is not allowed: [::1] is not a public address
    NotAllowed: downloading from there is not allowed: 127.0.0.1 is not a public address
    NotAllowed: downloading from there is not allowed: 10.1.2.3 is not a public address
    NotAllowed: downloading from there is not allowed: 192.168.0.9 is not a public address
    NotAllowed: downloading from there is not allowed: 169.254.169.254 is not a public address
    NotAllowed: downloading from there is not allowed: [fd00::1] is not a public address
    NotAllowed: downloading from there is not allowed: localhost has no public address
    NotAllowed: downloading from there is not allowed: scheme http
    ");
    assert_eq!(upload.requests().len(), 0);
}
