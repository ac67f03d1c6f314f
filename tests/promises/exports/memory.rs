//! The function itself, as a process: its memory does not grow with what it exports.

use longshore_tests::exports::{BUCKET, Exporting, contents, export_event, export_record};
use longshore_tests::manifest::Entitlement;
use longshore_tests::{function, small};

/// What a process may hold more than another: a part on its way, the zip's directory, what the allocator keeps.
const MARGIN: u64 = 16 << 20;

/// The peak of a process that exports a distributor of so many entitlements, in bytes, and the size of the archive.
async fn peak(entitlements: i64) -> (u64, usize) {
    let world = Exporting::start().await;
    world.import(&small().entitlement(Entitlement::new("e1", "p1", "SKU").quantity(5_000))).await;
    let uuid = world.distributor("large").await;
    world.entitle_often(&uuid, entitlements).await;
    let (endpoint, credentials) = (world.s3().endpoint(), world.s3().credentials());
    let further = [
        ("AWS_ENDPOINT_URL_S3", endpoint),
        ("AWS_ACCESS_KEY_ID", &credentials.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key),
    ];
    let mut process = function::start("manifest-exporter", &world.variables(), &further).await;
    let event = export_event(0, &[export_record(&uuid)]);
    assert_eq!(function::call(&mut process, &event).await, Ok(vec![]), "{}", world.export_log().await);
    let key = world.s3().list(BUCKET, "").unwrap().remove(0);
    let archive = world.s3().get(BUCKET, &key).await.unwrap().to_vec();
    let size = archive.len();
    let exported = contents(archive).keys().filter(|name| name.starts_with("entitlements/")).count();
    assert_eq!(exported as i64, entitlements);
    // Nobody's keys, certificates or links are in the log.
    let logs = process.logs().join("\n");
    assert!(logs.contains("manifest exported") && !logs.contains("-----BEGIN") && !logs.contains("X-Amz-Signature"));
    (process.peak_rss_bytes().unwrap(), size)
}

#[tokio::test]
async fn four_thousand_entitlements_take_no_more_memory_than_five_hundred() {
    let (few, small) = peak(500).await;
    let (many, large) = peak(4_000).await;
    assert!(large > 6 * small, "{small} and {large} bytes");
    assert!(many < few + MARGIN, "{few} bytes for 500, {many} for 4,000 in an archive of {large}");
}
