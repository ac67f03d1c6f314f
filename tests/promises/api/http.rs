//! The API as an HTTP server: methods, types, ETags, compression, request ids, failures.

use flate2::read::GzDecoder;
use insta::assert_snapshot;
use longshore_tests::api::{Answer, Api, Request};
use longshore_tests::{ORG, World, small};
use std::io::Read;

fn list() -> Request {
    Request::get(&format!("/candlepin/owners/{ORG}/upstream_consumers")).org(ORG)
}

async fn stage() -> (World, Api) {
    let world = World::with_owner().await;
    world.import(&small()).await;
    let api = Api::here(&world, &[]).await;
    (world, api)
}

#[tokio::test]
async fn what_is_not_there_or_not_possible_has_an_error_body() {
    let (_world, mut api) = stage().await;
    let imports = format!("/candlepin/owners/{ORG}/imports");
    let mut told = Vec::new();
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/candlepin/owners"),
        ("GET", "/candlepin/owners/a/b/imports"),
        ("GET", &format!("{imports}/")),
        ("POST", &imports),
        ("OPTIONS", &imports),
        ("TRACE", &imports),
        ("BREW", &imports),
        ("DELETE", "/candlepin/openapi.json"),
    ] {
        let answer = api.ask(&Request::new(method, path).org(ORG)).await;
        told.push(format!("{method} {path}: {} [{}]", answer.error(), answer.header("allow")));
    }
    let html = api.ask(&list().header("accept", "text/html")).await;
    told.push(format!("text/html: {}", html.error()));
    assert_snapshot!(told.join("\n"), @"
    GET /: 404 there is no such path []
    GET /candlepin/owners: 404 there is no such path []
    GET /candlepin/owners/a/b/imports: 404 there is no such path []
    GET /candlepin/owners/5318290/imports/: 404 there is no such path []
    POST /candlepin/owners/5318290/imports: 405 this path has another method; see the header Allow [GET,HEAD,DELETE]
    OPTIONS /candlepin/owners/5318290/imports: 405 this path has another method; see the header Allow [GET,HEAD,DELETE]
    TRACE /candlepin/owners/5318290/imports: 405 this path has another method; see the header Allow [GET,HEAD,DELETE]
    BREW /candlepin/owners/5318290/imports: 405 this path has another method; see the header Allow [GET,HEAD,DELETE]
    DELETE /candlepin/openapi.json: 405 this path has another method; see the header Allow [GET,HEAD]
    text/html: 406 the answer can be had as application/json
    ");
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let (_world, mut api) = stage().await;
    let get = api.ask(&list().header("x-request-id", "1")).await;
    let head = Request::new("HEAD", &format!("/candlepin/owners/{ORG}/upstream_consumers")).org(ORG);
    let head = api.ask(&head.header("x-request-id", "1")).await;
    assert_eq!((head.status, head.headers, head.body), (200, get.headers, vec![]));
}

#[tokio::test]
async fn a_client_that_has_the_answer_is_not_sent_it_again() {
    let (world, mut api) = stage().await;
    let first = api.ask(&list()).await;
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "a strong one: {tag}");
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".into()] {
        let again = api.ask(&list().header("if-none-match", &known)).await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{known}");
        assert_eq!((again.header("etag"), again.header("content-type")), (tag.as_str(), ""));
        assert_eq!(again.header("cache-control"), "private, no-cache");
    }
    for other in ["\"x\"", tag.trim_matches('"'), "W/"] {
        assert_eq!(api.ask(&list().header("if-none-match", other)).await.status, 200, "{other}");
    }
    world.execute("UPDATE cp_upstream_consumer SET name = 'renamed'").await;
    let changed = api.ask(&list().header("if-none-match", &tag)).await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), tag);
    // A tag tells nothing to somebody else.
    let other = Request::get(&format!("/candlepin/owners/{ORG}/imports")).org("6000001").header("if-none-match", "*");
    assert_eq!(api.ask(&other).await.status, 403);
}

fn expanded(answer: &Answer) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(&answer.body[..]).read_to_end(&mut bytes).unwrap();
    bytes
}

#[tokio::test]
async fn answers_are_compressed_for_who_takes_that_and_have_tags_of_their_own() {
    let (_world, mut api) = stage().await;
    let plain = api.ask(&list()).await;
    let packed = api.ask(&list().header("accept-encoding", "br;q=1, gzip;q=0.5")).await;
    assert_eq!((packed.status, packed.header("content-encoding")), (200, "gzip"));
    assert_eq!(expanded(&packed), plain.body);
    assert!(packed.body.len() < plain.body.len());
    let tag = packed.header("etag");
    assert_ne!(tag, plain.header("etag"), "other bytes, another tag");
    for encoding in ["gzip", "identity"] {
        let again = api.ask(&list().header("accept-encoding", encoding).header("if-none-match", tag)).await;
        assert_eq!((again.status, again.header("etag")), (304, tag));
    }
    assert!(plain.header("vary").contains("accept-encoding") && packed.header("vary").contains("accept-encoding"));
    let refused = api.ask(&list().header("accept-encoding", "gzip;q=0")).await;
    assert_eq!(refused.header("content-encoding"), "");
    let error = api.ask(&Request::get("/x").header("accept-encoding", "identity")).await;
    assert_snapshot!(error.error(), @"404 there is no such path");
}

#[tokio::test]
async fn a_request_keeps_its_id_if_that_is_sane() {
    let (_world, mut api) = stage().await;
    let long = "x".repeat(201);
    for (name, value, kept) in [
        ("x-request-id", "abc-1", "abc-1"),
        ("x-rh-insights-request-id", "abc.2", "abc.2"),
        ("x-request-id", "a b", "lambda-1"),
        ("x-request-id", "\"}\n", "lambda-1"),
        ("x-request-id", &long, "lambda-1"),
        ("x-other", "abc", "lambda-1"),
    ] {
        let answer = api.ask(&list().header(name, value)).await;
        assert_eq!(answer.header("x-request-id"), kept, "{value}");
    }
    let both = list().header("x-rh-insights-request-id", "second").header("x-request-id", "first");
    assert_eq!(api.ask(&both).await.header("x-request-id"), "first");
}

#[tokio::test]
async fn a_failure_here_is_logged_and_clients_are_told_nothing_of_it() {
    let world = World::with_owner().await;
    let mut api = Api::process(&world, &[("DATABASE_URL", "postgres://nobody@127.0.0.1:1/x?sslmode=disable")]).await;
    let answer = api.ask(&list().header("x-request-id", "r-5")).await;
    assert_snapshot!(answer.error(), @"503 something that is needed cannot be reached; try again");
    assert_ne!(answer.header("retry-after"), "");
    let Api::Process(function) = &api else { unreachable!("a process") };
    let line = longshore_tests::function::logged(function, "request failed").await;
    assert_eq!(
        (&line["error_kind"], &line["request_id"], &line["level"]),
        (&"Database".into(), &"r-5".into(), &"ERROR".into())
    );
    assert!(line["error"].as_str().unwrap().contains("cannot connect"), "{line}");
}
