//! Whatever changes in a product, its content or a subscription is seen, stored and told; the rest stays.

use insta::assert_snapshot;
use longshore_tests::manifest::{Content, Entitlement, Era, Manifest, Product};
use longshore_tests::{ORG, World, later, small};

/// One engine with two content sets, one SKU with guests.
fn base() -> Manifest {
    Manifest::new(Era::D)
        .product(engine())
        .product(Product::new("902", "Tools"))
        .product(Product::new("SKU", "Suite").provides(&["901"]))
        .product(Product::new("SKU-G", "Guests"))
        .entitlement(Entitlement::new("e1", "p1", "SKU").contract("C1"))
}

fn engine() -> Product {
    Product::new("901", "Engine").attribute("arch", "x86_64").content(Content::new("90101", "rpms"))
}

fn content() -> Content {
    Content::new("90101", "rpms")
}

fn sku() -> Product {
    Product::new("SKU", "Suite").provides(&["901"])
}

fn entitlement() -> Entitlement {
    Entitlement::new("e1", "p1", "SKU").contract("C1")
}

/// Imports each variant of the same manifest and says which events but those of the import itself it caused.
async fn events_of(variants: Vec<(&str, Manifest)>) -> String {
    let world = World::with_owner().await;
    world.import(&base()).await;
    let mut told = Vec::new();
    for (minutes, (what, variant)) in (1..).step_by(2).zip(variants) {
        world.forget_events().await;
        world.import(&later(&variant, minutes)).await;
        let events = world.events_in_full().await;
        let events: Vec<&str> = events.lines().filter(|line| !line.starts_with("IMPORT")).collect();
        told.push(format!("{what}\n  {}", events.join("\n  ")));
        world.import(&later(&base(), minutes + 1)).await;
    }
    told.join("\n")
}

