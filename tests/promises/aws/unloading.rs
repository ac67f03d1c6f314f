//! The good road: archives in S3, certificates in Secrets Manager, keys in either place that AWS has for them.

use longshore_tests::cloud::Cloud;
use longshore_tests::exports::{contents, export_event, export_record};
use longshore_tests::manifest::{Authority, Era, Manifest};
use longshore_tests::{Announcement, ArchiveBuilder, ORG, World, function, object};

/// The world's own keys and trusted certificates, which lie in files there.
async fn of_world(world: &World, name: &str) -> String {
    std::fs::read_to_string(world.files().join(name)).unwrap()
}

#[tokio::test]
async fn an_archive_in_s3_is_unloaded() {
    let (world, cloud) = (World::start().await, Cloud::start().await);
    let archive = ArchiveBuilder::new().collection("inventories", (1..200).map(object::inventory));
    let url = cloud.upload("tower/1.tar.gz", archive.build()).await;
    let mut process = cloud.function("tower-persister", &world, &[]).await;
    assert_eq!(function::call(&mut process, &world.event(&[Announcement::of(&url)])).await, Ok(vec![]));
    assert_eq!(world.outcomes().await, "applied | full");
    assert_eq!(world.objects().await, 199);
    cloud.nothing_is_told(&process, 1).await;
}

/// What was sealed opens with the keys as a file: it is the same key that KMS decrypted, or that the secret holds.
#[tokio::test]
async fn a_manifest_is_imported_with_its_certificates_and_its_keys_in_aws() {
    for in_kms in [true, false] {
        let (world, cloud) = (World::with_owner().await, Cloud::start().await);
        let trusted = cloud.secret("trusted", &of_world(&world, "trusted.pem").await).await;
        let keys = of_world(&world, "keys.json").await;
        let keys = match in_kms {
            true => cloud.encrypted(&cloud.kms_key().await, &keys).await,
            false => format!("secretsmanager:{}", cloud.secret("keys", &keys).await),
        };
        let further = [("LONGSHORE_TRUSTED_CERTIFICATES", trusted.as_str()), ("LONGSHORE_KEYS", &keys)];
        let mut process = cloud.function("manifest-importer", &world, &further).await;
        let manifest = Manifest::sample(Era::D).build(&Authority::new());
        let url = cloud.upload("manifest.zip", manifest).await;
        let event = world.event(&[Announcement::manifest(&url)]);
        assert_eq!(function::call(&mut process, &event).await, Ok(vec![]), "{:#?}", process.logs());
        assert_eq!(world.import_log().await, "imported");
        let key = world.open_key("cp_id_cert").await;
        assert!(key.contains("PRIVATE KEY"));
        cloud.keep(&key);
        cloud.nothing_is_told(&process, 1).await;
    }
}

#[tokio::test]
async fn a_manifest_is_exported_by_an_authority_in_a_secret() {
    let (world, cloud) = (World::with_owner().await, Cloud::start().await);
    let uuid = world.distributor_with_tools().await;
    let authority = cloud.secret("authority", &of_world(&world, "authority.pem").await).await;
    let further = [("LONGSHORE_AUTHORITY", &*format!("secretsmanager:{authority}"))];
    let mut process = cloud.function("manifest-exporter", &world, &further).await;
    let event = export_event(0, &[export_record(&uuid)]);
    assert_eq!(function::call(&mut process, &event).await, Ok(vec![]), "{:#?}", process.logs());
    let location: String = world.value("SELECT location FROM exports WHERE outcome = 'exported'").await;
    assert!(location.starts_with(&format!("s3://{}/manifests/{uuid}/", cloud.bucket("exports"))), "{location}");
    assert!(contents(cloud.object(&location).await).contains_key("consumer.json"));
    assert_eq!(world.value::<String>("SELECT account FROM cp_owner").await, ORG);
    cloud.nothing_is_told(&process, 1).await;
}
