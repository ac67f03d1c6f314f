//! IAM denies a call: what can be mended comes again, what cannot is rejected and kept.

use insta::assert_snapshot;
use longshore_tests::cloud::Cloud;
use longshore_tests::exports::{export_event, export_record};
use longshore_tests::manifest::{Authority, Era, Manifest};
use longshore_tests::{Announcement, ArchiveBuilder, World, function, object};
use serde_json::{Value, json};
use uuid::Uuid;

async fn start() -> (World, Cloud) {
    (World::with_owner().await, Cloud::start().await)
}

async fn archive(cloud: &Cloud) -> String {
    let archive = ArchiveBuilder::new().collection("inventories", [object::inventory(1)]);
    cloud.upload("tower.tar.gz", archive.build()).await
}

/// As S3 answers it for an object that is not there, to whom may not list the bucket: it never will be.
#[tokio::test]
async fn an_archive_that_may_not_be_read_is_rejected_for_good_and_kept() {
    let (world, cloud) = start().await;
    let mut process = cloud.function("tower-persister", &world, &[]).await;
    let event = world.event(&[Announcement::of(&archive(&cloud).await)]);
    cloud.deny("s3:GetObject").await;
    assert_eq!(function::call(&mut process, &event).await, Ok(vec![]), "{:#?}", process.logs());
    assert_snapshot!(world.outcomes().await, @"
    failed | Download | the server answered 403
    rejected | Download | the server answered 403
    ");
    let place: String = world.value("SELECT kept_at FROM rejected_records").await;
    let kept: Value = serde_json::from_slice(&cloud.object(&place).await).unwrap();
    let sent: Value = serde_json::from_str(&event).unwrap();
    assert_eq!(kept["value"], sent["records"]["platform.upload.catalog-0"][0]["value"]);
    cloud.nothing_is_told(&process, 1).await;
}

/// IAM would let it pass: it is ours not to ask.
#[tokio::test]
async fn a_bucket_that_is_not_on_the_list_is_not_asked() {
    let (world, cloud) = start().await;
    let url = archive(&cloud).await;
    let mut process = cloud.function("tower-persister", &world, &[("LONGSHORE_ALLOWED_BUCKETS", "another")]).await;
    assert_eq!(function::call(&mut process, &world.event(&[Announcement::of(&url)])).await, Ok(vec![]));
    assert_eq!(world.value::<String>("SELECT kind FROM rejected_records").await, "NotAllowed");
    assert_eq!(cloud.asked(&format!("GET {}", url.replace("s3:/", ""))), 0);
}

#[tokio::test]
async fn a_rejection_target_that_may_not_be_written_leaves_the_row_and_the_record_is_done() {
    let (world, cloud) = start().await;
    let mut process = cloud.function("tower-persister", &world, &[]).await;
    cloud.deny("s3:PutObject").await;
    let event = world.event(&[Announcement::of("s3://others/a.tar.gz")]);
    assert_eq!(function::call(&mut process, &event).await, Ok(vec![]));
    let row = "SELECT concat_ws(' | ', kind, kept_at) FROM rejected_records";
    assert_eq!(world.value::<String>(row).await, "NotAllowed");
    function::logged(&process, "the rejected record did not reach its target").await;
}

#[tokio::test]
async fn a_database_secret_that_may_not_be_read_is_an_operator_s_to_mend() {
    let (world, cloud) = start().await;
    let role = format!("role_{}", Uuid::new_v4().simple());
    let password = role.replace("role_", "pass-");
    world.execute(&format!("CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{password}'")).await;
    let secret = cloud.secret("database", &json!({"username": role, "password": password}).to_string()).await;
    let (_, place) = world.database_url().split_once('@').unwrap();
    let further = [("DATABASE_URL", &*format!("postgres://{place}")), ("DATABASE_SECRET_ARN", &secret)];
    let mut process = cloud.function("tower-persister", &world, &further).await;
    let event = world.event(&[Announcement::of(&archive(&cloud).await)]);
    cloud.deny("secretsmanager:GetSecretValue").await;
    assert_eq!(function::call(&mut process, &event).await, Ok(vec![0]));
    function::left(&process, "DatabaseLogin").await;
    assert_eq!(cloud.asked("secretsmanager.GetSecretValue"), 1);
    cloud.permit().await;
    assert_eq!(function::call(&mut process, &event).await, Ok(vec![]));
    assert_eq!(world.outcomes().await, "applied | full");
    cloud.nothing_is_told(&process, 2).await;
}

/// Keys, trusted certificates: each is told by its own kind, and the same process goes on once it may.
#[tokio::test]
async fn keys_and_certificates_that_may_not_be_read_are_an_operator_s_to_mend() {
    let of_world = |world: &World, name: &str| std::fs::read_to_string(world.files().join(name)).unwrap();
    for (denied, kind) in [("kms:Decrypt", "Keys"), ("secretsmanager:GetSecretValue", "TrustAnchors")] {
        let (world, cloud) = start().await;
        let keys = cloud.encrypted(&cloud.kms_key().await, &of_world(&world, "keys.json")).await;
        let trusted = cloud.secret("trusted", &of_world(&world, "trusted.pem")).await;
        let further = [("LONGSHORE_KEYS", keys.as_str()), ("LONGSHORE_TRUSTED_CERTIFICATES", &trusted)];
        let mut process = cloud.function("manifest-importer", &world, &further).await;
        let url = cloud.upload("manifest.zip", Manifest::sample(Era::D).build(&Authority::new())).await;
        let event = world.event(&[Announcement::manifest(&url)]);
        cloud.deny(denied).await;
        assert_eq!(function::call(&mut process, &event).await, Ok(vec![0]));
        function::left(&process, kind).await;
        assert_eq!(world.import_log().await.split(" | ").take(2).collect::<Vec<_>>(), ["failed", kind]);
        cloud.permit().await;
        assert_eq!(function::call(&mut process, &event).await, Ok(vec![]), "{:#?}", process.logs());
        assert_eq!(world.import_log().await, "imported");
        cloud.nothing_is_told(&process, 2).await;
    }
}

#[tokio::test]
async fn an_export_whose_authority_or_bucket_is_denied_comes_again() {
    for (denied, kind) in [("secretsmanager:GetSecretValue", "Authority"), ("s3:PutObject", "Storage")] {
        let (world, cloud) = start().await;
        let uuid = world.distributor_with_tools().await;
        let authority = std::fs::read_to_string(world.files().join("authority.pem")).unwrap();
        let authority = format!("secretsmanager:{}", cloud.secret("authority", &authority).await);
        let mut process = cloud.function("manifest-exporter", &world, &[("LONGSHORE_AUTHORITY", &authority)]).await;
        let event = export_event(0, &[export_record(&uuid)]);
        cloud.deny(denied).await;
        assert_eq!(function::call(&mut process, &event).await, Ok(vec![0]));
        function::left(&process, kind).await;
        cloud.permit().await;
        assert_eq!(function::call(&mut process, &event).await, Ok(vec![]), "{:#?}", process.logs());
        cloud.nothing_is_told(&process, 2).await;
    }
}
