//! Whatever changes in a product, its content or a subscription is seen, stored and told; the rest stays.

use insta::assert_snapshot;
use longshore_tests::manifest::{Content, Entitlement, Era, Manifest, Product};
use longshore_tests::{World, later};

/// One engine with two content sets, one SKU with guests.
fn base() -> Manifest {
    Manifest::new(Era::D)
        .product(engine())
        .product(Product::new("902", "Tools"))
        .product(Product::new("SKU", "Suite").provides(&["901"]))
        .product(Product::new("SKU-G", "Guests"))
        .entitlement(entitlement())
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

/// Without its certificate, which says everything once more and so changes with everything.
fn entitlement() -> Entitlement {
    Entitlement::new("e1", "p1", "SKU").contract("C1").without_certificate()
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
        told.push(what.to_owned());
        told.extend(events.lines().filter(|line| !line.starts_with("IMPORT")).map(|line| format!("  {line}")));
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
    attribute changed
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["attributes"]
    attribute null
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["attributes"]
    attribute gone
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["attributes"]
    attribute added
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["attributes"]
    content added
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["content"]
    content gone
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["content"]
    content off
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["content"]
    content url
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["content"]
    content gpg url
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["content"]
    content release
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["content"]
    content arches
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["content"]
    content modifies
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["content"]
    dependent
      PRODUCT MODIFIED | Engine | 901 | changed,productId | changed ["products"]
    multiplier, which is not kept
    expiry, which is not kept
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
        ("certificate", with(Entitlement::new("e1", "p1", "SKU").contract("C1"))),
        ("guests", base().product(sku().attribute("virt_limit", "2"))),
        ("virtual only", base().product(sku().attribute("virt_only", "true"))),
    ];
    assert_snapshot!(events_of(variants).await, @r#"
    quantity
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["quantity"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["quantity"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    contract
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["contractnumber"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["contractnumber"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    account
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["accountnumber"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["accountnumber"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    order
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["ordernumber"]
      POOL MODIFIED | Suite | id | changed,poolType,quantity,subscriptionId,subscriptionSubKey | changed ["ordernumber"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    branding
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["branding"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    provided by the pool
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["provided"]
      OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    provided by the product
      PRODUCT MODIFIED | Suite | SKU | changed,productId | changed ["products"]
      SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["provided"]
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
    IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid
    "#);
    assert_snapshot!(world.list("SELECT contenturl FROM cp_contents").await, @"/b");
    assert_snapshot!(world.import_warnings().await, @"entitlements/e1.json | the entitlement has no certificate");
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
        told.push(format!("{first} {second}: {url}"));
        let (events, warnings) = (world.events().await, world.import_warnings().await);
        let news = events.lines().filter(|line| !line.starts_with("IMPORT")).chain(warnings.lines());
        told.extend(news.map(|line| format!("  {line}")));
    }
    assert_snapshot!(told.join("\n"), @"
    /b /a: /b
      PRODUCT MODIFIED Engine
      PRODUCT MODIFIED Tools
      products/902.json content 90101 | a content set is described differently by another product, which counts
      entitlements/e1.json | the entitlement has no certificate
    /a /a: /a
      PRODUCT MODIFIED Engine
      PRODUCT MODIFIED Tools
      entitlements/e1.json | the entitlement has no certificate
    /a /b: /a
      products/902.json content 90101 | a content set is described differently by another product, which counts
      entitlements/e1.json | the entitlement has no certificate
    /a /b: /a
      entitlements/e1.json | the entitlement has no certificate
    /b /b: /b
      PRODUCT MODIFIED Engine
      PRODUCT MODIFIED Tools
      entitlements/e1.json | the entitlement has no certificate
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
    assert_snapshot!(world.import_warnings().await, @"
    products/SKU.json 901 | a nested product has no file of its own; what is nested counts
    entitlements/e1.json | the entitlement has no certificate
    ");
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
    SUBSCRIPTION MODIFIED | Suite | id | changed,productId,quantity,upstreamEntitlementId,upstreamPoolId | changed ["provided"]
    OWNER_ENTITLEMENTS MODIFIED | 5318290 | 5318290 | pools,subscriptions
    IMPORT CREATED | 5318290 | 5318290 | fileName,forced,manifestCreated,stats,upstreamUuid
    "#);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM cp_contents").await, 0);
    let loose =
        "SELECT (SELECT count(*) FROM cp_product_contents) + (SELECT count(*) FROM cp_product_provided_products)
                   + (SELECT count(*) FROM cp_product_attributes)";
    assert_eq!(world.value::<i64>(loose).await, 0);
}
