//! Products and pools that are made here: as often as one likes, and apart from what is imported.

use insta::assert_snapshot;
use longshore_tests::{ORG, World, small};
use serde_json::{Value, json};

fn product(id: &str, rest: Value) -> Value {
    let mut command =
        json!({"command": "create-product", "owner": ORG, "product": id, "name": format!("Product {id}")});
    command.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    command
}

fn pool(rest: Value) -> Value {
    let mut command = json!({"command": "create-pool", "owner": ORG, "product": "SKU", "quantity": 5, "id": "p1"});
    command.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    command
}

fn content(id: &str) -> Value {
    json!({"id": id, "type": "yum", "label": format!("label-{id}"), "name": format!("Name {id}")})
}

#[tokio::test]
async fn a_product_is_made_once_and_changed_where_something_is_given() {
    let world = World::with_owner().await;
    let made = |created, changed| json!({"product": "SKU", "created": created, "changed": changed});
    world.setup(product("901", json!({"content": [content("1"), content("2")]}))).await;
    let whole =
        product("SKU", json!({"attributes": {"arch": "x86_64", "none": null}, "provided": ["901"], "multiplier": 2}));
    assert_eq!(world.setup(whole.clone()).await, made(true, true));
    assert_eq!(world.setup(whole).await, made(false, false));
    // What is not given stays.
    assert_eq!(world.setup(product("SKU", json!({}))).await, made(false, false));
    assert_eq!(world.setup(product("SKU", json!({"attributes": {"arch": "arm"}}))).await, made(false, true));
    assert_snapshot!(world.products().await, @"
    901 | Product 901 | 1,2
    SKU | Product SKU | arch=arm
    ");
    assert_eq!(world.setup(product("901", json!({"content": [content("2")]}))).await["changed"], true);
    assert_eq!(world.setup(product("SKU", json!({"provided": []}))).await, made(false, true));
    assert_snapshot!(world.products().await, @"
    901 | Product 901 | 2
    SKU | Product SKU | arch=arm
    ");
    assert_snapshot!(world.events().await, @"
    PRODUCT CREATED Product 901
    PRODUCT CREATED Product SKU
    PRODUCT MODIFIED Product SKU
    PRODUCT MODIFIED Product 901
    PRODUCT MODIFIED Product SKU
    ");
    assert_eq!(world.orphans().await, "");
}

#[tokio::test]
async fn a_content_set_is_the_same_for_all_products_that_have_it() {
    let world = World::with_owner().await;
    world.setup(product("1", json!({"content": [content("7")]}))).await;
    world.setup(product("2", json!({"content": [content("7")]}))).await;
    world.forget_events().await;
    let mut other = content("7");
    other["url"] = "/elsewhere".into();
    world.setup(product("2", json!({"content": [other]}))).await;
    // The first product says something else now too.
    assert_snapshot!(world.events().await, @"
    PRODUCT MODIFIED Product 1
    PRODUCT MODIFIED Product 2
    ");
    assert_snapshot!(world.list("SELECT content_id || ' ' || contenturl FROM cp_contents").await, @"7 /elsewhere");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let world = World::with_owner().await;
    world.setup(product("SKU", json!({}))).await;
    world.setup(pool(json!({}))).await;
    let mut told = Vec::new();
    for command in [
        product("X", json!({"owner": "nobody"})),
        product("X", json!({"provided": ["902"]})),
        product("7", json!({"provided": ["7"]})),
        product("X", json!({"derived": "902"})),
        product("X", json!({"content": [content("1"), content("1")]})),
        product("X", json!({"content": [{"id": "1"}]})),
        product("X", json!({"colour": "red"})),
        product(&"9".repeat(33), json!({})),
        product("", json!({})),
        product("a/b", json!({})),
        product("X", json!({"provided": ["SKU"]})),
        pool(json!({"product": "X"})),
        pool(json!({"owner": "nobody"})),
        pool(json!({"quantity": -2})),
        pool(json!({"start": "2026-01-02", "end": "2026-01-01"})),
        pool(json!({"start": "yesterday"})),
        pool(json!({"id": "a/b"})),
    ] {
        told.push(world.setup_refuses(command).await);
    }
    assert_snapshot!(told.join("\n"), @r#"
    Command: no owner nobody; create-owner makes one
    Command: provided: owner 5318290 has no product 902; create it first
    Command: a product does not come with itself
    Command: derived: owner 5318290 has no product 902; create it first
    Command: content: an id is there twice
    Command: no such command (missing field `type`); {"command": "help"} lists them
    Command: no such command (unknown field `colour`, expected one of `owner`, `product`, `name`, `multiplier`, `attributes`, `provided`, `derived`, `content`); {"command": "help"} lists them
    Command: product is longer than 32 characters
    Command: product is empty
    Command: product: manifests have a file of this name, so /, \, % and control characters cannot be in it
    Command: provided: SKU is no engineering product, whose id is a number
    Command: owner 5318290 has no product X; create-product makes one
    Command: no owner nobody; create-owner makes one
    Command: quantity: expected a number from 0 on, or -1 for no limit
    Command: end: expected a time after the start
    Command: no such command (invalid value: string "yesterday", expected a date such as 2026-03-05T10:20:30.400Z, or milliseconds since 1970); {"command": "help"} lists them
    Command: id: expected 1 to 32 letters, digits, - and _ (a UUID fits without its dashes)
    "#);
    assert_snapshot!(world.products().await, @"SKU | Product SKU");
}

#[tokio::test]
async fn a_pool_with_an_id_is_made_once_and_changed_afterwards() {
    let world = World::with_owner().await;
    world.setup(product("SKU", json!({}))).await;
    world.setup(product("OTHER", json!({}))).await;
    let whole = pool(json!({"start": "2026-01-01", "end": "2036-01-01", "contract": "C-1"}));
    world.setup(whole.clone()).await;
    world.setup(whole).await;
    world.setup(pool(json!({}))).await;
    assert_snapshot!(world.events().await, @"
    PRODUCT CREATED Product SKU
    PRODUCT CREATED Product OTHER
    POOL CREATED Product SKU
    ");
    world.setup(pool(json!({"quantity": 9, "account": "A-1"}))).await;
    let columns = "SELECT quantity, startdate, enddate, contractnumber, accountnumber FROM cp_pool";
    assert_snapshot!(world.columns(columns).await, @"quantity=9 | startdate=2026-01-01T00:00:00 | enddate=2036-01-01T00:00:00 | contractnumber=C-1 | accountnumber=A-1");
    let uuid = world.distributor("lab").await;
    world.entitle(&uuid, "p1", 7).await;
    let mut told = vec![
        world.setup_refuses(pool(json!({"quantity": 6}))).await,
        world.setup_refuses(pool(json!({"product": "OTHER"}))).await,
    ];
    world.owner("6000001").await;
    let other = json!({"command": "create-product", "owner": "6000001", "product": "SKU", "name": "x"});
    world.setup(other).await;
    told.push(world.setup_refuses(pool(json!({"owner": "6000001"}))).await);
    assert_snapshot!(told.join("\n"), @"
    Command: pool p1 has 7 taken from it; unentitle takes some back
    Command: pool p1 is of product SKU, and that does not change
    Command: pool p1 is another owner's
    ");
    world.setup(pool(json!({"quantity": 7}))).await;
    assert_snapshot!(world.taken().await, @"
    SKU x 7
    SKU | 7 of 7 | exported 7
    ");
}

#[tokio::test]
async fn what_is_imported_is_not_changed_by_hand_and_may_be_sold_by_hand() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    let before = world.products().await;
    world.setup(json!({"command": "create-pool", "owner": ORG, "product": "SKU", "quantity": 3})).await;
    world.setup(product("SUITE-2", json!({"provided": ["901"]}))).await;
    // A product made here of the same id is another one, and from now on the one that is meant.
    world.setup(product("901", json!({}))).await;
    world.setup(product("SUITE-3", json!({"provided": ["901"]}))).await;
    assert_ne!(world.products().await, before);
    let provided = "SELECT p.product_id || ' provides ' || q.name FROM cp_product_provided_products l
                    JOIN cp_products p ON p.uuid = l.product_uuid JOIN cp_products q ON q.uuid = l.provided_product_uuid
                    WHERE NOT p.managed ORDER BY 1";
    assert_snapshot!(world.list(provided).await, @"
    SUITE-2 provides Engine
    SUITE-3 provides Product 901
    ");
    let imported: String = world.value("SELECT id FROM cp_pool WHERE managed").await;
    let refused = world.setup_refuses(pool(json!({"id": imported}))).await.replace(&imported, "P");
    assert_snapshot!(refused, @"Command: pool P came with an import, which alone changes it");
    world.undo().await.unwrap();
    assert_snapshot!(world.pools().await, @"NORMAL | SKU x 3 | custom");
}
