//! `https://` means a certificate that is trusted, valid, and for that host.

use longshore_devkit::http_server::{HttpServer, Reply};
use longshore_tests::{Announcement, ArchiveBuilder, Authority, Certified, World, function, object};
use serde_json::Value;

const HOSTS: (&str, &str) = ("LONGSHORE_ALLOWED_HOSTS", "localhost");
const ONCE: (&str, &str) = ("LONGSHORE_DOWNLOAD_ATTEMPTS", "1");

async fn upload(identity: &Certified) -> HttpServer {
    let archive = ArchiveBuilder::new().collection("inventories", [object::inventory(1)]).build();
    let answer = move |_| Reply::ok(archive.clone());
    HttpServer::start_tls(&identity.certificate, &identity.key, answer).await.unwrap()
}

/// Has a process download from the server by its name `localhost`. The environment decides whom it trusts, and it is
/// read by the whole process, so each has one of its own. Returns what it logged in the end.
async fn download(world: &World, server: &HttpServer, trusted: &[(&str, &str)]) -> Value {
    let mut process = function::start("tower-persister", &world.variables(), trusted).await;
    let url = server.url("/archive.tar.gz?X-Amz-Signature=secret").replace("127.0.0.1", "localhost");
    let failed = function::call(&mut process, &world.event(&[Announcement::of(&url)])).await.unwrap();
    let message = if failed.is_empty() { "refresh applied" } else { "record left to redelivery" };
    let line = function::logged(&process, message).await;
    assert!(!process.logs().iter().any(|line| line.contains("secret")), "{:#?}", process.logs());
    line
}

#[tokio::test]
async fn a_trusted_server_is_read_from() {
    let (world, authority) = (World::with(&[HOSTS, ONCE]).await, Authority::new());
    let server = upload(&authority.certify("localhost")).await;
    let file = authority.file();
    let line = download(&world, &server, &[("SSL_CERT_FILE", file.to_str().unwrap())]).await;
    assert_eq!(line["outcome"], "applied");
    assert_eq!(world.objects().await, 1);
}

/// Not for good: certificates are renewed and bundles are mended, and until then no record must be lost.
#[tokio::test]
async fn a_server_that_is_not_trusted_costs_a_redelivery() {
    let (world, authority) = (World::with(&[HOSTS, ONCE]).await, Authority::new());
    let file = authority.file();
    let trusting = [("SSL_CERT_FILE", file.to_str().unwrap())];
    for (server, trusted) in [
        (upload(&authority.certify("localhost")).await, [].as_slice()),
        (upload(&authority.certify("127.0.0.1")).await, &trusting),
        (upload(&authority.certify_long_ago("localhost")).await, &trusting),
        (upload(&Authority::new().certify("localhost")).await, &trusting),
    ] {
        let line = download(&world, &server, trusted).await;
        assert_eq!(line["error_kind"], "Download");
        assert!(line["error"].as_str().unwrap().contains("certificate"), "{line}");
        assert_eq!(server.requests().len(), 0);
    }
    assert_eq!(world.objects().await, 0);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM rejected_records").await, 0);
}
