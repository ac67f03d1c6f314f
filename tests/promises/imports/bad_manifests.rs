//! Manifests that are soundly packed and signed, and that say what cannot be: refused by the name of the part, and nothing
//! is written. What the world leaves out or writes oddly is imported.

use insta::assert_snapshot;
use longshore_tests::manifest::{Entitlement, Era, Manifest, Product};
use longshore_tests::{World, next_manifest, small_manifest};
use serde_json::{Value, json};

/// Files of the sample.
const ENTITLEMENT: &str = "entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json";
const PRODUCT: &str = "products/901.json";
const SKU: &str = "products/EX-SKU-1.json";

/// The sample with one value of a file replaced, found by its JSON pointer (RFC 6901).
fn with(file: &str, pointer: &'static str, value: Value) -> Manifest {
    next_manifest().edit(file, move |json| *json.pointer_mut(pointer).unwrap() = value.clone())
}

/// The sample without one key of an object of a file.
fn without(file: &str, pointer: &'static str, key: &'static str) -> Manifest {
    next_manifest().edit(file, move |json| {
        json.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(key).unwrap();
    })
}

/// Text that no index makes shorter.
fn noise(length: usize) -> String {
    let mut random = fastrand::Rng::with_seed(7);
    (0..length).map(|_| random.alphanumeric()).collect()
}

