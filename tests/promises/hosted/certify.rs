//! Certificates are issued anew when they do not say the truth any more, and only then.

use insta::assert_snapshot;
use longshore_devkit::manifest::{Authority, KeyForm};
use longshore_tests::manifest::{Content, Product};
use longshore_tests::{ORG, World, candlepin_extensions, later, openssl, small};
use serde_json::json;

#[tokio::test]
async fn certificates_are_issued_anew_when_they_do_not_say_the_truth_any_more() {
    let world = World::with_owner().await;
    let pool = world.hosted_pool(10).await;
    let uuid = world.distributor("lab").await;
    world.entitle(&uuid, &pool, 4).await;
    world.entitle(&uuid, &pool, 2).await;
    assert_eq!(world.certify(&uuid).await.unwrap().products, 1);
    let product = |id: &str, rest: serde_json::Value| {
        let mut command = json!({"command": "create-product", "owner": ORG, "product": id});
        command.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        command
    };
    let content =
        json!([{"id": "70001", "type": "yum", "label": "tool-rpms", "name": "Tool RPMs", "url": "/content/new"}]);
    let pool_of = |rest: serde_json::Value| {
        let mut command =
            json!({"command": "create-pool", "owner": ORG, "product": "TOOL-1", "quantity": 10, "id": pool});
        command.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        command
    };
    for (change, products) in [
        (pool_of(json!({"quantity": 11})), 0),
        (pool_of(json!({"quantity": 11, "end": "2037-01-01"})), 0),
        (pool_of(json!({"quantity": 11, "contract": "C-2"})), 0),
        (product("TOOL-1", json!({"name": "Tools", "attributes": {"support_level": "Silver"}})), 0),
        (product("7001", json!({"name": "Better Tool"})), 1),
        (product("7001", json!({"name": "Better Tool", "content": content})), 1),
        (product("TOOL-1", json!({"name": "Tools", "provided": []})), 0),
    ] {
        let before = entitlement_texts(&world).await;
        assert_eq!(numbers(&world, &uuid).await, (0, 0), "before {change}");
        world.setup(change.clone()).await;
        assert_eq!(numbers(&world, &uuid).await, (2, products), "after {change}");
        assert_ne!(entitlement_texts(&world).await, before);
        assert_eq!(world.orphans().await, "");
    }
    let said = candlepin_extensions(
        &world
            .value::<String>(
                "SELECT convert_from(cert, 'UTF8') FROM cp_ent_certificate ORDER BY entitlement_id LIMIT 1",
            )
            .await,
    );
    let told: Vec<String> = said.iter().map(|(oid, value)| format!("{oid}={value}")).collect();
    assert_snapshot!(told.join("\n").replace(&uuid, "UUID"), @"
    4.1=Tools
    4.10=C-2
    4.11=4
    4.12=0
    4.13=A-1
    4.14=0
    4.15=Silver
    4.16=
    4.17=
    4.18=0
    4.2=O-1
    4.3=TOOL-1
    4.4=
    4.5=11
    4.6=2026-01-01T00:00:00Z
    4.7=2037-01-01T00:00:00Z
    4.8=
    4.9=
    5.1=UUID
    ");
}

async fn numbers(world: &World, uuid: &str) -> (u64, u64) {
    let certified = world.certify(uuid).await.unwrap();
    (certified.entitlements, certified.products)
}

async fn entitlement_texts(world: &World) -> String {
    world
        .list("SELECT entitlement_id || convert_from(cert, 'UTF8') FROM cp_ent_certificate ORDER BY entitlement_id")
        .await
}

#[tokio::test]
async fn another_authority_issues_all_certificates_of_entitlements_and_products_anew() {
    let world = World::with_owner().await;
    let pool = world.hosted_pool(10).await;
    let uuid = world.distributor("lab").await;
    world.entitle(&uuid, &pool, 4).await;
    world.certify(&uuid).await.unwrap();
    let other = Authority::named("Another");
    std::fs::write(world.files().join("authority.pem"), other.pem() + &other.key().pem(KeyForm::Pkcs1)).unwrap();
    assert_eq!(numbers(&world, &uuid).await, (1, 1));
    assert_eq!(numbers(&world, &uuid).await, (0, 0));
    for table in ["cp_ent_certificate", "cp_product_certificates"] {
        let issuer = openssl(&["x509", "-noout", "-issuer", "-nameopt", "RFC2253"], &world.pem(table).await);
        assert_eq!(issuer, "issuer=CN=Another\n", "{table}");
    }
}

#[tokio::test]
async fn an_import_that_changes_products_makes_certificates_new() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    let uuid = world.distributor("lab").await;
    let pool = world.value::<String>("SELECT id FROM cp_pool").await;
    world.entitle(&uuid, &pool, 4).await;
    assert_eq!(numbers(&world, &uuid).await, (0, 1));
    // Nothing that certificates state.
    world.import(&later(&small().name("renamed"), 1)).await;
    assert_eq!(numbers(&world, &uuid).await, (0, 0));
    let more =
        Product::new("901", "Engine").content(Content::new("90101", "engine-rpms")).content(Content::new("90102", "x"));
    world.import(&later(&small().product(more), 2)).await;
    assert_eq!(numbers(&world, &uuid).await, (1, 1));
    assert_eq!(numbers(&world, &uuid).await, (0, 0));
    assert!(candlepin_extensions(&world.pem("cp_ent_certificate").await).contains_key("2.90102.1"));
}

