//! What a first import makes: pools, the upstream consumer, content, branding, certificates, and an entry in the history.

use insta::assert_snapshot;
use longshore_tests::manifest::{Content, Entitlement, Era, Manifest, Product};
use longshore_tests::{World, small};

/// A SKU with a product, a SKU for guests and its product, a content set each.
fn suite() -> Manifest {
    let with_content = |id: &str, name: &str, content: &str| {
        Product::new(id, name).content(Content::new(content, &format!("c-{content}")).metadata_expire(6000))
    };
    Manifest::new(Era::D)
        .product(with_content("901", "Engine", "90101"))
        .product(with_content("902", "Guest Engine", "90201"))
        .product(with_content("SKU", "Suite", "90301").provides(&["901"]).derived("SKU-G"))
        .product(with_content("SKU-G", "Suite for guests", "90401").provides(&["902"]))
        .entitlement(Entitlement::new("e1", "p1", "SKU"))
}

#[tokio::test]
async fn a_subscription_becomes_one_pool_with_provided_and_derived_products() {
    let world = World::with_owner().await;
    world.import(&suite()).await;
    assert_snapshot!(world.pools().await, @"NORMAL | SKU x 10 | master");
    assert_snapshot!(world.subscriptions().await, @"e1 | SKU x 10 | with 901 | guests SKU-G | with 902");
    let products = "SELECT concat_ws(' ', dtype, product_id) FROM cp_pool_products ORDER BY dtype, product_id";
    assert_snapshot!(world.list(products).await, @"
    derived 902
    provided 901
    ");
}

#[tokio::test]
async fn pools_that_were_made_here_survive() {
    let world = World::with_owner().await;
    world.custom_pools().await;
    let before = world.list("SELECT ctid::text || xmin FROM cp_pool").await;
    world.import(&suite()).await;
    assert_snapshot!(world.pools().await, @"
    NORMAL | LOCAL-1 x 5 | custom
    NORMAL | LOCAL-2 x 5 | custom
    NORMAL | SKU x 10 | master
    ");
    let after = world.list("SELECT ctid::text || xmin FROM cp_pool WHERE NOT managed").await;
    assert_eq!(before, after);
}

#[tokio::test]
async fn the_multiplier_is_not_applied_again() {
    let world = World::with_owner().await;
    let sku = Product::new("SKU", "Suite").multiplier(2).attribute("virt_only", "true");
    world.import(&small().product(sku).entitlement(Entitlement::new("e1", "p1", "SKU").quantity(10))).await;
    assert_snapshot!(world.pools().await, @"NORMAL | SKU x 10 | master");
    assert_snapshot!(world.columns("SELECT name, value FROM cp_pool_attribute").await, @"name=virt_only | value=true");
    let multipliers: i64 = world.value("SELECT count(*) FROM cp_products WHERE multiplier <> 1").await;
    assert_eq!(multipliers, 0);
}

#[tokio::test]
async fn the_owner_is_linked_to_the_upstream_consumer() {
    let world = World::with_owner().await;
    let linked = "SELECT u.uuid, u.name, u.owner_id AS owner, u.prefix_url_api AS api, u.prefix_url_web AS web,
                         i.cert IS NOT NULL AS id_cert
                  FROM cp_owner o JOIN cp_upstream_consumer u ON u.id = o.upstream_id
                  LEFT JOIN cp_id_cert i ON i.id = u.consumer_idcert_id";
    assert_eq!(world.columns(linked).await, "");
    world.import(&small().urls("web.example/", "https://api.example/consumers/").cdn_label("main")).await;
    assert_snapshot!(world.columns(linked).await, @"uuid=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | name=lab-distributor | owner=5318290 | api=https://api.example/consumers/ | web=web.example/ | id_cert=true");
}

#[tokio::test]
async fn subscriptions_name_the_content_delivery_network_of_the_export() {
    let world = World::with_owner().await;
    let manifest = small().cdn("main", "Main CDN", "https://cdn.example").cdn_label("main");
    world.import(&manifest).await;
    let label = "SELECT n.label AS cdn, p.cdn_id = s.cdn_id AS same_of_pool
                 FROM cp_subscription s JOIN cp_cdn n ON n.id = s.cdn_id JOIN cp_pool p ON p.subscriptionid = s.id";
    assert_snapshot!(world.columns(label).await, @"cdn=main | same_of_pool=true");
}

#[tokio::test]
async fn a_content_delivery_network_that_is_unknown_here_is_none() {
    let world = World::with_owner().await;
    world.import(&small().cdn_label("elsewhere")).await;
    assert_snapshot!(world.columns("SELECT quantity, cdn_id FROM cp_subscription").await, @"quantity=10");
}

#[tokio::test]
async fn the_history_says_who_made_the_manifest_and_for_whom() {
    let world = World::with_owner().await;
    world.import(&small().principal("upstream-admin")).await;
    let sql = "SELECT r.status, r.statusmessage AS message, r.generated_by AS by, r.generated_date AS date,
                      r.file_name AS file, u.uuid, u.name, u.owner_id AS owner, u.type_label AS type,
                      u.prefix_url_web AS web, u.prefix_url_api AS api, u.content_access_mode AS mode
               FROM cp_import_record r JOIN cp_import_upstream_consumer u ON u.id = r.upstream_id";
    assert_snapshot!(world.columns(sql).await, @"status=0 | message=5318290: manifest imported | by=upstream-admin | date=2026-03-05T10:20:30.4 | file=manifest.zip | uuid=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | name=lab-distributor | owner=5318290 | type=candlepin | web=upstream.example/subs/ | api=https://upstream.example/candlepin/consumers/ | mode=entitlement");
}

#[tokio::test]
async fn architectures_of_content_are_kept_as_text() {
    let world = World::with_owner().await;
    let engine = Product::new("901", "Engine").content(Content::new("90101", "rpms").arches("x86,x86_64"));
    world.import(&small().product(engine)).await;
    assert_snapshot!(world.columns("SELECT content_id AS id, arches FROM cp_contents").await, @"id=90101 | arches=x86,x86_64");
}

#[tokio::test]
async fn branding_belongs_to_the_subscription() {
    let world = World::with_owner().await;
    let branded = Entitlement::new("e1", "p1", "SKU").branding("901", "Engine OEM", "OS");
    let plain = Entitlement::new("e2", "p2", "SKU");
    world.import(&small().entitlement(branded).entitlement(plain)).await;
    let branding = "SELECT s.upstream_entitlement_id AS entitlement, b.product_id AS product, b.type, b.name
                    FROM cp_subscription_branding b JOIN cp_subscription s ON s.id = b.subscription_id";
    assert_snapshot!(world.columns(branding).await, @"entitlement=e1 | product=901 | type=OS | name=Engine OEM");
}

#[tokio::test]
async fn subscription_and_pool_have_the_upstream_certificate_with_its_key() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    let certificate =
        "SELECT convert_from(c.cert, 'UTF8') LIKE '-----BEGIN CERTIFICATE-----%' AS pem, c.subject_cn AS cn,
                              c.privatekey IS NOT NULL AS key, p.certificate_id = s.certificate_id AS same_of_pool
                       FROM cp_subscription s JOIN cp_certificate c ON c.id = s.certificate_id
                       JOIN cp_pool p ON p.subscriptionid = s.id";
    assert_snapshot!(world.columns(certificate).await, @"pem=true | cn=e1 | key=true | same_of_pool=true");
}

#[tokio::test]
async fn metadata_of_all_content_expires_after_a_second() {
    let world = World::with_owner().await;
    world.import(&suite()).await;
    let expiries = "SELECT content_id AS id, metadataexpire AS expire FROM cp_contents ORDER BY content_id";
    assert_snapshot!(world.columns(expiries).await, @"
    id=90101 | expire=1
    id=90201 | expire=1
    id=90301 | expire=1
    id=90401 | expire=1
    ");
}

#[tokio::test]
async fn content_without_a_vendor_is_of_an_unknown_one() {
    let world = World::with_owner().await;
    let engine = Product::new("901", "Engine")
        .content(Content::new("90101", "none").vendor(None))
        .content(Content::new("90102", "blank").vendor(" "));
    world.import(&small().product(engine)).await;
    assert_snapshot!(world.columns("SELECT label, vendor FROM cp_contents ORDER BY label").await, @"
    label=blank | vendor=unknown
    label=none | vendor=unknown
    ");
}

#[tokio::test]
async fn what_a_pool_adds_to_its_product_is_for_its_subscription_alone() {
    let world = World::with_owner().await;
    let manifest = suite()
        .product(Product::new("903", "More"))
        .entitlement(Entitlement::new("e1", "p1", "SKU").provides(&["903"]).derived("SKU-G", &["903"]))
        .entitlement(Entitlement::new("e2", "p2", "SKU"));
    world.import(&manifest).await;
    assert_snapshot!(world.subscriptions().await, @"
    e1 | SKU x 10 | with 901,903 | guests SKU-G | with 902,903
    e2 | SKU x 10 | with 901 | guests SKU-G | with 902
    ");
}

#[tokio::test]
async fn the_derived_product_of_a_product_beats_that_of_a_pool() {
    let world = World::with_owner().await;
    let manifest = suite()
        .product(Product::new("OTHER-G", "Other guests"))
        .entitlement(Entitlement::new("e1", "p1", "SKU").derived("OTHER-G", &[]));
    world.import(&manifest).await;
    assert_snapshot!(world.subscriptions().await, @"e1 | SKU x 10 | with 901 | guests SKU-G | with 902");
    assert_snapshot!(world.import_warnings().await, @"entitlements/e1.json | the pool has another derived product than the product, which counts");
}

#[tokio::test]
async fn the_file_of_a_nested_product_beats_what_is_nested() {
    let world = World::with_owner().await;
    let manifest = suite().edit("products/SKU.json", |sku| sku["providedProducts"][0]["name"] = "Nested".into());
    world.import(&manifest).await;
    assert_snapshot!(world.products().await, @"
    901 | Engine | 90101
    902 | Guest Engine | 90201
    SKU | Suite | 90301
    SKU-G | Suite for guests | 90401
    ");
    assert_snapshot!(world.import_warnings().await, @"");
}
