//! `s3://` archives, presigned URLs, and rejected records in a bucket, with the credentials of the environment.

use longshore_devkit::http_server::{HttpServer, Reply};
use longshore_devkit::runtime_api::Function;
use longshore_devkit::s3::{Credentials, S3Server};
use longshore_tests::{Announcement, ArchiveBuilder, World, function, object};
use serde_json::{Value, json};
use std::time::Duration;
use tempfile::TempDir;

const IDENTITY: &str = "eyJpZGVudGl0eSI6eyJvcmdfaWQiOiI1MzE4MjkwIn19"; // {"identity":{"org_id":"5318290"}}

/// A world with a bucket of uploads and one of rejections, and a function that may use them.
struct Bucket {
    world: World,
    s3: S3Server,
    process: Function,
    _folder: TempDir,
}

async fn process(world: &World, endpoint: &str, credentials: &Credentials) -> Function {
    let further = [
        ("AWS_ENDPOINT_URL_S3", endpoint),
        ("AWS_ACCESS_KEY_ID", &credentials.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key),
        ("LONGSHORE_ALLOWED_BUCKETS", "uploads"),
        ("LONGSHORE_REJECTION_TARGET", "s3://rejections/tower"),
        ("LONGSHORE_DOWNLOAD_ATTEMPTS", "2"),
    ];
    function::start("tower-persister", &world.variables(), &further).await
}

impl Bucket {
    async fn start() -> Self {
        let (world, folder) = (World::start().await, TempDir::new().unwrap());
        let s3 = S3Server::start(folder.path(), Credentials::random()).await.unwrap();
        s3.create_bucket("uploads").unwrap();
        s3.create_bucket("rejections").unwrap();
        s3.create_bucket("others").unwrap();
        for bucket in ["uploads", "others"] {
            s3.put(bucket, "a day/tower 1.tar.gz", archive()).await.unwrap();
        }
        let process = process(&world, s3.endpoint(), s3.credentials()).await;
        Self { world, s3, process, _folder: folder }
    }

    /// Announces that URL; it must be done with.
    async fn deliver(&mut self, url: &str) {
        let announced = Announcement::of(url).set("b64_identity", IDENTITY).header("x-rh-identity", IDENTITY);
        let event = self.world.event(&[announced]);
        assert_eq!(function::call(&mut self.process, &event).await, Ok(vec![]));
    }
}

fn archive() -> Vec<u8> {
    let inventories = (1..200).map(object::inventory);
    ArchiveBuilder::new().collection("inventories", inventories).build()
}

#[tokio::test]
async fn an_object_is_unloaded() {
    let mut bucket = Bucket::start().await;
    bucket.deliver("s3://uploads/a day/tower 1.tar.gz").await;
    assert_eq!(bucket.world.outcomes().await, "applied | full");
    assert_eq!(bucket.world.objects().await, 199);
}

#[tokio::test]
async fn a_presigned_url_is_unloaded_and_never_logged() {
    let mut bucket = Bucket::start().await;
    let url = bucket.s3.presigned_get("uploads", "a day/tower 1.tar.gz", Duration::from_secs(60)).unwrap();
    bucket.deliver(&url).await;
    assert_eq!(bucket.world.outcomes().await, "applied | full");
    let logs = bucket.process.logs().join("\n");
    assert!(!logs.contains("X-Amz-Signature"), "{logs}");
}

