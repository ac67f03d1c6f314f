//! Conflicts: what keeps a manifest from being imported, reported together, and what forcing does.

use insta::assert_snapshot;
use longshore_tests::manifest::{Algorithm, Authority, Entitlement, Manifest, Product};
use longshore_tests::{World, later, small};

const OTHER: &str = "aaaaaaaa-5b1c-4e0e-9f77-2f4d5a1c9b10";

/// Of another distributor, with an upstream pool of its own.
fn of_other() -> Manifest {
    small()
        .uuid(OTHER)
        .name("other-distributor")
        .without_entitlement("e1")
        .entitlement(Entitlement::new("o1", "q1", "SKU"))
}

/// The same moment, other bytes.
fn same_second() -> Manifest {
    small().product(Product::new("SKU", "Suite, corrected").provides(&["901"]))
}

async fn linked(world: &World) -> String {
    world.list("SELECT uuid FROM cp_upstream_consumer").await
}

#[tokio::test]
async fn the_same_archive_again_is_no_error_and_changes_nothing() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    let before = world.row_versions(&HISTORY).await;
    world.forget_events().await;
    world.import(&small()).await;
    assert_snapshot!(world.history().await, @"
    0 | 5318290: manifest imported
    0 | 5318290: this manifest was imported already, nothing has changed
    ");
    assert_snapshot!(world.import_log().await, @"
    imported
    already imported
    ");
    assert_eq!(world.row_versions(&HISTORY).await, before);
    assert_eq!(world.events().await, "");
}

const HISTORY: [&str; 2] = ["cp_import_record", "cp_import_upstream_consumer"];

#[tokio::test]
async fn another_manifest_of_the_same_second_is_a_conflict_until_it_is_forced() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    world.import(&same_second()).await;
    assert_snapshot!(world.last_entry().await, @"1 | MANIFEST_SAME: another manifest that was made at 2026-03-05 10:20:30.400 UTC was imported last; to force it, name MANIFEST_SAME in metadata.force");
    assert_snapshot!(world.list("SELECT name FROM cp_products WHERE product_id = 'SKU'").await, @"Suite");
    world.import_forcing(&same_second(), &["MANIFEST_SAME"]).await;
    assert_snapshot!(world.last_entry().await, @"0 | 5318290: manifest imported, forcing MANIFEST_SAME");
    assert_snapshot!(world.list("SELECT name FROM cp_products WHERE product_id = 'SKU'").await, @"Suite, corrected");
}

#[tokio::test]
async fn the_same_archive_is_imported_again_where_that_is_forced() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    world.execute("UPDATE cp_pool SET quantity = 1").await;
    world.import_forcing(&small(), &["MANIFEST_SAME"]).await;
    assert_snapshot!(world.history().await, @"
    0 | 5318290: manifest imported
    0 | 5318290: manifest imported, forcing MANIFEST_SAME
    ");
    assert_snapshot!(world.pools().await, @"NORMAL | SKU x 10 | master");
}

