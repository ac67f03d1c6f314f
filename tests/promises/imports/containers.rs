//! Damaged, hostile and merely unusual archives: a manifest is imported when what was signed came through, and only then.

use insta::assert_snapshot;
use longshore_devkit::manifest::zip_writer::{Member, ZipWriter, unzip};
use longshore_tests::manifest::{Algorithm, Authority, Era, Manifest};
use longshore_tests::{Announcement, Reply, World, signed_export, small_manifest};

/// What a person would see of an import.
async fn seen(world: &World) -> [String; 4] {
    [world.subscriptions().await, world.pools().await, world.products().await, world.events().await]
}

/// An outer zip like that of a manifest, from members of a test's own.
fn outer(members: impl IntoIterator<Item = Member>) -> Vec<u8> {
    members.into_iter().fold(ZipWriter::new(), ZipWriter::member).build()
}

fn signature(export: &[u8]) -> Vec<u8> {
    Authority::new().sign(export, Algorithm::Sha256)
}

#[tokio::test]
async fn a_manifest_that_was_packed_otherwise_is_imported_the_same() {
    let manifest = Manifest::sample(Era::C);
    let expected = {
        let world = World::with_owner().await;
        world.import(&manifest).await;
        seen(&world).await
    };
    let zip = |change: fn(Member) -> Member| {
        let members = manifest.files().into_iter().map(|(name, bytes)| change(Member::file(name, bytes)));
        members.fold(ZipWriter::new(), ZipWriter::member)
    };
    let export = manifest.inner_zip();
    let streamed = |name: &str, bytes: &[u8]| Member::file(name, bytes).descriptor();
    let repacked = [
        ("members in another order", signed_export(zip(|member| member).shuffled(3).build())),
        ("stored", signed_export(zip(Member::stored).build())),
        ("as small as possible", signed_export(zip(Member::best).build())),
        ("descriptors", signed_export(zip(Member::descriptor).build())),
        ("zip64", signed_export(zip(Member::zip64).zip64_end().build())),
        ("a comment", signed_export(zip(|member| member).comment("made by hand").build())),
        ("no comment", outer([streamed("consumer_export.zip", &export), streamed("signature", &signature(&export))])),
        (
            "signature first",
            outer([Member::file("signature", signature(&export)), Member::file("consumer_export.zip", &*export)]),
        ),
        (
            "stored outside",
            outer([
                Member::file("consumer_export.zip", &*export).stored(),
                Member::file("signature", signature(&export)).stored(),
            ]),
        ),
        (
            "directories",
            signed_export(
                zip(|member| member)
                    .member(Member::directory("export/"))
                    .member(Member::directory("export/products/"))
                    .build(),
            ),
        ),
    ];
    for (how, bytes) in repacked {
        let world = World::with_owner().await;
        world.import_announced(world.announce_bytes(bytes)).await;
        assert_eq!(seen(&world).await, expected, "{how}: {}", world.import_log().await);
    }
}

