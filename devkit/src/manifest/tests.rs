use std::collections::BTreeMap;

use serde_json::{Value, json};
use time::macros::datetime;

use super::zip_writer::unzip;
use super::{Algorithm, Authority, DateSpelling, Entitlement, Era, Manifest, Product, Scale, Spelling};

mod certificates;
mod eras;

fn json_of(files: &BTreeMap<String, Vec<u8>>, name: &str) -> Value {
    serde_json::from_slice(&files[&format!("export/{name}")]).unwrap()
}

fn only_entitlement(manifest: &Manifest) -> Value {
    let files = manifest.files();
    let name = files.keys().find(|name| name.starts_with("export/entitlements/")).unwrap();
    serde_json::from_slice(&files[name]).unwrap()
}

#[test]
fn the_same_calls_give_the_same_bytes() {
    for era in Era::ALL {
        let build = || Manifest::sample(era).build(&Authority::new());
        assert_eq!(build(), build(), "{era:?}");
        let bundle = || Manifest::sample(era).bundle(Spelling::Export);
        assert_eq!(bundle(), bundle(), "{era:?}");
    }
}

#[test]
fn a_manifest_is_a_signed_zip_in_a_zip() {
    let manifest = Manifest::sample(Era::C).uuid("u-1");
    let outer = manifest.build(&Authority::new());
    let members = unzip(&outer).unwrap();
    assert_eq!(members.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["consumer_export.zip", "signature"]);
    assert!(outer.ends_with(b"signed Candlepin export for u-1"));
    assert!(members[0].1.ends_with(b"Candlepin export for u-1"));
    assert_eq!(members[1].1, Authority::new().sign(&members[0].1, Algorithm::Sha256));
    let inner: BTreeMap<_, _> = unzip(&members[0].1).unwrap().into_iter().collect();
    assert_eq!(inner, manifest.files());
    assert!(inner.keys().all(|name| name.starts_with("export/") && !name.ends_with('/')));
}

#[test]
fn changes_apply_in_their_order() {
    let files = Manifest::sample(Era::D)
        .without("products/")
        .raw("products/7.json", "{}")
        .edit("products/7.json", |product| product["id"] = json!("7"))
        .without("content_delivery_network/main.json")
        .files();
    let products: Vec<_> = files.keys().filter(|name| name.starts_with("export/products/")).collect();
    assert_eq!(products, ["export/products/7.json"]);
    assert_eq!(files["export/products/7.json"], br#"{"id":"7"}"#);
    assert!(!files.contains_key("export/content_delivery_network/main.json"));
}

#[test]
#[should_panic(expected = "the tree has no rules/rules.js to leave out")]
fn leaving_out_what_is_not_there_is_an_error() {
    Manifest::new(Era::D).without("rules/rules.js").files();
}

#[test]
fn a_signature_can_be_left_out_replaced_and_accompanied() {
    let manifest = Manifest::new(Era::D);
    let names = |zip: &[u8]| unzip(zip).unwrap().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(&manifest.build_unsigned()), ["consumer_export.zip"]);
    let odd = manifest.signature("").beside("export/meta.json", "{}").build(&Authority::new());
    assert_eq!(names(&odd), ["consumer_export.zip", "export/meta.json", "signature"]);
    assert_eq!(unzip(&odd).unwrap()[2].1, b"");
}

#[test]
fn an_entitlement_says_what_its_row_says() {
    let row = Entitlement::new("e1", "p1", "SKU")
        .quantity(4)
        .contract("C")
        .account("A")
        .order("O")
        .dates(datetime!(2020-01-01 00:00 UTC), datetime!(2021-01-01 00:00 UTC))
        .provides(&["7", "8"])
        .derived("GUEST", &["9"])
        .branding("7", "Seven OEM", "OS")
        .subscription_id("s1");
    let body = only_entitlement(&Manifest::new(Era::D).product(Product::new("7", "Seven")).entitlement(row));
    let pool = &body["pool"];
    assert_eq!((&body["id"], &body["quantity"], &pool["id"]), (&json!("e1"), &json!(4), &json!("p1")));
    assert_eq!(body["endDate"], "2021-01-01T00:00:00.000Z");
    assert_eq!(json!([pool["contractNumber"], pool["accountNumber"], pool["orderNumber"]]), json!(["C", "A", "O"]));
    let provided = json!([{"productId": "7", "productName": "Seven"}, {"productId": "8", "productName": "8"}]);
    assert_eq!(pool["providedProducts"], provided);
    assert_eq!((&pool["derivedProductId"], &pool["subscriptionId"]), (&json!("GUEST"), &json!("s1")));
    assert_eq!(pool["derivedProvidedProducts"][0]["productId"], "9");
    assert_eq!(pool["branding"][0]["name"], "Seven OEM");
}