#[tokio::test]
async fn an_older_manifest_is_a_conflict_until_it_is_forced_and_then_it_is_the_last_one() {
    let world = World::with_owner().await;
    world.import(&later(&small(), 10)).await;
    world.import(&small()).await;
    assert_snapshot!(world.last_entry().await, @"1 | MANIFEST_OLD: it was made at 2026-03-05 10:20:30.400 UTC, the one imported last at 2026-03-05 10:30:30.400 UTC; to force it, name MANIFEST_OLD in metadata.force");
    world.import_forcing(&small(), &["MANIFEST_OLD"]).await;
    assert_snapshot!(world.last_entry().await, @"0 | 5318290: manifest imported, forcing MANIFEST_OLD");
    world.import(&later(&small(), 5)).await;
    assert_snapshot!(world.history().await, @"
    0 | 5318290: manifest imported
    1 | MANIFEST_OLD: it was made at 2026-03-05 10:20:30.400 UTC, the one imported last at 2026-03-05 10:30:30.400 UTC; to force it, name MANIFEST_OLD in metadata.force
    0 | 5318290: manifest imported, forcing MANIFEST_OLD
    0 | 5318290: manifest imported
    ");
}

#[tokio::test]
async fn the_same_second_is_told_from_an_older_moment() {
    let world = World::with_owner().await;
    let made_at = |time: &'static str| small().edit("meta.json", move |meta| meta["created"] = time.into());
    world.import(&made_at("2026-03-05T10:20:30.400Z")).await;
    for time in ["2026-03-05T10:20:30.500Z", "2026-03-05T10:20:30.300Z", "2026-03-05T10:20:31.000Z"] {
        world.import(&made_at(time)).await;
    }
    let conflicts = "SELECT outcome || conflicts::text FROM imports ORDER BY id";
    assert_snapshot!(world.list(conflicts).await, @"
    imported{}
    failed{MANIFEST_SAME}
    failed{MANIFEST_OLD}
    imported{}
    ");
}

#[tokio::test]
async fn an_older_manifest_for_another_owner_is_none() {
    let world = World::with_owner().await;
    world.owner("6000001").await;
    world.import(&later(&small(), 10)).await;
    world.import_for("6000001", &of_other()).await;
    assert_snapshot!(world.history().await, @"
    0 | 5318290: manifest imported
    0 | 6000001: manifest imported
    ");
}

#[tokio::test]
async fn another_distributor_is_the_same_conflict_each_time() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    let before = world.row_versions(&HISTORY).await;
    let mut told = Vec::new();
    for minutes in [1, 2] {
        world.import(&later(&of_other(), minutes)).await;
        told.push(world.last_entry().await);
        let conflicts = world.list("SELECT conflicts::text FROM imports ORDER BY id DESC LIMIT 1").await;
        assert_eq!(conflicts, "{DISTRIBUTOR_CONFLICT}");
    }
    assert_eq!(told[0], told[1]);
    assert_snapshot!(told[0], @"1 | DISTRIBUTOR_CONFLICT: it is of consumer aaaaaaaa-5b1c-4e0e-9f77-2f4d5a1c9b10, the owner imports from consumer 0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 (lab-distributor), which can be undone; to force it, name DISTRIBUTOR_CONFLICT in metadata.force");
    assert_eq!(world.row_versions(&HISTORY).await, before);
    assert_eq!(linked(&world).await, longshore_tests::UPSTREAM);
}

#[tokio::test]
async fn a_forced_other_distributor_replaces_the_first_one_and_all_its_pools() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    let pools = world.list("SELECT id FROM cp_pool").await;
    let consumer = world.list("SELECT id FROM cp_upstream_consumer").await;
    world.import_forcing(&later(&of_other(), 1), &["DISTRIBUTOR_CONFLICT"]).await;
    assert_snapshot!(world.last_entry().await, @"0 | 5318290: manifest imported, forcing DISTRIBUTOR_CONFLICT");
    assert_eq!(linked(&world).await, OTHER);
    let after = world.list("SELECT id FROM cp_pool").await;
    assert_eq!(after.lines().count(), 1);
    assert_ne!(after, pools);
    assert_ne!(world.list("SELECT id FROM cp_upstream_consumer").await, consumer);
    let serials = "SELECT count(*) FROM cp_cert_serial WHERE id NOT IN (SELECT serial_id FROM cp_id_cert)
                     AND id NOT IN (SELECT serial_id FROM cp_certificate)";
    assert_eq!(world.value::<i64>(serials).await, 0);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM cp_id_cert").await, 1);
}

#[tokio::test]
async fn conflicts_are_reported_together_and_forced_together() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    world.import(&of_other()).await;
    assert_snapshot!(world.last_entry().await, @"1 | MANIFEST_SAME: another manifest that was made at 2026-03-05 10:20:30.400 UTC was imported last; DISTRIBUTOR_CONFLICT: it is of consumer aaaaaaaa-5b1c-4e0e-9f77-2f4d5a1c9b10, the owner imports from consumer 0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 (lab-distr..");
    assert_snapshot!(world.list("SELECT conflicts::text FROM imports ORDER BY id DESC LIMIT 1").await, @"{MANIFEST_SAME,DISTRIBUTOR_CONFLICT}");
    world.import_forcing(&of_other(), &["MANIFEST_SAME"]).await;
    assert_snapshot!(world.last_entry().await, @"1 | DISTRIBUTOR_CONFLICT: it is of consumer aaaaaaaa-5b1c-4e0e-9f77-2f4d5a1c9b10, the owner imports from consumer 0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 (lab-distributor), which can be undone; to force it, name DISTRIBUTOR_CONFLICT in metadata.force");
    world.import_forcing(&of_other(), &["DISTRIBUTOR_CONFLICT"]).await;
    assert_snapshot!(world.last_entry().await, @"1 | MANIFEST_SAME: another manifest that was made at 2026-03-05 10:20:30.400 UTC was imported last; to force it, name MANIFEST_SAME in metadata.force");
    assert_eq!(linked(&world).await, longshore_tests::UPSTREAM);
    world.import_forcing(&of_other(), &["DISTRIBUTOR_CONFLICT", "MANIFEST_SAME"]).await;
    assert_snapshot!(world.last_entry().await, @"0 | 5318290: manifest imported, forcing MANIFEST_SAME and DISTRIBUTOR_CONFLICT");
    assert_eq!(linked(&world).await, OTHER);
}