#[tokio::test]
async fn a_manifest_without_a_part_that_all_have_is_refused() {
    let world = World::with_import().await;
    let cases = [
        ("meta.json", next_manifest().without("meta.json")),
        ("consumer.json", next_manifest().without("consumer.json")),
        ("consumer_types", next_manifest().without("consumer_types/")),
        ("entitlements", next_manifest().without("entitlements/")),
        ("created", without("meta.json", "", "created")),
        ("uuid", without("consumer.json", "", "uuid")),
        ("blank uuid", with("consumer.json", "/uuid", json!(" "))),
        ("unknown type", with("consumer.json", "/type/label", json!("spaceship"))),
        ("rules without a version", next_manifest().raw("rules2/rules.js", "var x;")),
    ];
    assert_snapshot!(world.refused_manifests(cases).await, @r"
    meta.json | Manifest | the manifest has no meta.json
    consumer.json | Manifest | the manifest has no consumer.json
    consumer_types | Manifest | the manifest has no consumer_types/
    entitlements | Manifest | the manifest has no entitlements/, although it has products/
    created | Manifest | meta.json: it does not say when the manifest was created
    uuid | Manifest | consumer.json: it holds no uuid of the upstream consumer
    blank uuid | Manifest | consumer.json: it holds no uuid of the upstream consumer
    unknown type | Manifest | consumer.json: the consumer's type is neither in consumer_types/ nor known here
    rules without a version | Manifest | rules2/rules.js: its first line is not `// Version: <number>.<number>`
    ");
}

#[tokio::test]
async fn an_entitlement_that_lacks_something_is_refused() {
    let world = World::with_import().await;
    let cases = [
        ("pool", without(ENTITLEMENT, "", "pool")),
        ("pool.id", without(ENTITLEMENT, "/pool", "id")),
        ("productId", without(ENTITLEMENT, "/pool", "productId")),
        ("quantity", without(ENTITLEMENT, "", "quantity")),
        ("startDate", without(ENTITLEMENT, "", "startDate")),
        ("endDate", with(ENTITLEMENT, "/endDate", json!(null))),
        ("negative", with(ENTITLEMENT, "/quantity", json!(-1))),
        ("branding", without(ENTITLEMENT, "/pool/branding/0", "name")),
        ("provided", without(ENTITLEMENT, "/pool/providedProducts/0", "productId")),
        ("unknown sku", with(ENTITLEMENT, "/pool/productId", json!("EX-SKU-9"))),
        ("unknown provided", with(ENTITLEMENT, "/pool/providedProducts/0/productId", json!("909"))),
        (
            "unknown derived",
            next_manifest().edit("entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909.json", |json| {
                json["pool"]["derivedProductId"] = json!("EX-SKU-9")
            }),
        ),
        ("unknown derived provided", with(ENTITLEMENT, "/pool/derivedProvidedProducts/0/productId", json!("909"))),
    ];
    assert_snapshot!(world.refused_manifests(cases).await, @r"
    pool | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: pool is missing
    pool.id | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: pool.id is missing
    productId | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: pool.productId is missing
    quantity | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: quantity is missing
    startDate | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: startDate is missing
    endDate | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: endDate is missing
    negative | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: quantity is negative
    branding | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: unexpected JSON: missing field `name` at line 1 column 4945
    provided | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: unexpected JSON: missing field `productId` at line 1 column 6166
    unknown sku | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: product EX-SKU-9 is not in products/
    unknown provided | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: product 909 is not in products/
    unknown derived | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909.json: product EX-SKU-9 is not in products/
    unknown derived provided | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: product 909 is not in products/
    ");
}

#[tokio::test]
async fn files_that_are_no_json_or_of_another_shape_are_refused_and_not_quoted() {
    let world = World::with_import().await;
    let object = json!({"secret": 1});
    let cases = [
        ("empty", next_manifest().raw("meta.json", "")),
        ("cut", next_manifest().raw(ENTITLEMENT, "{\"id\":\"secret")),
        ("not UTF-8", next_manifest().raw(PRODUCT, b"{\"id\":\"\xff\"}".to_vec())),
        ("a list", next_manifest().raw("consumer.json", "[\"secret\"]")),
        ("null", next_manifest().raw(SKU, "null")),
        ("rules not UTF-8", next_manifest().raw("rules2/rules.js", b"// Version: 9.9\n\xff".to_vec())),
        ("no date", with("meta.json", "/created", json!("secret"))),
        ("no such day", with(ENTITLEMENT, "/startDate", json!("2026-02-30T00:00:00.000Z"))),
        ("text for a number", with(ENTITLEMENT, "/quantity", json!("secret"))),
        ("a fraction", with(ENTITLEMENT, "/quantity", json!(1.5))),
        ("beyond 64 bits", next_manifest().raw(ENTITLEMENT, "{\"quantity\":9223372036854775808}")),
        ("an object for text", with(PRODUCT, "/name", object.clone())),
        ("an object for a list", with(PRODUCT, "/productContent", object)),
        ("text for yes or no", with(PRODUCT, "/productContent/0/enabled", json!("secret"))),
        ("attribute", without(PRODUCT, "/attributes/0", "name")),
        ("content", without(PRODUCT, "/productContent/0", "content")),
        ("content id", without(PRODUCT, "/productContent/0/content", "id")),
        ("product id", without(PRODUCT, "", "id")),
        ("type without a label", without("consumer_types/candlepin.json", "", "label")),
        ("version without a name", without("distributor_version/lab-1.json", "", "name")),
        ("cdn without a label", without("content_delivery_network/main.json", "", "label")),
    ];
    let errors = world.refused_manifests(cases).await;
    assert!(!errors.contains("secret"), "{errors}");
    assert_snapshot!(errors, @r"
    empty | Manifest | meta.json: not JSON: EOF while parsing a value at line 1 column 0
    cut | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: not JSON: EOF while parsing a string at line 1 column 13
    not UTF-8 | Manifest | products/901.json: not JSON: invalid unicode code point at line 1 column 8
    a list | Manifest | consumer.json: a JSON list, where an object is expected
    null | Manifest | products/EX-SKU-1.json: unexpected JSON: invalid type: null, expected struct Product at line 1 column 4
    rules not UTF-8 | Manifest | rules2/rules.js: it is not UTF-8 text
    no date | Manifest | meta.json: unexpected JSON: invalid value: string .., expected a date such as 2026-03-05T10:20:30.400Z, or milliseconds since 1970 at line 1 column 37
    no such day | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: unexpected JSON: invalid value: string .., expected a date such as 2026-03-05T10:20:30.400Z, or milliseconds since 1970 at line 1 column 6659
    text for a number | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: unexpected JSON: invalid type: string .., expected i64 at line 1 column 6626
    a fraction | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: unexpected JSON: invalid type: floating point `1.5`, expected i64 at line 1 column 6621
    beyond 64 bits | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: unexpected JSON: invalid value: integer `9223372036854775808`, expected i64 at line 1 column 31
    an object for text | Manifest | products/901.json: unexpected JSON: invalid type: map, expected text at line 1 column 200
    an object for a list | Manifest | products/901.json: unexpected JSON: invalid type: map, expected a sequence at line 1 column 233
    text for yes or no | Manifest | products/901.json: unexpected JSON: invalid type: string .., expected a boolean at line 1 column 695
    attribute | Manifest | products/901.json: unexpected JSON: missing field `name` at line 1 column 33
    content | Manifest | products/901.json: unexpected JSON: missing field `content` at line 1 column 250
    content id | Manifest | products/901.json: unexpected JSON: missing field `id` at line 1 column 663
    product id | Manifest | products/901.json: unexpected JSON: missing field `id` at line 1 column 1247
    type without a label | Manifest | consumer_types/candlepin.json: unexpected JSON: missing field `label` at line 1 column 57
    version without a name | Manifest | distributor_version/lab-1.json: unexpected JSON: missing field `name` at line 1 column 280
    cdn without a label | Manifest | content_delivery_network/main.json: unexpected JSON: missing field `label` at line 1 column 180
    ");
}

#[tokio::test]
async fn what_does_not_fit_its_column_is_refused() {
    let world = World::with_import().await;
    let long = || json!("x".repeat(256));
    let named = |file: &'static str| next_manifest().edit(file, move |json| json["name"] = json!(noise(256)));
    let many = Product::new("EX-SKU-3", "Many").attribute("virt_only", &noise(256));
    let cases = [
        ("uuid", with("consumer.json", "/uuid", long()).without_identity_certificate()),
        ("name", with("consumer.json", "/name", long())),
        ("type", with("consumer_types/system.json", "/label", long())),
        ("version", named("distributor_version/lab-1.json")),
        ("version for people", with("distributor_version/lab-1.json", "/displayName", long())),
        ("capability", with("distributor_version/lab-1.json", "/capabilities/0/name", long())),
        ("cdn", with("content_delivery_network/main.json", "/label", long())),
        ("cdn's name", with("content_delivery_network/main.json", "/name", long())),
        ("cdn's url", with("content_delivery_network/main.json", "/url", long())),
        ("product", with(PRODUCT, "/id", json!("9".repeat(33)))),
        ("blank product", with(PRODUCT, "/id", json!(""))),
        ("content", with(PRODUCT, "/productContent/0/content/id", long())),
        ("attribute", with(PRODUCT, "/attributes/0/name", json!(noise(9_000)))),
        ("dependent product", with("products/902.json", "/dependentProductIds/0", json!(noise(9_000)))),
        ("pool", with(ENTITLEMENT, "/pool/id", long())),
        ("order", with(ENTITLEMENT, "/pool/orderNumber", long())),
        ("branding", with(ENTITLEMENT, "/pool/branding/0/type", json!("x".repeat(33)))),
        (
            "attribute of a pool",
            next_manifest().product(many).entitlement(Entitlement::new("e3", "p3", "EX-SKU-3").without_certificate()),
        ),
        ("a year before Christ", with(ENTITLEMENT, "/startDate", json!(-99_999_999_999_999_i64))),
        ("the year 0", with(ENTITLEMENT, "/startDate", json!("0000-01-01"))),
    ];
    assert_snapshot!(world.refused_manifests(cases).await, @r"
    uuid | Manifest | consumer.json: uuid is longer than 255 characters
    name | Manifest | consumer.json: name is longer than 255 characters
    type | Manifest | consumer_types/: a name or label is blank, over 255 characters, or has U+0000
    version | Manifest | distributor_version/: a name or label is blank, over 255 characters, or has U+0000
    version for people | Manifest | distributor_version/: a text of lab-1 is over 255 characters, or has U+0000
    capability | Manifest | distributor_version/: a text of lab-1 is over 255 characters, or has U+0000
    cdn | Manifest | content_delivery_network/: a name or label is blank, over 255 characters, or has U+0000
    cdn's name | Manifest | content_delivery_network/: a text of main is over 255 characters, or has U+0000
    cdn's url | Manifest | content_delivery_network/: a text of main is over 255 characters, or has U+0000
    product | Manifest | products/901.json: a product's id is blank or longer than 32 characters
    blank product | Manifest | products/901.json: a product's id is blank or longer than 32 characters
    content | Manifest | products/901.json: a content set's id is blank or longer than 255 bytes
    attribute | Manifest | products/901.json: the name of an attribute is longer than 255 characters
    dependent product | Manifest | products/902.json: the id of a product that it needs is longer than 255 characters
    pool | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: a text is longer than 255 characters
    order | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: a text is longer than 255 characters
    branding | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: a text is longer than 32 characters
    attribute of a pool | Manifest | products/EX-SKU-3.json: the attribute virt_only is longer than 255 characters
    a year before Christ | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: unexpected JSON: invalid value: integer `-99999999999999`, expected a date such as 2026-03-05T10:20:30.400Z, or milliseconds since 1970 at line 1 column 6648
    the year 0 | Manifest | entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json: unexpected JSON: invalid value: string .., expected a date such as 2026-03-05T10:20:30.400Z, or milliseconds since 1970 at line 1 column 6645
    ");
}

#[tokio::test]
async fn what_is_there_twice_is_refused_or_the_first_one_counts() {
    let world = World::with_import().await;
    let copy = |manifest: Manifest, from: &str, to: &str| {
        let bytes = manifest.files()[&format!("export/{from}")].clone();
        manifest.raw(to, bytes)
    };
    let cases = [
        ("type", copy(next_manifest(), "consumer_types/system.json", "consumer_types/a.json")),
        ("version", copy(next_manifest(), "distributor_version/lab-1.json", "distributor_version/lab-2.json")),
        ("cdn", copy(next_manifest(), "content_delivery_network/main.json", "content_delivery_network/a.json")),
        ("entitlement", copy(next_manifest(), ENTITLEMENT, "entitlements/again.json")),
    ];
    assert_snapshot!(world.refused_manifests(cases).await, @r"
    type | Manifest | consumer_types/: system is described twice
    version | Manifest | distributor_version/: lab-1 is described twice
    cdn | Manifest | content_delivery_network/: main is described twice
    entitlement | Manifest | entitlements/again.json: another file describes the same entitlement
    ");
    let renamed = copy(next_manifest(), PRODUCT, "products/9010.json")
        .edit("products/9010.json", |json| json["name"] = json!("Later"));
    world.import(&renamed).await;
    assert_snapshot!(world.last_entry().await, @"0 | 5318290: manifest imported");
    assert_snapshot!(world.import_warnings().await, @r"
    products/9010.json | the product's id is not its file's name; the id counts
    products/9010.json | a product is described more than once; the first one counts
    ");
    assert!(!world.products().await.contains("Later"));
}

#[tokio::test]
async fn what_the_world_leaves_out_or_writes_oddly_is_imported() {
    let null_everywhere = |json: &mut Value| {
        for key in [
            "contractNumber",
            "accountNumber",
            "orderNumber",
            "branding",
            "providedProducts",
            "derivedProvidedProducts",
            "attributes",
            "productAttributes",
            "owner",
            "derivedProductId",
            "subscriptionId",
            "quantity",
        ] {
            json["pool"][key] = json!(null);
        }
        json["certificates"] = json!(null);
    };
    let product = |json: &mut Value| {
        for key in ["attributes", "productContent", "dependentProductIds", "providedProducts", "derivedProduct", "name"]
        {
            json[key] = json!(null);
        }
    };
    let cases = [
        ("nulls in entitlements", small_manifest().edit("entitlements/e1.json", null_everywhere)),
        ("nulls in products", small_manifest().edit("products/S.json", product)),
        (
            "nulls in meta.json",
            small_manifest().edit("meta.json", |json| {
                for key in ["version", "principalName", "webAppPrefix", "cdnLabel"] {
                    json[key] = json!(null);
                }
            }),
        ),
        (
            "nulls in consumer.json",
            small_manifest().edit("consumer.json", |json| {
                for key in ["name", "type", "owner", "urlWeb", "urlApi", "contentAccessMode"] {
                    json[key] = json!(null);
                }
            }),
        ),
        (
            "a type that is not said to be a manifest's",
            small_manifest().edit("consumer_types/candlepin.json", |json| json["manifest"] = json!(null)),
        ),
        (
            "numbers for text",
            small_manifest().edit("entitlements/e1.json", |json| json["pool"]["contractNumber"] = json!(5)),
        ),
        ("unknown keys", small_manifest().edit("consumer.json", |json| json["weather"] = json!({"today": ["fair"]}))),
        ("unknown files", small_manifest().raw("weather/today.json", "{").raw("readme", "hello")),
        (
            "attributes as a map",
            small_manifest().edit("products/S.json", |json| json["attributes"] = json!({"a": "b"})),
        ),
        ("a byte of nothing in a name", small_manifest().edit("products/S.json", |json| json["name"] = json!("a\0b"))),
        ("no products", small_manifest().without("products/").without("entitlements/")),
        (
            "a lot of guests",
            small_manifest().product(Product::new("S", "Small").attribute("virt_limit", "9223372036854775807")),
        ),
        (
            "more than anybody has",
            small_manifest().edit("entitlements/e1.json", |json| json["quantity"] = json!(i64::MAX)),
        ),
        (
            "a product in itself",
            small_manifest().edit("products/S.json", |json| json["providedProducts"] = json!([{"id": "S"}])),
        ),
        ("the first era's", Manifest::new(Era::A)),
    ];
    for (what, manifest) in cases {
        let world = World::with_owner().await;
        world.import(&manifest).await;
        assert!(world.import_log().await.starts_with("imported"), "{what}: {}", world.import_log().await);
    }
}
