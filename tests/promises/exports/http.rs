//! Exports over HTTP: who may, where the archive is, and what a client is told.

use hyper::Method;
use insta::assert_snapshot;
use longshore_devkit::http_client;
use longshore_tests::api::{Request, role_arn};
use longshore_tests::exports::{BUCKET, DOWNSTREAM, Exporting, contents, export_request, json_file};
use longshore_tests::{ORG, small};
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn world() -> (Exporting, String) {
    let world = Exporting::start().await;
    world.import(&small().cdn("main", "Main", "https://cdn.example")).await;
    let uuid = world.distributor_with(ORG, "first", 3).await;
    world.forget_events().await;
    (world, uuid)
}

/// A request of the owner's organisation, for anything.
fn of_org(consumer: &str, query: &str) -> Request {
    export_request(consumer, query).org(ORG).header("accept", "*/*").header("x-request-id", "req-h")
}

/// What is behind a link, which must be all that a client needs.
async fn download(link: &str) -> Vec<u8> {
    let found = http_client::send(Method::GET, link, &[], Default::default()).await.unwrap();
    assert_eq!(found.status, 200);
    found.body.to_vec()
}

/// The URL of a `Link` header with `rel="signature"`.
fn signature_link(header: &str) -> &str {
    header.strip_prefix('<').and_then(|rest| rest.strip_suffix(">; rel=\"signature\"")).unwrap()
}

#[tokio::test]
async fn a_client_is_led_to_the_archive() {
    let (world, uuid) = world().await;
    let query = "cdn_label=main&webapp_prefix=web.example/c&api_url=https%3A%2F%2Fapi.example%2Fc%2F";
    let answer = world.ask_http(&of_org(&uuid, query)).await;
    assert_eq!((answer.status, answer.header("cache-control"), answer.header("link")), (303, "no-store", ""));
    let files = contents(download(answer.header("location")).await);
    assert_eq!(json_file(&files, "meta.json")["cdnLabel"], "main");
    assert_eq!(json_file(&files, "meta.json")["principalName"], ORG);
    assert_eq!(json_file(&files, "consumer.json")["urlApi"], "https://api.example/c/");
    assert_snapshot!(world.export_log().await, @"exported | zip | 1 entitlements | 5318290 | req-h");
    assert_eq!(world.events().await, "EXPORT CREATED first");
}

#[tokio::test]
async fn a_tar_comes_with_a_link_to_its_signature() {
    let (world, uuid) = world().await;
    for accept in ["*/*", "application/gzip"] {
        let answer = world.ask_http(&of_org(&uuid, "format=tar").header("accept", accept)).await;
        let archive = if accept == "*/*" { download(answer.header("location")).await } else { answer.body.clone() };
        let signature = download(signature_link(answer.header("link"))).await;
        world.pass(60_000);
        world.import_downstream(archive, &signature).await;
    }
    assert_eq!(world.s3().list(BUCKET, "").unwrap().len(), 3);
}

#[tokio::test]
async fn a_small_archive_is_answered_to_who_names_its_type() {
    let (world, uuid) = world().await;
    let answer = world.ask_http(&of_org(&uuid, "").header("accept", "application/zip, */*;q=0.1")).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/zip"));
    assert_eq!(answer.header("content-disposition"), format!("attachment; filename=\"{uuid}-export.zip\""));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(contents(answer.body.clone()).contains_key("consumer.json"));
    assert_eq!(world.s3().list(BUCKET, "").unwrap(), Vec::<String>::new());
    // The type of the other container leads to a link as any other does.
    assert_eq!(world.ask_http(&of_org(&uuid, "").header("accept", "application/gzip")).await.status, 303);
}

/// Entitles a distributor to a product that has got more content sets since than a certificate has room for.
async fn entitle_to_too_much(world: &Exporting, uuid: &str) {
    let content = |number: usize| -> Vec<Value> {
        (1..=number).map(|id| json!({"id": id.to_string(), "type": "yum", "label": "l", "name": "n"})).collect()
    };
    let product = |number| json!({"command": "create-product", "owner": ORG, "product": "BIG", "name": "Big", "content": content(number)});
    world.setup(product(185)).await;
    world.setup(json!({"command": "create-pool", "owner": ORG, "product": "BIG", "quantity": 1, "id": "big"})).await;
    world.entitle(uuid, "big", 1).await;
    world.setup(product(186)).await;
}

#[tokio::test]
async fn what_no_certificate_has_room_for_is_told_and_nothing_is_stored() {
    let (world, uuid) = world().await;
    entitle_to_too_much(&world, &uuid).await;
    let answer = world.ask_http(&of_org(&uuid, "")).await;
    assert_eq!(answer.status, 409);
    assert_snapshot!(answer.json()["displayMessage"].as_str().unwrap(), @"product BIG brings 186 content sets with it, and an entitlement certificate has room for 185");
    assert_eq!(world.s3().list(BUCKET, "").unwrap(), Vec::<String>::new());
}