#[tokio::test]
async fn what_is_forced_without_need_is_not_told() {
    let world = World::with_owner().await;
    world.import_forcing(&small(), &["MANIFEST_OLD", "DISTRIBUTOR_CONFLICT", "SIGNATURE_CONFLICT"]).await;
    assert_snapshot!(world.history().await, @"0 | 5318290: manifest imported");
}

#[tokio::test]
async fn what_the_setting_does_not_let_be_forced_stays_a_conflict() {
    let world = World::with(&[("LONGSHORE_FORCEABLE_CONFLICTS", "MANIFEST_OLD")]).await;
    world.owner(longshore_tests::ORG).await;
    world.import(&small()).await;
    world.import_forcing(&same_second(), &["MANIFEST_SAME", "MANIFEST_OLD"]).await;
    assert_snapshot!(world.last_entry().await, @"1 | MANIFEST_SAME: another manifest that was made at 2026-03-05 10:20:30.400 UTC was imported last; to force it, name MANIFEST_SAME in metadata.force");
    let strangers = later(&small(), 1).build(&Authority::named("Stranger"));
    world.import_announced(world.announce_bytes(strangers).force(&["SIGNATURE_CONFLICT"])).await;
    assert_snapshot!(world.last_entry().await, @"1 | SIGNATURE_CONFLICT: the signature does not verify: CN=Longshore Test Authority: does not match; to force it, name SIGNATURE_CONFLICT in metadata.force");
}

