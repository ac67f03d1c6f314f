//! Archives over HTTP: what breaks is tried again from where it broke, what is refused is refused at once.

use hyper::StatusCode;
use insta::assert_snapshot;
use longshore_devkit::http_server::{HttpServer, Reply, Request};
use longshore_tests::{Announcement, ArchiveBuilder, World, object};
use std::sync::atomic::{AtomicUsize, Ordering};

/// An archive of some kilobytes that no other one begins like.
fn archive(name: &str) -> Vec<u8> {
    let inventories = (1..200).map(|id| object::inventory(id).set("name", name));
    ArchiveBuilder::new().collection("inventories", inventories).build()
}

/// A server whose nth answer (from 0) the closure makes.
async fn uploads(answer: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> HttpServer {
    let next = AtomicUsize::new(0);
    HttpServer::start(move |request| answer(next.fetch_add(1, Ordering::Relaxed), &request)).await.unwrap()
}

/// What the server was asked, a line each: path, range, and the version it must be of.
fn asked(server: &HttpServer) -> String {
    let of = |request: &Request, name: &str| request.header(name).unwrap_or("-").to_owned();
    let line = |request: &Request| format!("{} {}", of(request, "range"), of(request, "if-match"));
    server.requests().iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Downloads what the server has and returns whether it is to come again.
async fn comes_again(world: &World, server: &HttpServer) -> bool {
    !world.deliver(&[Announcement::of(&server.url("/archive.tar.gz?signature=secret"))]).await.is_empty()
}

/// The names of the inventories that were stored.
async fn stored(world: &World) -> Option<String> {
    world.value("SELECT string_agg(DISTINCT name, ' ') || ' ' || count(*) FROM service_inventories").await
}

#[tokio::test]
async fn a_server_error_is_tried_again() {
    let world = World::start().await;
    let bytes = archive("one");
    let server = uploads(move |n, request| match n {
        0 => Reply::status(StatusCode::SERVICE_UNAVAILABLE),
        1 => Reply::status(StatusCode::INTERNAL_SERVER_ERROR),
        2 => Reply::close(),
        _ => Reply::file(request, bytes.clone()),
    });
    let server = server.await;
    assert!(!comes_again(&world, &server).await);
    assert_eq!(server.requests().len(), 4);
    assert_eq!(stored(&world).await.as_deref(), Some("one 199"));
}

#[tokio::test]
async fn a_server_that_stays_broken_costs_a_redelivery_and_no_rejection() {
    let world = World::with(&[("LONGSHORE_DOWNLOAD_ATTEMPTS", "2")]).await;
    let server = uploads(|_, _| Reply::status(StatusCode::BAD_GATEWAY)).await;
    assert!(comes_again(&world, &server).await);
    assert_eq!(server.requests().len(), 2);
    assert_snapshot!(world.outcomes().await, @"failed | Download | the download failed: the server answered 502");
}

#[tokio::test]
async fn a_broken_transfer_goes_on_where_it_broke() {
    let world = World::start().await;
    let bytes = archive("one");
    let server = uploads(move |n, request| {
        let reply = Reply::file(request, bytes.clone()).header("etag", r#""v1""#);
        match n {
            0 => reply.cut_after(500),
            1 => reply.cut_after(200),
            _ => reply,
        }
    });
    let server = server.await;
    assert!(!comes_again(&world, &server).await);
    assert_snapshot!(asked(&server), @r#"
    - -
    bytes=500- "v1"
    bytes=700- "v1"
    "#);
    assert_eq!(stored(&world).await.as_deref(), Some("one 199"));
}

/// Without a strong tag nobody knows whether the rest would belong to what is here.
#[tokio::test]
async fn a_broken_transfer_without_a_strong_tag_starts_again() {
    for tag in [None, Some(r#"W/"v1""#)] {
        let world = World::start().await;
        let bytes = archive("one");
        let server = uploads(move |n, request| {
            let reply = Reply::file(request, bytes.clone());
            let reply = tag.into_iter().fold(reply, |reply, tag| reply.header("etag", tag));
            if n == 0 { reply.cut_after(500) } else { reply }
        });
        let server = server.await;
        assert!(!comes_again(&world, &server).await);
        assert_eq!(asked(&server), "- -\n- -");
        assert_eq!(stored(&world).await.as_deref(), Some("one 199"));
    }
}

/// What a server does when it is asked for the rest of something that it no longer has.
#[tokio::test]
async fn an_archive_that_changed_meanwhile_is_never_mixed_with_its_former_self() {
    let says_so = |_: &Request, _: &[u8]| Reply::status(StatusCode::PRECONDITION_FAILED);
    let sends_all = |_: &Request, new: &[u8]| Reply::ok(new.to_vec()).header("etag", r#""v2""#);
    let ignores_it = |request: &Request, new: &[u8]| Reply::file(request, new.to_vec()).header("etag", r#""v2""#);
    let is_shorter = |_: &Request, _: &[u8]| Reply::status(StatusCode::RANGE_NOT_SATISFIABLE);
    let has_no_tag = |request: &Request, new: &[u8]| Reply::file(request, new.to_vec());
    type Second = fn(&Request, &[u8]) -> Reply;
    let ways: [(Second, usize); 5] = [(says_so, 3), (sends_all, 2), (ignores_it, 3), (is_shorter, 3), (has_no_tag, 3)];
    for (second, requests) in ways {
        let world = World::start().await;
        let (old, new) = (archive("old"), archive("new"));
        let server = uploads(move |n, request| match n {
            0 => Reply::file(request, old.clone()).header("etag", r#""v1""#).cut_after(500),
            1 => second(request, &new),
            _ => Reply::file(request, new.clone()).header("etag", r#""v2""#),
        });
        let server = server.await;
        assert!(!comes_again(&world, &server).await, "{}", world.outcomes().await);
        assert_eq!(asked(&server).lines().nth(1), Some(r#"bytes=500- "v1""#));
        assert_eq!(server.requests().len(), requests);
        assert_eq!(stored(&world).await.as_deref(), Some("new 199"));
    }
}

#[tokio::test]
async fn a_server_that_stops_sending_is_left_and_the_transfer_goes_on() {
    let world = World::with(&[("LONGSHORE_DOWNLOAD_TIMEOUT_MS", "2000")]).await;
    let bytes = archive("one");
    let server = uploads(move |n, request| {
        let reply = Reply::file(request, bytes.clone()).header("etag", r#""v1""#);
        if n == 0 { reply.stall_after(500) } else { reply }
    });
    let server = server.await;
    assert!(!comes_again(&world, &server).await);
    assert_snapshot!(asked(&server), @r#"
    - -
    bytes=500- "v1"
    "#);
    assert_eq!(stored(&world).await.as_deref(), Some("one 199"));
}

#[tokio::test]
async fn a_server_that_never_answers_costs_a_redelivery() {
    let world = World::with(&[("LONGSHORE_DOWNLOAD_TIMEOUT_MS", "500")]).await;
    let server = uploads(|_, _| Reply::hang()).await;
    assert!(comes_again(&world, &server).await);
    assert_snapshot!(world.outcomes().await, @"failed | Download | the download failed: not done after 0.5 s");
}

#[tokio::test]
async fn a_server_that_says_no_is_not_asked_again() {
    for status in [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND, StatusCode::GONE] {
        let world = World::start().await;
        let server = uploads(move |_, _| Reply::status(status)).await;
        assert!(!comes_again(&world, &server).await);
        assert_eq!(server.requests().len(), 1);
        let number = status.as_u16();
        assert_eq!(
            world.outcomes().await,
            format!(
                "failed | Download | the server answered {number}\nrejected | Download | the server answered {number}"
            )
        );
    }
}

#[tokio::test]
async fn the_size_limit_holds_however_the_size_is_told() {
    let limit = [("LONGSHORE_MAX_COMPRESSED_BYTES", "1000")];
    let bytes = archive("one");

    let world = World::with(&limit).await;
    let server = uploads(|_, _| Reply::ok("never asked")).await;
    let announced = Announcement::of(&server.url("/a")).set("size", 1001);
    assert!(world.deliver(&[announced]).await.is_empty());
    assert_eq!(server.requests().len(), 0);
    assert_snapshot!(world.outcomes().await, @r"
    failed | ArchiveTooLarge | the archive has 1001 bytes or more, over the limit of 1000
    rejected | ArchiveTooLarge | the archive has 1001 bytes or more, over the limit of 1000
    ");

    let world = World::with(&limit).await;
    let body = bytes.clone();
    let server = uploads(move |_, _| Reply::ok(body.clone())).await;
    assert!(!comes_again(&world, &server).await);
    assert_eq!(world.value::<String>("SELECT kind FROM rejected_records").await, "ArchiveTooLarge");

    // Nothing but the limit would ever end this one.
    let world = World::with(&limit).await;
    let server = uploads(move |_, _| Reply::ok(vec![7; 100_000]).without_length().stall_after(90_000)).await;
    assert!(!comes_again(&world, &server).await);
    assert_eq!(world.value::<String>("SELECT kind FROM rejected_records").await, "ArchiveTooLarge");
}