/// Each kind of caller, and how a request is made his.
type Caller = (&'static str, fn(Request) -> Request);
const CALLERS: [Caller; 14] = [
    ("nobody", |request| request),
    ("forged identity", |request| request.identity(ORG)),
    ("a role without grants", |request| request.role("nothing")),
    ("a role that may read", |request| request.role("reader")),
    ("a role that may read keys", |request| request.role("key-reader")),
    ("a role that may undo", |request| request.role("undoer")),
    ("a role that may export", |request| request.role("exporter")),
    ("a role that may do all", |request| request.role("admin")),
    ("another organisation", |request| request.org(DOWNSTREAM)),
    ("another with a forged identity", |request| request.org(DOWNSTREAM).identity(ORG)),
    ("another that may export", |request| request.org("6000002")),
    ("its organisation without grants", |request| request.org("5318290")),
    ("its organisation by a role's name", |request| request.org(&role_arn("admin"))),
    ("a role by its organisation's name", |request| request.role(ORG)),
];

/// An archive holds private keys, so not even one's own owner may be exported without a grant.
#[tokio::test]
async fn each_caller_may_export_what_he_was_granted() {
    let (world, uuid) = world().await;
    world.execute("DELETE FROM grants WHERE org = '5318290'").await;
    for (role, permission) in [
        ("reader", "read"),
        ("key-reader", "read-keys"),
        ("undoer", "undo"),
        ("exporter", "export"),
        ("admin", "admin"),
    ] {
        world.grant(&role_arn(role), ORG, permission).await;
    }
    world.grant("6000002", ORG, "export").await;
    let mut table = Vec::new();
    for (name, caller) in CALLERS {
        let mut told = Vec::new();
        for consumer in [uuid.as_str(), "no-such-consumer"] {
            told.push(world.ask_http(&caller(export_request(consumer, ""))).await);
        }
        // Who may not export it does not learn whether it is there.
        if told[0].status == 403 {
            assert_eq!(told[0].json()["displayMessage"], told[1].json()["displayMessage"]);
        }
        table.push(format!("{name:<34} {} {}", told[0].status, told[1].status));
    }
    assert_snapshot!(table.join("\n"), @"
    nobody                             401 401
    forged identity                    401 401
    a role without grants              403 403
    a role that may read               403 403
    a role that may read keys          403 403
    a role that may undo               403 403
    a role that may export             303 403
    a role that may do all             303 403
    another organisation               403 403
    another with a forged identity     403 403
    another that may export            303 403
    its organisation without grants    403 403
    its organisation by a role's name  401 401
    a role by its organisation's name  403 403
    ");
}

#[tokio::test]
async fn the_document_says_what_the_route_answers() {
    let (world, uuid) = world().await;
    let document: Value = serde_json::from_str(longshore::api::openapi_document()).unwrap();
    let item = &document["paths"]["/candlepin/consumers/{uuid}/export"];
    let broken = world.also_with(&[("LONGSHORE_AUTHORITY", "")]).await;
    let large = world.distributor("large").await;
    entitle_to_too_much(&world, &large).await;
    for method in ["GET", "HEAD"] {
        let responses = item[method.to_lowercase()]["responses"].as_object().unwrap();
        let documented: BTreeSet<u16> = responses.keys().map(|status| status.parse().unwrap()).collect();
        let of = |uuid: &str, query: &str| Request::new(method, &format!("/candlepin/consumers/{uuid}/export?{query}"));
        let request = |query: &str| of(&uuid, query);
        let zip = request("").org(ORG).header("accept", "application/zip");
        let mut seen: BTreeSet<u16> = BTreeSet::from([500]);
        for request in [
            request("").org(ORG),
            request("format=x").org(ORG),
            request(""),
            request("").role("x"),
            of(&large, "").org(ORG),
            zip.clone(),
            zip.header("if-none-match", "*"),
        ] {
            seen.insert(world.ask_http(&request).await.status);
        }
        seen.insert(broken.ask_http(&request("").org(ORG)).await.status);
        assert_eq!(seen, documented, "{method}");
    }
    let refused = world.ask_http(&Request::delete(&format!("/candlepin/consumers/{uuid}/export")).org(ORG)).await;
    assert_eq!((refused.status, refused.header("allow")), (405, "GET,HEAD"));
}

#[tokio::test]
async fn what_cannot_be_exported_is_told() {
    let (world, uuid) = world().await;
    let plain = "UPDATE cp_consumer SET type_id = (SELECT id FROM cp_consumer_type WHERE label = 'system') WHERE name = 'other'";
    let other = world.distributor("other").await;
    world.execute(plain).await;
    let long = format!("api_url={}", "x".repeat(256));
    let mut told = Vec::new();
    for (consumer, query) in [
        (&uuid, "cdn_label=nowhere"),
        (&other, ""),
        (&uuid, "format=rar"),
        (&uuid, long.as_str()),
        (&uuid, "format=zip&format=tar"),
        (&uuid, "cdn_label=%00"),
    ] {
        let answer = world.ask_http(&of_org(consumer, query)).await;
        told.push(answer.error().replace(consumer.as_str(), "{uuid}"));
    }
    assert_snapshot!(told.join("\n"), @"
    403 the content delivery network nowhere is unknown
    403 consumer {uuid} is of the type system, which is no type of consumers that get manifests
    400 format is zip or tar
    400 api_url is over 255 characters, or has U+0000
    400 bad request
    400 cdn_label is over 255 characters, or has U+0000
    ");
    assert_eq!(world.s3().list(BUCKET, "").unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn what_fails_here_is_not_told_and_may_be_tried_again() {
    let (world, uuid) = world().await;
    let broken = world.also_with(&[("LONGSHORE_AUTHORITY", "")]).await;
    let answer = broken.ask_http(&of_org(&uuid, "")).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
    assert!(!answer.error().contains("LONGSHORE"), "{}", answer.error());
}
