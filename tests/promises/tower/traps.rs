//! What other importers of manifests fall into when they read one, and this one does not. Numbers are those of a list of such
//! traps; what concerns imports themselves is in `traps_of_imports.rs`. Not here, because they are about exports and the API:
//! keys in clear in answers (part of 6), keys in exports (part of 7), lists of nothing (19), how an export is packed (22).

use insta::assert_snapshot;
use longshore_devkit::manifest::zip_writer::{Member, ZipWriter};
use longshore_tests::manifest::{Authority, Era, Key, KeyForm, Manifest, SchemeSigner};
use longshore_tests::{ORG, UPSTREAM, World, function, next_manifest, signed_export, small_manifest};
use serde_json::json;

/// A key that stands in clear in no table, in any form in that it could be found.
async fn is_nowhere(world: &World, key: &Key) -> bool {
    let everything = world.everything().await.join("\n") + &world.import_log().await + &world.import_warnings().await;
    [KeyForm::Pkcs1, KeyForm::Pkcs8].into_iter().all(|form| {
        let pem = key.pem(form);
        // Of the private part: the modulus is in the certificate as well.
        let line = pem.lines().nth(10).unwrap();
        let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        !everything.contains(line) && !everything.contains(&hex(line))
    })
}

#[tokio::test]
async fn files_beside_the_signed_zip_are_not_mixed_with_the_signed_ones() {
    let world = World::with_import().await;
    let beside = |name: &str| next_manifest().beside(name, "{}");
    let cases = [
        ("1 an entitlement", beside("export/entitlements/more.json")),
        ("1 anything", beside("readme.txt")),
        ("1 a directory", beside("export/")),
    ];
    assert_snapshot!(world.refused_manifests(cases).await, @r"
    1 an entitlement | Archive | the manifest holds export/entitlements/more.json, which its signature does not cover; only consumer_export.zip and signature are accepted
    1 anything | Archive | the manifest holds readme.txt, which its signature does not cover; only consumer_export.zip and signature are accepted
    1 a directory | Archive | the manifest is refused: entry export/ is a directory with content, which is refused
    ");
}

#[tokio::test]
async fn no_name_leads_out_of_the_archive() {
    let world = World::with_import().await;
    let named = |name: &str| signed_export(ZipWriter::of(small_manifest().files()).file(name, "{}").build());
    let cases = [
        ("2 a neighbour", named("export/../export2/meta.json")),
        ("2 above", named("../etc/passwd")),
        ("2 absolute", named("/export/meta.json")),
        ("2 backslashes", named("export\\..\\..\\x")),
        ("2 above itself", next_manifest().beside("../export/meta.json", "{}").build(&Authority::new())),
    ];
    assert_snapshot!(world.refusals(cases.map(|(name, bytes)| (name, world.announce_bytes(bytes)))).await, @r"
    2 a neighbour | Archive | consumer_export.zip is refused: entry export/../export2/meta.json is named with a `..`, which is refused
    2 above | Archive | consumer_export.zip is refused: entry ../etc/passwd is named with a `..`, which is refused
    2 absolute | Archive | consumer_export.zip is refused: entry /export/meta.json is named with an absolute path, which is refused
    2 backslashes | Archive | consumer_export.zip is refused: entry export\\..\\..\\x is named with a backslash, which is refused
    2 above itself | Archive | the manifest is refused: entry ../export/meta.json is named with a `..`, which is refused
    ");
}

#[tokio::test]
async fn nobody_sees_other_files_than_the_one_reader() {
    let world = World::with_import().await;
    let zip = || ZipWriter::of(small_manifest().files());
    let scheme = || Member::file("export/scheme.json", "{}");
    let cases = [
        ("3 only a stream sees it", zip().member(scheme().hidden())),
        ("3 another name in front", zip().member(scheme().local_name("export/scheme.txt"))),
        ("3 another size in front", zip().member(scheme().local_sizes(2, 2))),
        ("3 another end", zip().file("export/x", "x").entry_count(2)),
        ("3 another directory", zip().central_offset(0)),
        ("3 something in front", zip().before(b"PK\x03\x04".to_vec())),
    ];
    let cases = cases.map(|(name, zip)| (name, world.announce_bytes(signed_export(zip.build()))));
    assert_snapshot!(world.refusals(cases).await, @r"
    3 only a stream sees it | Archive | consumer_export.zip is refused: member export/products/S.json: bytes that are no part of it follow it
    3 another name in front | Archive | consumer_export.zip is refused: member export/scheme.json: its header has another name than the directory
    3 another size in front | Archive | consumer_export.zip is refused: member export/scheme.json: its header has another size or CRC than the directory
    3 another end | Archive | consumer_export.zip is refused: not a sound zip file: its central directory holds more than it counts
    3 another directory | Archive | consumer_export.zip is refused: not a sound zip file: its central directory is not where its end says
    3 something in front | Archive | consumer_export.zip is refused: not a sound zip file: bytes in front of its first member
    ");
}

#[tokio::test]
async fn a_client_of_the_authority_signs_nothing() {
    let world = World::with_import().await;
    let identity = Authority::new().identity(UPSTREAM);
    let signer = SchemeSigner::new("legacy", identity.certificate(), identity.key());
    let signed = next_manifest().build_with_scheme(&signer);
    let legacy = next_manifest().wrap(next_manifest().inner_zip(), |bytes| signer.sign(bytes));
    let cases = [("4 with its scheme", signed), ("4 without", legacy)];
    assert_snapshot!(world.refusals(cases.map(|(name, bytes)| (name, world.announce_bytes(bytes)))).await, @r"
    4 with its scheme | Conflict | UNTRUSTED_SIGNING_CERTIFICATE: the signing certificate CN=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 is not trusted: CN=Longshore Test Authority issued it for something else: its extended key usage has another purpose than codeSigning and documentSigning; to force it, name UNTRUSTED_SIGNING_CERTIFICATE in metadata.force
    4 without | Conflict | SIGNATURE_CONFLICT: the signature does not verify: CN=Longshore Test Authority: does not match; to force it, name SIGNATURE_CONFLICT in metadata.force
    ");
}

#[tokio::test]
async fn limits_hold_for_manifests() {
    for (variable, limit) in [
        ("LONGSHORE_MAX_COMPRESSED_BYTES", "900"),
        ("LONGSHORE_MAX_EXPANDED_BYTES", "3000"),
        ("LONGSHORE_MAX_ENTRIES", "3"),
        ("LONGSHORE_MAX_ENTRY_BYTES", "400"),
        ("LONGSHORE_MAX_JSON_DEPTH", "4"),
    ] {
        let world = World::with(&[(variable, limit)]).await;
        world.owner(ORG).await;
        let deep = small_manifest().edit("consumer.json", |json| json["x"] = json!([[[[[]]]]]));
        let errors = world.refused_manifests([(variable, deep)]).await;
        assert!(errors.contains("limit") || errors.contains("deeper"), "{errors}");
    }
}

#[tokio::test]
async fn no_private_key_is_stored_in_clear() {
    let world = World::with_owner().await;
    let (identity, chained) = (Authority::new().identity(UPSTREAM), Key::named("cdn", 2048));
    let pem = chained.pem(KeyForm::Pkcs8);
    let cdn = move |json: &mut serde_json::Value| json["certificate"] = json!({"id": "c", "key": pem, "cert": "-"});
    let manifest = Manifest::sample(Era::D).edit("content_delivery_network/main.json", cdn);
    let text = String::from_utf8(manifest.files()["export/entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json"].clone())
        .unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let entitlement = json["certificates"][0]["key"].as_str().unwrap().lines().nth(10).unwrap().to_owned();
    world.import(&manifest).await;
    // There is something to hide, and it is not there: 6 of identity and entitlements, 7 of the CDN.
    assert_eq!(world.value::<i64>("SELECT count(*) FROM cp_id_cert WHERE privatekey IS NOT NULL").await, 1);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM cp_certificate WHERE privatekey IS NOT NULL").await, 2);
    assert!(is_nowhere(&world, &identity.key()).await);
    assert!(is_nowhere(&world, &chained).await);
    let all = world.everything().await.join("\n");
    let hex: String = entitlement.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert!(!all.contains(&entitlement) && !all.contains(&hex) && !all.contains("PRIVATE KEY"));
    assert_eq!(world.value::<Option<String>>("SELECT certificate_id FROM cp_cdn").await, None);
}

#[tokio::test]
async fn no_private_key_is_logged_whether_its_manifest_is_imported_or_refused() {
    let world = World::with_owner().await;
    let torn = |json: &mut serde_json::Value| json["certificates"][0]["key"]["PRIVATE KEY"] = json!(1);
    let file = "entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json";
    let mistyped = next_manifest().edit(file, |json| json["quantity"] = json["certificates"][0]["key"].clone());
    let nested = next_manifest().edit(file, |json| json["certificates"][0]["key"] = json!({})).edit(file, torn);
    let all = [Manifest::sample(Era::D), mistyped, nested].map(|manifest| world.announce_manifest(&manifest));
    let verbose = [("AWS_LAMBDA_LOG_LEVEL", "TRACE")];
    let mut function = function::start("manifest-importer", &world.variables(), &verbose).await;
    assert_eq!(function::call(&mut function, &world.event(&all)).await, Ok(vec![]));
    let log = world.import_log().await + &function.logs().join("\n");
    assert!(log.contains("manifest imported") && log.contains("rejected"), "{log}");
    let key = Authority::new().identity(UPSTREAM).key().pem(KeyForm::Pkcs8);
    assert!(!log.contains("PRIVATE KEY") && key.lines().skip(1).take(20).all(|line| !log.contains(line)));
}

#[tokio::test]
async fn the_keys_of_those_further_up_the_chain_are_stored_nowhere() {
    let world = World::with_owner().await;
    let manifest = Manifest::sample(Era::C).chained();
    assert!(
        String::from_utf8_lossy(&manifest.files().into_values().flatten().collect::<Vec<u8>>())
            .contains("first-in-chain")
    );
    world.import(&manifest).await;
    let all = world.everything().await.join("\n");
    assert!(!all.contains("first-in-chain") && !all.contains("b7c1d2e3-0000"));
    assert_eq!(world.value::<i64>("SELECT count(*) FROM cp_id_cert").await, 1);
}