#[tokio::test]
async fn each_change_of_a_product_is_told() {
    let with = |product: Product| base().product(product);
    let with_content =
        |content: Content| with(Product::new("901", "Engine").attribute("arch", "x86_64").content(content));
    let variants = vec![
        ("name", with(Product::new("901", "Engine 2").attribute("arch", "x86_64").content(content()))),
        ("attribute changed", with(Product::new("901", "Engine").attribute("arch", "s390x").content(content()))),
        ("attribute null", with(Product::new("901", "Engine").null_attribute("arch").content(content()))),
        ("attribute gone", with(Product::new("901", "Engine").content(content()))),
        ("attribute added", with(engine().attribute("version", "2"))),
        ("content added", with(engine().content(Content::new("90102", "more")))),
        ("content gone", with(Product::new("901", "Engine").attribute("arch", "x86_64"))),
        ("content off", with_content(content().disabled())),
        ("content url", with_content(content().url("/other"))),
        ("content gpg url", with_content(content().gpg_url(None))),
        ("content release", with_content(content().release("9"))),
        ("content arches", with_content(content().arches("s390x"))),
        ("content modifies", with_content(content().modified_products(&["902"]))),
        ("dependent", with(engine().dependent("902"))),
        ("multiplier, which is not kept", with(engine().multiplier(7))),
        ("expiry, which is not kept", with_content(content().metadata_expire(7))),
    ];
    assert_snapshot!(events_of(variants).await, @r#"
    name
      PRODUCT MODIFIED | Engine 2 | 901 | changed,productId | changed ["name"]
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["certificate_id"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["certificate_id"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    attribute changed
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["attributes"]
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["certificate_id"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["certificate_id"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    attribute null
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["attributes"]
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["certificate_id"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["certificate_id"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    attribute gone
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["attributes"]
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["certificate_id"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["certificate_id"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    attribute added
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["attributes"]
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["certificate_id"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["certificate_id"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    content added
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["content"]
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["certificate_id"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["certificate_id"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    content gone
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["content"]
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["certificate_id"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["certificate_id"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    content off
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["content"]
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["certificate_id"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["certificate_id"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    content url
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["content"]
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["certificate_id"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["certificate_id"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    content gpg url
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["content"]
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["certificate_id"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["certificate_id"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    content release
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["content"]
    content arches
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["content"]
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["certificate_id"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["certificate_id"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    content modifies
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["content"]
    dependent
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["products"]
    multiplier, which is not kept
      
    expiry, which is not kept
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["certificate_id"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["certificate_id"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    "#);
}

#[tokio::test]
async fn each_change_of_a_subscription_is_told() {
    let with = |entitlement: Entitlement| base().entitlement(entitlement);
    let variants = vec![
        ("quantity", with(entitlement().quantity(11))),
        ("contract", with(entitlement().contract("C2"))),
        ("account", with(entitlement().account("A"))),
        ("order", with(entitlement().order("O"))),
        ("branding", with(entitlement().branding("901", "OEM", "OS"))),
        ("provided by the pool", with(entitlement().provides(&["901", "902"]))),
        ("provided by the product", base().product(Product::new("SKU", "Suite").provides(&["901", "902"]))),
        ("derived by the pool", with(entitlement().derived("SKU-G", &["902"]))),
        ("derived by the product", base().product(sku().derived("SKU-G"))),
        ("certificate", with(entitlement().serial(7))),
        ("guests", base().product(sku().attribute("virt_limit", "2"))),
        ("virtual only", base().product(sku().attribute("virt_only", "true"))),
    ];
    assert_snapshot!(events_of(variants).await, @r#"
    quantity
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["certificate_id", "quantity"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["certificate_id", "quantity"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    contract
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["certificate_id", "contractnumber"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["certificate_id", "contractnumber"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    account
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["accountnumber", "certificate_id"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["accountnumber", "certificate_id"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    order
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["certificate_id", "ordernumber"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["certificate_id", "ordernumber"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    branding
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["branding"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    provided by the pool
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["certificate_id", "provided"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["certificate_id"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    provided by the product
      PRODUCT MODIFIED | Suite | SKU | changed,productId | changed ["products"]
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["certificate_id", "provided"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["certificate_id"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    derived by the pool
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["derived_provided", "derivedproduct_id"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    derived by the product
      PRODUCT MODIFIED | Suite | SKU | changed,productId | changed ["products"]
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["derivedproduct_id"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    certificate
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["certificate_id"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["certificate_id"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    guests
      PRODUCT MODIFIED | Suite | SKU | changed,productId | changed ["attributes"]
      POOL CREATED | Suite | id | poolType,quantity,subscriptionId,subscriptionSubKey
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    virtual only
      PRODUCT MODIFIED | Suite | SKU | changed,productId | changed ["attributes"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["attributes"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    "#);
}

#[tokio::test]
async fn content_that_products_share_is_one_row_and_changes_for_all() {
    let shared = |url: &str| {
        let content = Content::new("90101", "rpms").url(url);
        base().product(engine_with(content.clone())).product(Product::new("902", "Tools").content(content))
    };
    let world = World::with_owner().await;
    world.import(&shared("/a")).await;
    world.forget_events().await;
    world.import(&later(&shared("/b"), 1)).await;
    assert_snapshot!(world.events_in_full().await, @r#"
    PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["content"]
    PRODUCT MODIFIED | Tools | 902 | changed,productId | changed ["content"]
    SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["certificate_id"]
    POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["certificate_id"]
    OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid
    "#);
    assert_snapshot!(world.list("SELECT contenturl FROM cp_contents").await, @"/b");
    assert_snapshot!(world.import_warnings().await, @"");
    assert_snapshot!(world.products().await, @"
    901 | Engine | arch=x86_64 | 90101
    902 | Tools | 90101
    SKU | Suite
    SKU-G | Guests
    ");
}

fn engine_with(content: Content) -> Product {
    Product::new("901", "Engine").attribute("arch", "x86_64").content(content)
}

#[tokio::test]
async fn where_products_contradict_each_other_about_content_the_first_one_counts() {
    let manifest = |first: &str, second: &str| {
        let content = |url: &str| Content::new("90101", "rpms").url(url);
        base().product(engine_with(content(first))).product(Product::new("902", "Tools").content(content(second)))
    };
    let world = World::with_owner().await;
    world.import(&manifest("/a", "/a")).await;
    let mut told = Vec::new();
    for (minutes, (first, second)) in (1..).zip([("/b", "/a"), ("/a", "/a"), ("/a", "/b"), ("/a", "/b"), ("/b", "/b")])
    {
        world.forget_events().await;
        world.import(&later(&manifest(first, second), minutes)).await;
        let url = world.list("SELECT contenturl FROM cp_contents").await;
        let events = world.events().await.replace('\n', ", ");
        told.push(format!("{first} {second}: {url}; {events}; {}", world.import_warnings().await));
    }
    assert_snapshot!(told.join("\n"), @"
    /b /a: /b; PRODUCT MODIFIED Engine, PRODUCT MODIFIED Tools, SUBSCRIPTION MODIFIED Suite, POOL MODIFIED Suite, OWNER_ENTITLEMENTS MODIFIED 5318290, IMPORT CREATED 5318290; products/902.json content 90101 | a content set is described differently by another product, which counts
    /a /a: /a; PRODUCT MODIFIED Engine, PRODUCT MODIFIED Tools, SUBSCRIPTION MODIFIED Suite, POOL MODIFIED Suite, OWNER_ENTITLEMENTS MODIFIED 5318290, IMPORT CREATED 5318290; 
    /a /b: /a; IMPORT CREATED 5318290; products/902.json content 90101 | a content set is described differently by another product, which counts
    /a /b: /a; IMPORT CREATED 5318290; 
    /b /b: /b; PRODUCT MODIFIED Engine, PRODUCT MODIFIED Tools, SUBSCRIPTION MODIFIED Suite, POOL MODIFIED Suite, OWNER_ENTITLEMENTS MODIFIED 5318290, IMPORT CREATED 5318290;
    ");
}

#[tokio::test]
async fn a_nested_product_without_a_file_of_its_own_counts_as_it_is_nested() {
    let world = World::with_owner().await;
    let nested = Manifest::new(Era::D).product(sku()).entitlement(entitlement());
    world.import(&nested).await;
    assert_snapshot!(world.products().await, @"
    901 | Product 901
    SKU | Suite
    ");
    assert_snapshot!(world.import_warnings().await, @"products/SKU.json 901 | a nested product has no file of its own; what is nested counts");
    assert_snapshot!(world.subscriptions().await, @"e1 | SKU x 10 | with 901");
    world.forget_events().await;
    world.import(&later(&nested, 1)).await;
    assert_snapshot!(world.events().await, @"IMPORT CREATED 5318290");
    world.import(&later(&nested.clone().product(engine()), 2)).await;
    assert_snapshot!(world.products().await, @"
    901 | Engine | arch=x86_64 | 90101
    SKU | Suite
    ");
    world.import(&later(&nested, 3)).await;
    assert_snapshot!(world.products().await, @"
    901 | Product 901
    SKU | Suite
    ");
}

#[tokio::test]
async fn the_file_of_a_nested_product_beats_what_is_nested() {
    let world = World::with_owner().await;
    let manifest = base().edit("products/SKU.json", |sku| sku["providedProducts"][0]["name"] = "Nested".into());
    world.import(&manifest).await;
    assert_snapshot!(world.products().await, @"
    901 | Engine | arch=x86_64 | 90101
    902 | Tools
    SKU | Suite
    SKU-G | Guests
    ");
    assert_snapshot!(world.import_warnings().await, @"");
}

#[tokio::test]
async fn a_product_that_is_gone_goes_with_its_content() {
    let world = World::with_owner().await;
    world.import(&base()).await;
    world.forget_events().await;
    let without = Manifest::new(Era::D).product(Product::new("SKU", "Suite")).entitlement(entitlement());
    world.import(&later(&without, 1)).await;
    assert_snapshot!(world.products().await, @"SKU | Suite");
    assert_snapshot!(world.events_in_full().await, @r#"
    PRODUCT MODIFIED | Suite | SKU | changed,productId | changed ["products"]
    PRODUCT DELETED | Engine | 901 | productId
    PRODUCT DELETED | Tools | 902 | productId
    PRODUCT DELETED | Guests | SKU-G | productId
    SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["certificate_id", "provided"]
    POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["certificate_id"]
    OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid
    "#);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM cp_contents").await, 0);
    let loose =
        "SELECT (SELECT count(*) FROM cp_product_contents) + (SELECT count(*) FROM cp_product_provided_products)
                   + (SELECT count(*) FROM cp_product_attributes)";
    assert_eq!(world.value::<i64>(loose).await, 0);
}

#[tokio::test]
async fn products_and_pools_that_were_made_here_survive_every_update() {
    let world = World::with_owner().await;
    world.custom_pools().await;
    world.import(&base()).await;
    // A pool made here of a product that came with the manifest keeps that product.
    let pool = format!(
        "INSERT INTO cp_pool (id, owner_id, type, managed, product_uuid, quantity, startdate, enddate)
         SELECT 'of-imported', '{ORG}', 'NORMAL', false, uuid, 1, '2020-01-01', '2040-01-01'
         FROM cp_products WHERE product_id = '902'"
    );
    world.execute(&pool).await;
    // A product made here may have the id of one that comes with a manifest.
    world.execute("UPDATE cp_products SET product_id = 'SKU' WHERE product_id = 'LOCAL-1'").await;
    world.import(&later(&small(), 1)).await;
    assert_snapshot!(world.pools().await, @"
    NORMAL | 902 x 1 | custom
    NORMAL | LOCAL-2 x 5 | custom
    NORMAL | SKU x 5 | custom
    NORMAL | SKU x 10 | master
    ");
    let products = "SELECT product_id AS id, name, managed FROM cp_products ORDER BY product_id, managed";
    assert_snapshot!(world.columns(products).await, @"
    id=901 | name=Engine | managed=true
    id=902 | name=Tools | managed=true
    id=LOCAL-2 | name=Local 2 | managed=false
    id=SKU | name=Local 1 | managed=false
    id=SKU | name=Suite | managed=true
    ");
    world.import(&later(&base(), 2)).await;
    assert_snapshot!(world.pools().await, @"
    NORMAL | 902 x 1 | custom
    NORMAL | LOCAL-2 x 5 | custom
    NORMAL | SKU x 5 | custom
    NORMAL | SKU x 10 | master
    ");
}

#[tokio::test]
async fn an_update_that_fails_leaves_everything_as_it_was() {
    let world = World::with_owner().await;
    world.import(&base()).await;
    let before = world.row_versions(&["cp_import_record", "cp_import_upstream_consumer"]).await;
    world.forget_events().await;
    let broken = base().product(Product::new("901", "Engine 2")).entitlement(Entitlement::new("e9", "p9", "NOWHERE"));
    world.import(&later(&broken.rules("9.9").consumer_type("new", true), 1)).await;
    assert_snapshot!(world.last_entry().await, @"1 | entitlements/e9.json: product NOWHERE is not in products/");
    assert_eq!(world.row_versions(&["cp_import_record", "cp_import_upstream_consumer"]).await, before);
    assert_eq!(world.events().await, "");
}