#[test]
fn a_chained_export_shows_the_exporters_own_upstream_consumer_with_its_key() {
    let row = Entitlement::new("e1", "p1", "SKU");
    let body = only_entitlement(&Manifest::new(Era::D).entitlement(row).chained());
    let key = body["pool"]["owner"]["upstreamConsumer"]["idCert"]["key"].as_str().unwrap();
    assert!(key.starts_with("-----BEGIN PRIVATE KEY-----\n"));
}

#[test]
fn dates_have_the_spelling_that_was_asked_for() {
    let created = |spelling| json_of(&Manifest::new(Era::D).dates(spelling).files(), "meta.json")["created"].clone();
    assert_eq!(created(DateSpelling::Plain), "2026-03-05T10:20:30.400+0000");
    assert_eq!(created(DateSpelling::Colon), "2026-03-05T10:20:30.400+00:00");
    assert_eq!(created(DateSpelling::Z), "2026-03-05T10:20:30.400Z");
    assert_eq!(created(DateSpelling::Day), "2026-03-05");
    assert_eq!(created(DateSpelling::Milliseconds), 1_772_706_030_400_i64);
}

#[test]
fn a_bundle_has_the_layout_of_the_design_in_every_spelling() {
    let manifest = Manifest::sample(Era::B).uuid("u-1");
    let identity = manifest.identity().unwrap();
    for (spelling, prefix) in Spelling::ALL.into_iter().zip(["", "/", "./", "export/"]) {
        let (bundle, signature) = manifest.signed_bundle(spelling, &Authority::new());
        assert_eq!(signature, Authority::new().sign(&bundle, Algorithm::Sha256));
        let files = untar(&bundle);
        let file = |name: &str| &files[&format!("{prefix}{name}")];
        let meta: Value = serde_json::from_slice(file("meta.json")).unwrap();
        assert_eq!(meta["version"], "1.0");
        let consumer: Value = serde_json::from_slice(file("upstream_consumer/u-1.json")).unwrap();
        assert_eq!(consumer["prefixUrlWeb"], "upstream.example/subs/");
        let id = super::authority::id_of("identity", &identity.serial_number().to_string());
        assert!(file(&format!("upstream_consumer/{id}.pem")).starts_with(b"-----BEGIN CERTIFICATE-----\n"));
        assert!(file("rules/rules.js").starts_with(b"// Version: 4.2\n"));
        assert!(file("products/901.pem").starts_with(b"-----BEGIN CERTIFICATE-----\n"));
    }
}

fn untar(bundle: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bundle));
    let read = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.unwrap();
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
        (name, bytes)
    };
    archive.entries().unwrap().map(read).collect()
}

#[test]
fn a_changed_scale_differs_in_its_share_only() {
    let scale = Scale { entitlements: 400, products: 300, contents_per_product: 2 };
    let (before, after) = (scale.manifest(), scale.changed(0.01, 7));
    let differ = |a: &[Product], b: &[Product]| a.iter().zip(b).filter(|(a, b)| a != b).count();
    assert_eq!(differ(&before.products, &after.products), 3);
    let changed = before.entitlements.iter().zip(&after.entitlements).filter(|(a, b)| a != b).count();
    assert_eq!(changed, 4);
    assert_eq!(scale.changed(0.01, 7).products, after.products);
    assert_ne!(scale.changed(0.01, 8).products, after.products);
    let certificates = |manifest: &Manifest| {
        let files = manifest.files().into_iter();
        files.filter(|(name, _)| name.starts_with("export/entitlement_certificates/")).collect::<BTreeMap<_, _>>()
    };
    let (before, after) = (certificates(&before), certificates(&after));
    assert_eq!(after.iter().filter(|(name, pem)| before.get(*name) != Some(pem)).count(), 4);
}

#[test]
fn a_scale_holds_what_it_says() {
    let scale = Scale { entitlements: 100, products: 75, contents_per_product: 40 };
    let manifest = scale.manifest();
    assert_eq!(manifest.products.iter().filter(|product| product.is_engineering()).count(), 50);
    let contents: std::collections::BTreeSet<_> =
        manifest.products.iter().flat_map(|product| &product.content).map(|content| &content.id).collect();
    assert_eq!(contents.len(), 75 * 40);
    assert!(manifest.products[50..].iter().all(|sku| sku.provides.len() == 2));
    assert_eq!(manifest.files().len(), 75 + 2 * 100 + 6);
}
