//! Certificates in manifests and the one that signs: each must be for whom it is said to be, and nobody else may sign.

use insta::assert_snapshot;
use longshore_devkit::manifest::zip_writer::ZipWriter;
use longshore_tests::manifest::{Algorithm, Authority, Era, Key, KeyForm, Manifest, SchemeSigner};
use longshore_tests::{World, next_manifest, small_manifest};
use serde_json::{Value, json};

const ENTITLEMENT: &str = "entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json";
const OTHER: &str = "entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909.json";
const STRANGER: &str = "11111111-2222-4333-8444-555555555555";

/// A JSON file of the sample.
fn json_of(name: &str) -> Value {
    serde_json::from_slice(&next_manifest().files()[&format!("export/{name}")]).unwrap()
}

/// The file of an entitlement's certificate.
fn pem_of(entitlement: &str) -> String {
    format!("entitlement_certificates/{}.pem", json_of(entitlement)["certificates"][0]["serial"]["serial"])
}

/// The only file of a folder of the sample.
fn only_file(folder: &str) -> String {
    let files = next_manifest().files();
    let name = files.keys().find_map(|name| name.strip_prefix("export/").filter(|name| name.starts_with(folder)));
    name.unwrap().to_owned()
}

/// The sample with its first entitlement's certificate changed in JSON, and none in files.
fn certificate(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Manifest {
    next_manifest()
        .without("entitlement_certificates/")
        .edit(ENTITLEMENT, move |json| change(&mut json["certificates"][0]))
}

/// The sample without the serial number of an entitlement's certificate in JSON.
fn without_serial(entitlement: &str) -> Manifest {
    next_manifest().edit(entitlement, |json| json["certificates"][0]["serial"] = json!(null))
}

fn foreign_key() -> String {
    Key::named("foreign", 2048).pem(KeyForm::Pkcs8)
}

#[tokio::test]
async fn an_entitlement_certificate_that_is_not_the_entitlements_is_refused() {
    let world = World::with_import().await;
    let other = json_of(OTHER)["certificates"][0].clone();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let pem = text(&next_manifest().files()[&format!("export/{}", pem_of(OTHER))]);
    let damaged = pem.replacen("MII", "MIj", 1);
    let cases = [
        ("another's", certificate(move |json| *json = other.clone())),
        ("serial", certificate(|json| json["serial"] = json!({"id": 5, "serial": 5}))),
        ("serial as a float", certificate(|json| json["serial"]["serial"] = json!(9.220396096563833e18))),
        ("serial as text", certificate(|json| json["serial"]["serial"] = json!("5"))),
        (
            "serial beyond 63 bits",
            certificate(|json| json["serial"] = json!({"serial": 9_223_372_036_854_775_808_u64})),
        ),
        ("no certificate at all", certificate(|json| json["cert"] = json!("secret"))),
        ("damaged", certificate(|json| json["cert"] = json!(json["cert"].as_str().unwrap().replacen("MII", "MIj", 1)))),
        ("another's key", certificate(|json| json["key"] = json!(foreign_key()))),
        ("file of another certificate", next_manifest().raw(&pem_of(ENTITLEMENT), pem.clone())),
        (
            "file with another key",
            next_manifest()
                .raw(&pem_of(OTHER), pem.split("-----BEGIN PRIVATE KEY").next().unwrap().to_owned() + &foreign_key()),
        ),
        ("damaged file", next_manifest().raw(&pem_of(OTHER), damaged.clone())),
        ("damaged file, without a serial in JSON", without_serial(OTHER).raw(&pem_of(OTHER), damaged.clone())),
        (
            "file with another key, without a serial in JSON",
            without_serial(OTHER).raw(&pem_of(OTHER), pem + &foreign_key()),
        ),
    ];
    let errors = world.refused_manifests(cases).await;
    assert!(!errors.contains("secret"), "{errors}");
    assert_snapshot!(errors, @"
    another's | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: the certificate is for another entitlement
    serial | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: the serial number is not the certificate's
    serial as a float | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: unexpected JSON: invalid type: floating point `9.220396096563832e+18`, expected i64 at line 1 column 4564
    serial as text | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: unexpected JSON: invalid type: string .., expected i64 at line 1 column 4546
    serial beyond 63 bits | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: unexpected JSON: invalid value: integer `9223372036854775808`, expected i64 at line 1 column 4426
    no certificate at all | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: there is a key, and no certificate
    damaged | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: the certificate or its key cannot be used: the certificate is damaged: it is not a sequence
    another's key | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: the private key is not the certificate's
    file of another certificate | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: certificate or key are other ones than in entitlement_certificates/8263475745773579442.pem
    file with another key | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909.json: certificate or key are other ones than in entitlement_certificates/1891085019420891195.pem
    damaged file | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909.json: certificate or key are other ones than in entitlement_certificates/1891085019420891195.pem
    damaged file, without a serial in JSON | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909.json: certificate or key are other ones than in entitlement_certificates/1891085019420891195.pem
    file with another key, without a serial in JSON | Manifest | entitlement_certificates/1891085019420891195.pem: the certificate or its key cannot be used: two PEM blocks hold a private key, where one is expected
    ");
}

#[tokio::test]
async fn a_certificate_that_belongs_to_no_entitlement_is_a_warning() {
    let world = World::with_owner().await;
    world.import(&Manifest::sample(Era::D).without(OTHER)).await;
    assert_snapshot!(world.import_warnings().await, @"entitlement_certificates/1891085019420891195.pem | the certificate belongs to no entitlement; it is ignored");
    assert_eq!(world.value::<i64>("SELECT count(*) FROM cp_certificate").await, 1);
}

#[tokio::test]
async fn a_certificate_without_its_serial_number_is_compared_with_its_file_and_kept_once() {
    let world = World::with_owner().await;
    world.import(&without_serial(OTHER)).await;
    assert_eq!(world.import_warnings().await, "");
    let certificates = "SELECT count(*) || ' ' || count(privatekey) FROM cp_certificate";
    assert_eq!(world.value::<String>(certificates).await, "2 2");
}

#[tokio::test]
async fn stray_files_that_are_no_certificates_stop_nothing() {
    let world = World::with_owner().await;
    let pem = next_manifest().files()[&format!("export/{}", pem_of(OTHER))].clone();
    let manifest = Manifest::sample(Era::D)
        .raw("entitlement_certificates/5.pem", pem)
        .raw("entitlement_certificates/6.pem", "secret")
        .raw("entitlement_certificates/7.pem", [0xff, 0xfe])
        .raw("entitlement_certificates/8.pem", foreign_key())
        .raw("upstream_consumer/keypair.pem", "-----BEGIN PUBLIC KEY-----\nsecret");
    world.import(&manifest).await;
    assert_snapshot!(world.import_warnings().await, @"
    entitlement_certificates/5.pem | the certificate is ignored: its serial number is not the file's name
    entitlement_certificates/6.pem | the certificate is ignored: neither a certificate nor a private key in the PEM text
    entitlement_certificates/7.pem | the certificate is ignored: it is not text
    entitlement_certificates/8.pem | the certificate is ignored: no certificate in the PEM text
    ");
    assert_eq!(world.value::<i64>("SELECT count(*) FROM cp_certificate").await, 2);
}

#[tokio::test]
async fn a_product_is_not_given_another_products_certificate() {
    let world = World::with_owner().await;
    let certificate = |manifest: &Manifest, id: &str| manifest.files()[&format!("export/products/{id}.pem")].clone();
    let first = Manifest::sample(Era::A);
    let swapped = first.clone().raw("products/902.pem", certificate(&first, "901"));
    world.import(&swapped).await;
    assert_snapshot!(world.import_warnings().await, @"products/902.pem | the certificate is another product's; it is ignored");
    let kept =
        "SELECT p.product_id FROM cp_product_certificates c JOIN cp_products p ON p.uuid = c.product_uuid ORDER BY 1";
    assert_snapshot!(world.list(kept).await, @"
    901
    903
    ");
}

#[tokio::test]
async fn an_identity_certificate_that_is_not_the_consumers_is_refused() {
    let world = World::with_import().await;
    let file = only_file("upstream_consumer/");
    let identity = |change: fn(&mut Value)| next_manifest().edit(&file, change);
    let cases = [
        ("another consumer's", next_manifest().identity_certificate(Authority::new().identity(STRANGER))),
        ("another's key", identity(|json| json["key"] = json!(foreign_key()))),
        ("serial", identity(|json| json["serial"]["serial"] = json!(5))),
        ("serial as a float", identity(|json| json["serial"]["id"] = json!(1.5))),
        ("damaged", identity(|json| json["cert"] = json!(json["cert"].as_str().unwrap().replacen("MII", "MIj", 1)))),
        ("a key for a certificate", identity(|json| json["cert"] = json["key"].clone())),
        ("of another consumer than consumer.json", identity(|json| json["uuid"] = json!(STRANGER))),
    ];
    assert_snapshot!(world.refused_manifests(cases).await, @r"
    another consumer's | Manifest | upstream_consumer/1496869458125922125.json: the identity certificate is another consumer's
    another's key | Manifest | upstream_consumer/4222494339595690431.json: the private key is not the identity certificate's
    serial | Manifest | upstream_consumer/4222494339595690431.json: its serial number is not the certificate's
    serial as a float | Manifest | upstream_consumer/4222494339595690431.json: unexpected JSON: invalid type: floating point `1.5`, expected i64 at line 1 column 3373
    damaged | Manifest | upstream_consumer/4222494339595690431.json: the certificate or its key cannot be used: the certificate is damaged: it is not a sequence
    a key for a certificate | Manifest | upstream_consumer/4222494339595690431.json: the certificate or its key cannot be used: two PEM blocks hold a private key, where one is expected
    of another consumer than consumer.json | Manifest | upstream_consumer/4222494339595690431.json: it is of another consumer than consumer.json
    ");
}

#[tokio::test]
async fn whoever_is_not_trusted_or_may_not_sign_does_not_sign() {
    let world = World::with_import().await;
    let short = Authority::with_bits("Short", 1024);
    let (old, other) = (Authority::named("Old").expired(), Authority::named("Other use").without_digital_signature());
    let young =
        Authority::named("Young").valid(longshore_tests::manifest::VALID_TO, longshore_tests::manifest::VALID_TO);
    let trusted: String = [&Authority::new(), &short, &old, &other, &young].map(Authority::pem).concat();
    std::fs::write(world.files().join("trusted.pem"), trusted).unwrap();
    let stranger = Authority::named("Stranger");
    let namesake = Authority::with_bits("Longshore Test Authority", 3072);
    let signers = [
        ("short", &short),
        ("expired", &old),
        ("not yet valid", &young),
        ("for another use", &other),
        ("unknown", &stranger),
        ("of the same name", &namesake),
    ];
    let signed = signers.map(|(name, signer)| (name, next_manifest().build(signer)));
    let sha512 =
        next_manifest().wrap(next_manifest().inner_zip(), |bytes| Authority::new().sign(bytes, Algorithm::Sha512));
    let more = [
        ("cut", next_manifest().signature(vec![1; 255]).build(&Authority::new())),
        ("with another hash", sha512),
        (
            "of another manifest",
            next_manifest().signature(Authority::new().sign(b"x", Algorithm::Sha256)).build(&Authority::new()),
        ),
    ];
    let cases = signed.into_iter().chain(more).map(|(name, bytes)| (name, world.announce_bytes(bytes)));
    assert_snapshot!(world.refusals(cases).await, @r"
    short | Conflict | SIGNATURE_CONFLICT: the signature does not verify: CN=Longshore Test Authority: its signatures have 256 bytes, this one has 128; CN=Short: its RSA key has 1024 bits, not 2048 to 8192; CN=Old: its signatures have 256 bytes, this one has 128; CN=Other use: its signatures have 256 bytes, this one has 128; CN=Young: its signatures have 256 bytes, this one has 128; to force it, name SIGNATURE_CONFLICT in metadata.force
    expired | Conflict | SIGNATURE_CONFLICT: the signature does not verify: made by CN=Old, which expired on 2012-01-01; CN=Longshore Test Authority: does not match; CN=Short: its RSA key has 1024 bits, not 2048 to 8192; CN=Other use: does not match; CN=Young: does not match; to force it, name SIGNATURE_CONFLICT in metadata.force
    not yet valid | Conflict | SIGNATURE_CONFLICT: the signature does not verify: made by CN=Young, which is not valid before 2049-01-01; CN=Longshore Test Authority: does not match; CN=Short: its RSA key has 1024 bits, not 2048 to 8192; CN=Old: does not match; CN=Other use: does not match; to force it, name SIGNATURE_CONFLICT in metadata.force
    for another use | Conflict | SIGNATURE_CONFLICT: the signature does not verify: made by CN=Other use, which may not sign data (keyUsage lacks digitalSignature); CN=Longshore Test Authority: does not match; CN=Short: its RSA key has 1024 bits, not 2048 to 8192; CN=Old: does not match; CN=Young: does not match; to force it, name SIGNATURE_CONFLICT in metadata.force
    unknown | Conflict | SIGNATURE_CONFLICT: the signature does not verify: CN=Longshore Test Authority: does not match; CN=Short: its RSA key has 1024 bits, not 2048 to 8192; CN=Old: does not match; CN=Other use: does not match; CN=Young: does not match; to force it, name SIGNATURE_CONFLICT in metadata.force
    of the same name | Conflict | SIGNATURE_CONFLICT: the signature does not verify: CN=Longshore Test Authority: its signatures have 256 bytes, this one has 384; CN=Short: its RSA key has 1024 bits, not 2048 to 8192; CN=Old: its signatures have 256 bytes, this one has 384; CN=Other use: its signatures have 256 bytes, this one has 384; CN=Young: its signatures have 256 bytes, this one has 384; to force it, name SIGNATURE_CONFLICT in metadata.force
    cut | Conflict | SIGNATURE_CONFLICT: the signature does not verify: CN=Longshore Test Authority: its signatures have 256 bytes, this one has 255; CN=Short: its RSA key has 1024 bits, not 2048 to 8192; CN=Old: its signatures have 256 bytes, this one has 255; CN=Other use: its signatures have 256 bytes, this one has 255; CN=Young: its signatures have 256 bytes, this one has 255; to force it, name SIGNATURE_CONFLICT in metadata.force
    with another hash | Conflict | SIGNATURE_CONFLICT: the signature does not verify: CN=Longshore Test Authority: does not match; CN=Short: its RSA key has 1024 bits, not 2048 to 8192; CN=Old: does not match; CN=Other use: does not match; CN=Young: does not match; to force it, name SIGNATURE_CONFLICT in metadata.force
    of another manifest | Conflict | SIGNATURE_CONFLICT: the signature does not verify: CN=Longshore Test Authority: does not match; CN=Short: its RSA key has 1024 bits, not 2048 to 8192; CN=Old: does not match; CN=Other use: does not match; CN=Young: does not match; to force it, name SIGNATURE_CONFLICT in metadata.force
    ");
}

#[tokio::test]
async fn a_scheme_that_is_malformed_unsupported_or_not_trusted_is_refused() {
    let world = World::with_import().await;
    let good = Authority::new().scheme("rsa");
    let identity = Authority::new().identity(longshore_tests::UPSTREAM);
    let client = SchemeSigner::new("client", identity.certificate(), identity.key());
    let edited = |change: fn(&mut Value)| {
        let manifest = next_manifest().scheme(&good).edit("scheme.json", change);
        manifest.wrap(manifest.inner_zip(), |bytes| good.sign(bytes))
    };
    let cases = [
        ("a client's", next_manifest().build_with_scheme(&client)),
        ("of an unknown authority", next_manifest().build_with_scheme(&Authority::named("Stranger").scheme("rsa"))),
        ("signed by somebody else", next_manifest().scheme(&good).build(&Authority::named("Stranger"))),
        ("signed by the authority itself", next_manifest().scheme(&good).build(&Authority::new())),
        (
            "ML-DSA",
            edited(|json| {
                (json["signature_algorithm"], json["key_algorithm"]) = (json!("ML-DSA-65"), json!("ML-DSA-65"))
            }),
        ),
        ("SHA-1", edited(|json| json["signature_algorithm"] = json!("SHA1withRSA"))),
        ("another hash", edited(|json| json["signature_algorithm"] = json!("SHA512withRSA"))),
        ("another key", edited(|json| json["key_algorithm"] = json!("EC"))),
        ("no name", edited(|json| json["name"] = json!(null))),
        ("no certificate", edited(|json| drop(json.as_object_mut().unwrap().remove("certificate")))),
        ("certificate in PEM", edited(|json| json["certificate"] = json!("-----BEGIN CERTIFICATE-----"))),
        ("damaged certificate", edited(|json| json["certificate"] = json!("MIIB"))),
        ("a number", edited(|json| json["key_algorithm"] = json!(5))),
        ("a list", edited(|json| *json = json!([]))),
    ];
    let cases = cases.map(|(name, bytes)| (name, world.announce_bytes(bytes)));
    assert_snapshot!(world.refusals(cases).await, @r#"
    a client's | Conflict | UNTRUSTED_SIGNING_CERTIFICATE: the signing certificate CN=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 is not trusted: CN=Longshore Test Authority issued it for something else: its extended key usage has another purpose than codeSigning and documentSigning; to force it, name UNTRUSTED_SIGNING_CERTIFICATE in metadata.force
    of an unknown authority | Conflict | UNTRUSTED_SIGNING_CERTIFICATE: the signing certificate CN=rsa is not trusted: neither it nor its issuer is among the trusted certificates; to force it, name UNTRUSTED_SIGNING_CERTIFICATE in metadata.force
    signed by somebody else | Conflict | SIGNATURE_CONFLICT: the signature does not verify: CN=rsa: does not match; to force it, name SIGNATURE_CONFLICT in metadata.force
    signed by the authority itself | Conflict | SIGNATURE_CONFLICT: the signature does not verify: CN=rsa: does not match; to force it, name SIGNATURE_CONFLICT in metadata.force
    ML-DSA | Signature | signature scheme "rsa" with algorithm "ML-DSA-65" is not supported yet
    SHA-1 | Signature | signature scheme "rsa" with algorithm "SHA1withRSA" is not supported yet
    another hash | Conflict | SIGNATURE_CONFLICT: the signature does not verify: CN=rsa: does not match; to force it, name SIGNATURE_CONFLICT in metadata.force
    another key | Signature | scheme.json: `key_algorithm` does not fit SHA256withRSA, which needs RSA
    no name | Signature | scheme.json: `name` is missing or null
    no certificate | Signature | scheme.json: `certificate` is missing or null
    certificate in PEM | Signature | scheme.json: `certificate` is not base64
    damaged certificate | Signature | scheme.json: `certificate`: not an X.509 certificate
    a number | Signature | scheme.json: `key_algorithm` is not a string
    a list | Signature | scheme.json: not a JSON object of the expected keys, at line 1
    "#);
    let empty = ZipWriter::of(small_manifest().files()).file("export/scheme.json", "").build();
    let empty = [("an empty file", world.announce_bytes(longshore_tests::signed_export(empty)))];
    assert_snapshot!(world.refusals(empty).await, @"an empty file | Signature | scheme.json: not a JSON object of the expected keys, at line 1");
}