#[tokio::test]
async fn two_at_once_issue_a_certificate_once() {
    let world = World::with_owner().await;
    let pool = world.hosted_pool(10).await;
    let uuid = world.distributor("lab").await;
    world.entitle(&uuid, &pool, 4).await;
    world.execute("UPDATE cp_pool SET contractnumber = 'other'").await;
    let (a, b) = tokio::join!(world.certify(&uuid), world.certify(&uuid));
    let issued = [a.unwrap(), b.unwrap()];
    assert_eq!(issued.iter().map(|certified| certified.entitlements).sum::<u64>(), 1);
    assert_eq!(issued.iter().map(|certified| certified.products).sum::<u64>(), 1);
    assert_eq!(world.orphans().await, "");
}

/// Two thousand entitlements of products with twenty thousand others beside them, none of which the planner knows.
#[tokio::test]
async fn looking_for_what_has_changed_takes_no_time_to_speak_of() {
    let world = World::with_owner().await;
    let uuid = world.distributor("lab").await;
    world.execute(include_str!("certify/many.sql")).await;
    let stale = include_str!("../../../shared/src/hosted/stale_entitlements.sql");
    let consumer = world.value::<String>("SELECT id FROM cp_consumer").await;
    let how = "SELECT sha256('longshore entitlement certificate 1'::bytea || sha256($1))";
    let how: Vec<u8> = world.client().query_one(how, &[&Authority::new().certificate().der]).await.unwrap().get(0);
    world.execute("SET enable_nestloop = off; SET enable_mergejoin = off; SET jit = off").await;
    let rows = world.client().query(stale, &[&consumer, &None::<&str>, &how]).await.unwrap();
    assert_eq!(rows.len(), 2_000);
    let issued = "INSERT INTO cp_ent_certificate (id, entitlement_id, serial_id, cert, digest)
                  SELECT $1::text, $1::text, substr($1::text, 2)::bigint, '', $2";
    world.execute("INSERT INTO cp_cert_serial (id, x509_serial) SELECT n, n FROM generate_series(1, 2000) n").await;
    for row in rows {
        world.client().execute(issued, &[&row.get::<_, &str>(0), &row.get::<_, &[u8]>(1)]).await.unwrap();
    }
    let certified = tokio::time::timeout(std::time::Duration::from_secs(60), world.certify(&uuid)).await;
    let certified = certified.expect("it takes a tenth of a second where nobody else computes").unwrap();
    assert_eq!((certified.entitlements, certified.products), (0, 0));
}