#[tokio::test]
async fn a_consumer_of_another_owner_is_refused_whatever_is_forced() {
    let world = World::with_owner().await;
    world.owner("6000001").await;
    world.import(&small()).await;
    let all = ["MANIFEST_OLD", "MANIFEST_SAME", "DISTRIBUTOR_CONFLICT", "SIGNATURE_CONFLICT"];
    let announced = world.announce_manifest(&small()).org("6000001").metadata("owner", "6000001");
    world.import_announced(announced.force(&all)).await;
    assert_snapshot!(world.last_entry().await, @"1 | consumer.json: consumer 0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 is another owner's; undo that owner's import first, or have a manifest made for another consumer");
    // Nothing named: it is for the owner whose consumer it is, for whom this caller may not act.
    world.import_for("6000001", &small()).await;
    assert_snapshot!(world.import_log().await, @"
    imported
    failed | Owner | consumer.json: consumer 0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 is another owner's; undo that owner's import first, or have a manifest made for another consumer
    failed | Owner | the owner of consumer 0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 is unknown, or the organisation may not import for it; see create-owner and grant of setup
    rejected | Owner | consumer.json: consumer 0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 is another owner's; undo that owner's import first, or have a manifest made for another consumer
    rejected | Owner | the owner of consumer 0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 is unknown, or the organisation may not import for it; see create-owner and grant of setup
    ");
    assert_eq!(world.value::<i64>("SELECT count(*) FROM cp_pool WHERE owner_id = '6000001'").await, 0);
}

#[tokio::test]
async fn an_empty_signature_is_missing_and_cannot_be_forced() {
    let world = World::with_owner().await;
    let forced = ["SIGNATURE_CONFLICT", "UNTRUSTED_SIGNING_CERTIFICATE"];
    world.import_forcing(&small().signature(""), &forced).await;
    world.import_announced(world.announce_bytes(small().build_unsigned()).force(&forced)).await;
    assert_snapshot!(world.history().await, @"
    1 | the signature is missing or empty
    1 | the signature is missing or empty
    ");
    assert_eq!(world.imported_rows().await, "");
}

#[tokio::test]
async fn a_wrong_signature_is_reported_alone_and_can_be_forced() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    world.import(&of_other().signature("garbage")).await;
    assert_snapshot!(world.last_entry().await, @"1 | SIGNATURE_CONFLICT: the signature does not verify: CN=Longshore Test Authority: its signatures have 256 bytes, this one has 7; to force it, name SIGNATURE_CONFLICT in metadata.force");
    world.import_forcing(&later(&small(), 1).signature("garbage"), &["SIGNATURE_CONFLICT"]).await;
    assert_snapshot!(world.last_entry().await, @"0 | 5318290: manifest imported, forcing SIGNATURE_CONFLICT");
    let signers = "SELECT concat_ws(' | ', conflicts::text, signed_by) FROM imports ORDER BY id";
    assert_snapshot!(world.list(signers).await, @"
    {} | CN=Longshore Test Authority (serial 7306991057802946249, SHA256withRSA, valid until 2049-01-01), a trusted certificate
    {SIGNATURE_CONFLICT}
    {SIGNATURE_CONFLICT}
    ");
}

#[tokio::test]
async fn an_untrusted_signing_certificate_leads_to_the_signature_when_it_is_forced() {
    let world = World::with_owner().await;
    let stranger = Authority::named("Stranger").scheme("rsa");
    let claimed = small().scheme(&stranger);
    let claims_other = claimed.wrap(claimed.inner_zip(), |bytes| Authority::new().sign(bytes, Algorithm::Sha256));
    world.import_announced(world.announce_bytes(claims_other.clone())).await;
    let untrusted = ["UNTRUSTED_SIGNING_CERTIFICATE"];
    world.import_announced(world.announce_bytes(claims_other).force(&untrusted)).await;
    assert_snapshot!(world.history().await, @"
    1 | UNTRUSTED_SIGNING_CERTIFICATE: the signing certificate CN=rsa is not trusted: neither it nor its issuer is among the trusted certificates; to force it, name UNTRUSTED_SIGNING_CERTIFICATE in metadata.force
    1 | SIGNATURE_CONFLICT: the signature does not verify: CN=rsa: does not match; to force it, name SIGNATURE_CONFLICT in metadata.force
    ");
    world.import_announced(world.announce_bytes(small().build_with_scheme(&stranger)).force(&untrusted)).await;
    assert_snapshot!(world.last_entry().await, @"0 | 5318290: manifest imported, forcing UNTRUSTED_SIGNING_CERTIFICATE");
}
