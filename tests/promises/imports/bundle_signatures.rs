//! A data bundle and its signature are two objects in S3, and the second one may come later.

use insta::assert_snapshot;
use longshore::clock::Clock;
use longshore_devkit::runtime_api::Function;
use longshore_devkit::s3::{Credentials, S3Server};
use longshore_tests::manifest::{Authority, Spelling};
use longshore_tests::{Announcement, World, function, small};
use tempfile::TempDir;

const BUNDLE: &str = "bundle.tar.gz";
const SIGNATURE: &str = "bundle.tar.gz.sig";

/// A world with a bucket that holds a bundle, and no signature of it.
struct Bucket {
    world: World,
    s3: S3Server,
    process: Function,
    signature: Vec<u8>,
    _folder: TempDir,
}

impl Bucket {
    async fn start() -> Self {
        let (world, folder) = (World::with_owner().await, TempDir::new().unwrap());
        let s3 = S3Server::start(folder.path(), Credentials::random()).await.unwrap();
        s3.create_bucket("uploads").unwrap();
        let (bundle, signature) = small().signed_bundle(Spelling::Plain, &Authority::new());
        s3.put("uploads", BUNDLE, bundle).await.unwrap();
        let keys = s3.credentials();
        let further = [
            ("AWS_ENDPOINT_URL_S3", s3.endpoint()),
            ("AWS_ACCESS_KEY_ID", &keys.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", &keys.secret_access_key),
            ("LONGSHORE_ALLOWED_BUCKETS", "uploads"),
        ];
        let process = function::start("manifest-importer", &world.variables(), &further).await;
        Self { world, s3, process, signature, _folder: folder }
    }

    /// An event of a record that is that many minutes old.
    fn event(&self, minutes: i64) -> String {
        let now = Clock::system().now().unix_timestamp();
        let announced = Announcement::manifest(&format!("s3://uploads/{BUNDLE}"));
        self.world.event(&[announced.recorded_at((now - minutes * 60) * 1_000)])
    }

    /// How many records are to come again.
    async fn deliver(&mut self, event: &str) -> usize {
        function::call(&mut self.process, event).await.unwrap().len()
    }
}

#[tokio::test]
async fn a_signature_that_comes_a_little_later_is_waited_for() {
    let mut bucket = Bucket::start().await;
    let event = bucket.event(1);
    assert_eq!(bucket.deliver(&event).await, 1);
    assert_eq!(bucket.world.history().await, "", "it will be tried again");
    assert_snapshot!(bucket.world.import_log().await, @"failed | Signature | the data bundle's signature is not at its url with .sig appended; until five minutes after the record's time it may still come");
    bucket.s3.put("uploads", SIGNATURE, bucket.signature.clone()).await.unwrap();
    assert_eq!(bucket.deliver(&event).await, 0);
    assert_snapshot!(bucket.world.history().await, @"0 | 5318290: manifest imported");
}

#[tokio::test]
async fn a_signature_that_does_not_come_is_not_waited_for_any_longer() {
    let mut bucket = Bucket::start().await;
    // As if the record's producer had a clock of another year, too.
    for minutes in [6, -6] {
        let event = bucket.event(minutes);
        assert_eq!(bucket.deliver(&event).await, 0);
        assert_eq!(bucket.world.last_entry().await, "1 | the signature is missing or empty");
    }
}