#[tokio::test]
async fn a_missing_object_and_one_of_another_bucket_are_refused_for_good() {
    let mut bucket = Bucket::start().await;
    bucket.deliver("s3://uploads/missing.tar.gz").await;
    bucket.deliver("s3://others/a day/tower 1.tar.gz").await;
    insta::assert_snapshot!(bucket.world.outcomes().await, @r"
    failed | Download | the server answered 404
    failed | NotAllowed | downloading from there is not allowed: bucket others is not on the allow-list
    rejected | Download | the server answered 404
    rejected | NotAllowed | downloading from there is not allowed: bucket others is not on the allow-list
    ");
}

/// Whoever mends what was wrong needs the record; nobody else gets to see it.
#[tokio::test]
async fn a_rejected_record_is_kept_in_the_bucket_and_nowhere_else() {
    let mut bucket = Bucket::start().await;
    bucket.deliver("s3://uploads/missing.tar.gz").await;
    let key = "tower/platform.upload.catalog/0000000000/00000000000000000000-1767225600000.json";
    assert_eq!(bucket.s3.list("rejections", "").unwrap(), [key]);
    let kept: Value = serde_json::from_slice(&bucket.s3.get("rejections", key).await.unwrap()).unwrap();
    assert_eq!(
        (&kept["topic"], &kept["partition"], &kept["offset"], &kept["timestamp"]),
        (&json!("platform.upload.catalog"), &json!(0), &json!(0), &json!(1_767_225_600_000_i64))
    );
    assert_eq!((&kept["kind"], &kept["requestId"]), (&json!("Download"), &json!("req-1")));
    // Base64 in base64, as the header's bytes are: what Kafka had comes back byte for byte.
    assert_eq!(
        kept["headers"],
        json!([{"x-rh-identity": "ZXlKcFpHVnVkR2wwZVNJNmV5SnZjbWRmYVdRaU9pSTFNekU0TWprd0luMTk="}])
    );
    let event: Value = serde_json::from_str(
        &bucket.world.event(&[Announcement::of("s3://uploads/missing.tar.gz").set("b64_identity", IDENTITY)]),
    )
    .unwrap();
    assert_eq!(kept["value"], event["records"]["platform.upload.catalog-0"][0]["value"]);

    let row: String = bucket.world.value("SELECT r::text FROM rejected_records r").await;
    assert!(
        row.contains(
            "s3://rejections/tower/platform.upload.catalog/0000000000/00000000000000000000-1767225600000.json"
        ),
        "{row}"
    );
    let seen = bucket.process.logs().join("\n") + &row;
    assert!(!seen.contains(IDENTITY) && !seen.contains("5318290"), "{seen}");
}

/// The row says what happened; the record is still in Kafka. One of both is enough to go on.
#[tokio::test]
async fn a_rejection_target_that_is_gone_does_not_hold_up_the_partition() {
    let mut bucket = Bucket::start().await;
    let gone = HttpServer::start(|_| Reply::status(hyper::StatusCode::FORBIDDEN)).await.unwrap();
    bucket.process = process(&bucket.world, &gone.url(""), bucket.s3.credentials()).await;
    bucket.deliver("s3://others/a").await;
    assert_eq!(bucket.world.value::<i64>("SELECT count(*) FROM rejected_records WHERE kept_at IS NULL").await, 1);
    function::logged(&bucket.process, "the rejected record did not reach its target").await;
}

#[tokio::test]
async fn a_broken_transfer_from_s3_goes_on_where_it_broke() {
    let world = World::start().await;
    let server = HttpServer::start(|request| {
        let reply = Reply::file(&request, archive()).header("etag", r#""v1""#);
        if request.range_start().is_none() { reply.cut_after(500) } else { reply }
    });
    let server = server.await.unwrap();
    let mut process = process(&world, &server.url(""), &Credentials::random()).await;
    let event = world.event(&[Announcement::of("s3://uploads/a.tar.gz")]);
    assert_eq!(function::call(&mut process, &event).await, Ok(vec![]), "{:#?}", process.logs());
    let asked = server.requests();
    assert_eq!(asked.len(), 2);
    assert!(asked[1].path.starts_with("/uploads/a.tar.gz"), "{}", asked[1].path);
    assert_eq!(asked[1].header("range"), Some("bytes=500-"));
    assert_eq!(asked[1].header("if-match"), Some(r#""v1""#));
    assert_eq!(world.objects().await, 199);
}
