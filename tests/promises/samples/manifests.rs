//! Each file in `events/manifest-importer/` does what `events/README.md` says of it, handed to the function as Lambda would.

use insta::assert_snapshot;
use longshore_tests::samples::{Stage, files};

const IMPORTER: &str = "manifest-importer";
/// The owner of the samples.
const OWNER: &str = "5318290";

#[tokio::test]
async fn each_event_of_manifest_importer_alone_does_what_is_said_of_it() {
    let mut told = Vec::new();
    for name in files(IMPORTER) {
        let stage = Stage::set().await;
        stage.world.owner(OWNER).await;
        if matches!(name.as_str(), "older-manifest" | "forced-older") {
            stage.play(IMPORTER, "next-version").await;
        }
        told.push(stage.play(IMPORTER, &name).await);
        told.push(stage.imports().await + "\n");
        stage.rejected_records_are_kept().await;
    }
    assert_snapshot!(told.join("\n"), @r"
    consumer-only
      INFO sample-consumer-only imported
    import | sample-consumer-only | imported | 0 | 5318290: upstream consumer imported, and nothing else

    data-bundle
      INFO sample-data-bundle imported
    import | sample-data-bundle | imported | pools +4 ~0 -0 =0, subscriptions +3 ~0 -0 =0 | 0 | 5318290: manifest imported

    forced-older
      INFO sample-forced-older imported
    import | sample-next-version | imported | pools +4 ~0 -0 =0, subscriptions +3 ~0 -0 =0 | 0 | 5318290: manifest imported
    import | sample-forced-older | imported | MANIFEST_OLD | pools +0 ~2 -2 =0, subscriptions +0 ~1 -2 =0 | 0 | 5318290: manifest imported, forcing MANIFEST_OLD

    incomplete
      ERROR sample-incomplete rejected Manifest
    import | sample-incomplete | failed | Manifest | 1 | the manifest has no consumer.json
    rejected | sample-incomplete | 351 | Manifest | the manifest has no consumer.json

    manifest
      INFO sample-manifest imported
    import | sample-manifest | imported | pools +4 ~0 -0 =0, subscriptions +3 ~0 -0 =0 | 0 | 5318290: manifest imported

    missing-archive
      ERROR sample-missing-manifest rejected Download
    import | sample-missing-manifest | failed | Download | 1 | the server answered 404
    rejected | sample-missing-manifest | 320 | Download | the server answered 404

    next-version
      INFO sample-next-version imported
    import | sample-next-version | imported | pools +4 ~0 -0 =0, subscriptions +3 ~0 -0 =0 | 0 | 5318290: manifest imported

    not-an-archive
      ERROR sample-not-a-manifest rejected Archive
    import | sample-not-a-manifest | failed | Archive | 1 | neither a manifest (a zip) nor a data bundle (gzip): it starts with [54, 68, 69, 73]
    rejected | sample-not-a-manifest | 330 | Archive | neither a manifest (a zip) nor a data bundle (gzip): it starts with [54, 68, 69, 73]

    older-manifest
      ERROR sample-older-manifest rejected Conflict
    import | sample-next-version | imported | pools +4 ~0 -0 =0, subscriptions +3 ~0 -0 =0 | 0 | 5318290: manifest imported
    import | sample-older-manifest | failed | Conflict | MANIFEST_OLD | 1 | MANIFEST_OLD: it was made at 2026-02-10 08:30:00 UTC, the one imported last at 2026-03-05 11:10:00 UTC; to force it, name MANIFEST_OLD in metadata.force
    rejected | sample-older-manifest | 102 | Conflict | MANIFEST_OLD: it was made at 2026-02-10 08:30:00 UTC, the one imported last at 2026-03-05 11:10:00 UTC; to force it, name MANIFEST_OLD in metadata.force

    other-service
      INFO skipped


    tampered
      ERROR sample-tampered rejected Conflict
    import | sample-tampered | failed | Conflict | SIGNATURE_CONFLICT | 1 | SIGNATURE_CONFLICT: the signature does not verify: CN=Longshore Test Authority: does not match; to force it, name SIGNATURE_CONFLICT in metadata.force
    rejected | sample-tampered | 104 | Conflict | SIGNATURE_CONFLICT: the signature does not verify: CN=Longshore Test Authority: does not match; to force it, name SIGNATURE_CONFLICT in metadata.force

    tombstone
      ERROR rejected Message
    rejected | 300 | Message | the record is a tombstone: it has no value

    unknown-owner
      ERROR sample-unknown-owner rejected Owner
    import | sample-unknown-owner | failed | Owner
    rejected | sample-unknown-owner | 352 | Owner | owner somebody-else is unknown, or the organisation may not import for it; see create-owner and grant of setup

    unsigned
      ERROR sample-unsigned rejected Signature
    import | sample-unsigned | failed | Signature | 1 | the signature is missing or empty
    rejected | sample-unsigned | 350 | Signature | the signature is missing or empty
    ");
}

#[tokio::test]
async fn in_their_order_the_events_tell_a_story_of_one_owner() {
    let stage = Stage::set().await;
    stage.world.owner(OWNER).await;
    let mut told = Vec::new();
    let order = ["manifest", "manifest", "next-version", "older-manifest", "forced-older", "tampered", "data-bundle"];
    for name in order {
        told.push(stage.play(IMPORTER, name).await);
        told.push(stage.world.pools().await);
    }
    assert_snapshot!(told.join("\n"), @r"
    manifest
      INFO sample-manifest imported
    NORMAL | EX-DESK x 30 | master
    UNMAPPED_GUEST | EX-GUEST x 48 | derived
    NORMAL | EX-STORE x 4 | master
    NORMAL | EX-SUITE x 12 | master
    manifest
      INFO sample-manifest already_imported
    NORMAL | EX-DESK x 30 | master
    UNMAPPED_GUEST | EX-GUEST x 48 | derived
    NORMAL | EX-STORE x 4 | master
    NORMAL | EX-SUITE x 12 | master
    next-version
      INFO sample-next-version imported
    UNMAPPED_GUEST | EX-GUEST x 80 | derived
    NORMAL | EX-STORE x 4 | master
    NORMAL | EX-SUITE x 20 | master
    NORMAL | EX-TOOLS x 8 | master
    older-manifest
      ERROR sample-older-manifest rejected Conflict
    UNMAPPED_GUEST | EX-GUEST x 80 | derived
    NORMAL | EX-STORE x 4 | master
    NORMAL | EX-SUITE x 20 | master
    NORMAL | EX-TOOLS x 8 | master
    forced-older
      INFO sample-forced-older imported
    UNMAPPED_GUEST | EX-GUEST x 40 | derived
    NORMAL | EX-SUITE x 10 | master
    tampered
      ERROR sample-tampered rejected Conflict
    UNMAPPED_GUEST | EX-GUEST x 40 | derived
    NORMAL | EX-SUITE x 10 | master
    data-bundle
      INFO sample-data-bundle imported
    UNMAPPED_GUEST | EX-GUEST x 80 | derived
    NORMAL | EX-STORE x 4 | master
    NORMAL | EX-SUITE x 20 | master
    NORMAL | EX-TOOLS x 8 | master
    ");
    assert_snapshot!(stage.imports().await, @r"
    import | sample-manifest | imported | pools +4 ~0 -0 =0, subscriptions +3 ~0 -0 =0 | 0 | 5318290: manifest imported
    import | sample-next-version | imported | pools +1 ~2 -1 =1, subscriptions +1 ~1 -1 =1 | 0 | 5318290: manifest imported
    import | sample-older-manifest | failed | Conflict | MANIFEST_OLD | 1 | MANIFEST_OLD: it was made at 2026-02-10 08:30:00 UTC, the one imported last at 2026-03-05 11:10:00 UTC; to force it, name MANIFEST_OLD in metadata.force
    import | sample-forced-older | imported | MANIFEST_OLD | pools +0 ~2 -2 =0, subscriptions +0 ~1 -2 =0 | 0 | 5318290: manifest imported, forcing MANIFEST_OLD
    import | sample-tampered | failed | Conflict | SIGNATURE_CONFLICT | 1 | SIGNATURE_CONFLICT: the signature does not verify: CN=Longshore Test Authority: does not match; to force it, name SIGNATURE_CONFLICT in metadata.force
    import | sample-data-bundle | imported | pools +2 ~2 -0 =0, subscriptions +2 ~1 -0 =0 | 0 | 5318290: manifest imported
    rejected | sample-older-manifest | 102 | Conflict | MANIFEST_OLD: it was made at 2026-02-10 08:30:00 UTC, the one imported last at 2026-03-05 11:10:00 UTC; to force it, name MANIFEST_OLD in metadata.force
    rejected | sample-tampered | 104 | Conflict | SIGNATURE_CONFLICT: the signature does not verify: CN=Longshore Test Authority: does not match; to force it, name SIGNATURE_CONFLICT in metadata.force
    ");
}

#[tokio::test]
async fn without_an_owner_a_manifest_is_rejected_and_nothing_is_made() {
    let stage = Stage::set().await;
    assert_snapshot!(stage.play(IMPORTER, "manifest").await, @r"
    manifest
      ERROR sample-manifest rejected Owner
    ");
    assert_eq!(stage.world.value::<i64>("SELECT count(*) FROM cp_products").await, 0);
}