#[tokio::test]
async fn a_manifest_that_is_cut_anywhere_is_refused() {
    let world = World::with_import().await;
    let whole = small_manifest().build(&Authority::new());
    let cut = (0..whole.len()).step_by(5).chain([whole.len() - 1]);
    let cases = cut.map(|length| (format!("{length} bytes"), world.announce_bytes(whole[..length].to_vec())));
    let refusals = world.refusals(cases).await;
    let few: Vec<&str> = refusals.lines().step_by(refusals.lines().count() / 4).collect();
    assert_snapshot!(few.join("\n"), @r"
    0 bytes | Archive | neither a manifest (a zip) nor a data bundle (gzip): it starts with []
    575 bytes | Archive | the manifest is refused: not a sound zip file: its end is missing
    1150 bytes | Archive | the manifest is refused: not a sound zip file: its end is missing
    1725 bytes | Archive | the manifest is refused: not a sound zip file: its end is missing
    2295 bytes | Archive | the manifest is refused: not a sound zip file: its end is cut, or bytes follow it
    ");
}

#[tokio::test]
async fn a_manifest_with_any_byte_flipped_is_imported_only_if_what_was_signed_came_through() {
    let world = World::with_owner().await;
    let whole = small_manifest().build(&Authority::new());
    world.import_announced(world.announce_bytes(whole.clone())).await;
    let before = world.everything_that_counts().await;
    let came_through = |bytes: &[u8]| unzip(bytes).is_ok_and(|found| found == unzip(&whole).unwrap());
    let mut harmless = 0;
    let flips: Vec<usize> = (0..whole.len()).collect();
    for batch in flips.chunks(500) {
        world.execute("DELETE FROM imports; DELETE FROM rejected_records").await;
        let mut expected = Vec::new();
        let mut announced = Vec::new();
        for at in batch {
            let mut bytes = whole.clone();
            bytes[*at] ^= [0x01, 0x80][at % 2];
            expected.push(came_through(&bytes));
            // It was made in the same second as the one before, and is of other bytes.
            let announcement = world.announce_bytes(bytes).force(&["MANIFEST_SAME"]);
            announced.push(announcement.set("request_id", format!("byte {at}")));
        }
        let replies = world.deliver_manifests(&announced).await;
        assert!(replies.iter().all(|reply| *reply == Reply::Done), "a record is to come again");
        let sql = "SELECT i.request_id || ': ' || i.outcome || coalesce(' ' || i.error_kind, ''),
                          i.outcome = 'imported', j.kind IS NOT NULL
                   FROM imports i LEFT JOIN rejected_records j USING (topic, kafka_partition, kafka_offset, record_time)
                   ORDER BY i.kafka_offset";
        let rows = world.client().query(sql, &[]).await.unwrap();
        assert_eq!(rows.len(), batch.len());
        for (row, intact) in rows.iter().zip(expected) {
            let (line, imported, rejected): (String, bool, bool) = (row.get(0), row.get(1), row.get(2));
            assert!(!imported || intact, "{line}, although what was signed did not come through");
            assert!(imported != rejected && !line.ends_with("Panic"), "{line}");
            harmless += usize::from(imported);
        }
    }
    // Times and comments at least; not sizes, checksums and contents.
    assert!(harmless > 50 && harmless < whole.len() / 4, "{harmless} of {} flips are harmless", whole.len());
    assert_eq!(world.everything_that_counts().await, before);
}

#[tokio::test]
async fn bombs_are_refused_before_they_are_held() {
    let world = World::with_import().await;
    let file = |name: &str| Member::file(name, "{}");
    let export = |zip: ZipWriter| signed_export(zip.file("export/meta.json", "{}").build());
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    let with = |name: &str, text: String| small_manifest().raw(name, text).build(&Authority::new());
    let many = |count: u64| {
        (0..count)
            .fold(ZipWriter::new(), |zip, i| zip.member(file(&format!("export/{i}")).zip64().declared_size(1 << 40)))
    };
    let files = small_manifest().files().into_iter().filter(|(name, _)| name != "export/products/S.json");
    let (other, small) = (ZipWriter::of(files), Member::zeros("export/products/S.json", 1 << 20));
    let cases = [
        ("zeros", export(ZipWriter::new().member(Member::zeros("export/products/1.json", 64 << 20)))),
        ("a large file", export(ZipWriter::new().member(Member::zeros("export/products/1.json", (16 << 20) + 1)))),
        ("zeros outside", outer([Member::zeros("consumer_export.zip", 64 << 20), file("signature")])),
        ("a large signature", outer([file("consumer_export.zip"), Member::zeros("signature", 1 << 20)])),
        ("100,000 files", export(ZipWriter::new().empty_files(100_000))),
        ("100,000 files outside", ZipWriter::new().empty_files(100_000).build()),
        ("deep lists", with("meta.json", deep("[", "]"))),
        ("deep objects", with("entitlements/e1.json", deep("{\"pool\":", "}"))),
        ("deep in what is skipped", with("products/S.json", format!("{{\"id\":\"S\",\"x\":{}}}", deep("[", "]")))),
        ("a zip in it", export(ZipWriter::new().file("export/products/more.zip", ZipWriter::new().build()))),
        ("overlapping files", export(ZipWriter::new().member(Member::overlapping("export/a", file("export/b"))))),
        (
            "one file under two names",
            export(ZipWriter::new().member(file("export/a")).member(file("export/b").shares_previous())),
        ),
        ("declared huge", export(many(2_000))),
        ("declared small", signed_export(other.member(small.declared_size(10)).build())),
        ("fewer files than it says", export(ZipWriter::new().entry_count(9))),
    ];
    let announced = cases.map(|(name, bytes)| (name, world.announce_bytes(bytes)));
    assert_snapshot!(world.refusals(announced).await, @r"
    zeros | ArchiveTooLarge | consumer_export.zip is refused: entry size over the limit of 16777216 at entry export/products/1.json
    a large file | ArchiveTooLarge | consumer_export.zip is refused: entry size over the limit of 16777216 at entry export/products/1.json
    zeros outside | ArchiveTooLarge | the manifest is refused: expansion ratio over the limit of 200 at entry consumer_export.zip
    a large signature | ArchiveTooLarge | the manifest's signature has 1048576 bytes, over the limit of 65536
    100,000 files | ArchiveTooLarge | consumer_export.zip is refused: number of entries over the limit of 50000
    100,000 files outside | ArchiveTooLarge | the manifest is refused: number of entries over the limit of 50000
    deep lists | Manifest | meta.json: JSON nested deeper than 64 levels
    deep objects | Manifest | entitlements/e1.json: JSON nested deeper than 64 levels
    deep in what is skipped | Manifest | products/S.json: JSON nested deeper than 64 levels
    a zip in it | Archive | consumer_export.zip holds export/products/more.zip, an archive of its own, which is refused
    overlapping files | Archive | consumer_export.zip is refused: member export/a: it overlaps with what follows it
    one file under two names | Archive | consumer_export.zip is refused: member export/a: its header is not where the directory says
    declared huge | ArchiveTooLarge | consumer_export.zip is refused: entry size over the limit of 16777216 at entry export/0
    declared small | Archive | member products/S.json: it expands to more than it declares
    fewer files than it says | Archive | consumer_export.zip is refused: not a sound zip file: its central directory is damaged
    ");
}

#[tokio::test]
async fn zeros_within_the_limits_are_no_bomb() {
    let world = World::with_owner().await;
    let zip = ZipWriter::of(small_manifest().files()).member(Member::zeros("export/padding", 8 << 20));
    world.import_announced(world.announce_bytes(signed_export(zip.build()))).await;
    assert_snapshot!(world.import_log().await, @"imported");
}

#[tokio::test]
async fn archives_that_are_no_manifests_are_refused() {
    let world = World::with_import().await;
    let export = small_manifest().inner_zip();
    let file = |name: &str, bytes: &[u8]| Member::file(name, bytes);
    let good = || [file("consumer_export.zip", &export), file("signature", &signature(&export))];
    let signed = |zip: ZipWriter| signed_export(zip.build());
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("text", b"export.zip was not found".to_vec()),
        ("only its first letters", b"PK".to_vec()),
        ("no member", ZipWriter::new().build()),
        ("no export", outer([file("signature", b"x")])),
        ("no signature", small_manifest().build_unsigned()),
        ("an empty signature", small_manifest().signature(Vec::new()).build(&Authority::new())),
        ("export without the outer zip", export.clone()),
        ("an export that is no zip", signed_export(b"text".to_vec())),
        ("an empty export", signed(ZipWriter::new())),
        ("nothing in export/", signed(ZipWriter::new().file("import/meta.json", "{}"))),
        ("a member twice", outer(good().into_iter().chain([file("signature", b"x")]))),
        ("a file twice", signed(ZipWriter::of(small_manifest().files()).file("export/meta.json", "{}"))),
        ("a link", signed(ZipWriter::new().member(Member::symlink("export/meta.json", "/etc/passwd")))),
        ("encrypted", signed(ZipWriter::new().member(file("export/meta.json", b"{}").encrypted()))),
        ("another compression", signed(ZipWriter::new().member(file("export/meta.json", b"{}").method(12)))),
        ("a wrong checksum", signed(ZipWriter::new().member(file("export/meta.json", b"{}").crc(1)))),
        ("bytes before", ZipWriter::new().before(b"MZ".to_vec()).build()),
        ("bytes after", outer(good()).into_iter().chain(*b"more").collect()),
    ];
    let announced: Vec<(&str, Announcement)> =
        cases.into_iter().map(|(name, bytes)| (name, world.announce_bytes(bytes))).collect();
    assert_snapshot!(world.refusals(announced).await, @r"
    nothing | Archive | neither a manifest (a zip) nor a data bundle (gzip): it starts with []
    text | Archive | neither a manifest (a zip) nor a data bundle (gzip): it starts with [65, 78, 70, 6f]
    only its first letters | Archive | the manifest is refused: not a zip file: it starts with [50, 4b]
    no member | Archive | the manifest has no consumer_export.zip
    no export | Archive | the manifest has no consumer_export.zip
    no signature | Signature | the signature is missing or empty
    an empty signature | Signature | the signature is missing or empty
    export without the outer zip | Archive | the manifest holds export/consumer.json, which its signature does not cover; only consumer_export.zip and signature are accepted
    an export that is no zip | Archive | consumer_export.zip is refused: not a zip file: it starts with [74, 65, 78, 74]
    an empty export | Archive | consumer_export.zip has no content: no file of an export is in it
    nothing in export/ | Archive | consumer_export.zip has no content: no file of an export is in it
    a member twice | Archive | the manifest is refused: entry signature is there twice, which is refused
    a file twice | Archive | consumer_export.zip is refused: entry export/meta.json is there twice, which is refused
    a link | Archive | consumer_export.zip is refused: entry export/meta.json is a link, which is refused
    encrypted | Archive | consumer_export.zip is refused: entry export/meta.json is encrypted, which is refused
    another compression | Archive | consumer_export.zip is refused: entry export/meta.json is compressed with something other than DEFLATE, which is refused
    a wrong checksum | Archive | member meta.json: CRC differs
    bytes before | Archive | neither a manifest (a zip) nor a data bundle (gzip): it starts with [4d, 5a, 50, 4b]
    bytes after | Archive | the manifest is refused: not a sound zip file: its end is cut, or bytes follow it
    ");
}
