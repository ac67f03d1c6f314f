//! Distributors take from pools what is there, once, and what they have is certified.

use longshore_tests::{ORG, World};
use serde_json::json;

#[tokio::test]
async fn smoke() {
    let world = World::with_owner().await;
    let pool = world.hosted_pool(10).await;
    let uuid = world.distributor("lab").await;
    let id = world.entitle(&uuid, &pool, 4).await;
    println!("{}", world.setup(json!({"command": "list-pools", "owner": ORG})).await);
    println!("{}", world.setup(json!({"command": "list-distributors"})).await);
    println!("{}", world.setup(json!({"command": "list-entitlements", "consumer": uuid})).await);
    let cert: String = world.value("SELECT convert_from(cert, 'UTF8') FROM cp_ent_certificate").await;
    println!("{cert}");
    let cert: String = world.value("SELECT convert_from(cert, 'UTF8') FROM cp_id_cert").await;
    println!("{cert}");
    println!(
        "{}",
        world.setup_refuses(json!({"command": "entitle", "consumer": uuid, "pool": pool, "quantity": 7})).await
    );
    println!("{}", world.setup(json!({"command": "unentitle", "entitlement": id})).await);
}
