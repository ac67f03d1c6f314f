//! Distributors take from pools what is there, once.

use futures_util::future::join_all;
use insta::assert_snapshot;
use longshore::clock::Clock;
use longshore_devkit::manifest::{Authority, KeyForm};
use longshore_tests::{ORG, World, openssl};
use serde_json::{Value, json};

fn entitle(consumer: &str, pool: &str, quantity: i64) -> Value {
    json!({"command": "entitle", "consumer": consumer, "pool": pool, "quantity": quantity})
}

fn entitle_as(id: &str, consumer: &str, pool: &str, quantity: i64) -> Value {
    let mut command = entitle(consumer, pool, quantity);
    command["id"] = id.into();
    command
}

#[tokio::test]
async fn what_is_taken_is_counted_and_given_back() {
    let world = World::with_owner().await;
    let pool = world.hosted_pool(10).await;
    let uuid = world.distributor("lab").await;
    world.forget_events().await;
    let first = world.entitle(&uuid, &pool, 4).await;
    let second = world.entitle(&uuid, &pool, 6).await;
    assert_snapshot!(world.taken().await, @"
    TOOL-1 x 4
    TOOL-1 x 6
    TOOL-1 | 10 of 10 | exported 10
    ");
    let refused = world.setup_refuses(entitle(&uuid, &pool, 1)).await;
    assert_eq!(refused, format!("Command: pool {pool} of product TOOL-1 has 0 left of 10, and 1 are asked for"));
    for removed in [true, false] {
        let answer = world.setup(json!({"command": "unentitle", "entitlement": first})).await;
        assert_eq!(answer, json!({"entitlement": first, "removed": removed}));
    }
    assert_snapshot!(world.taken().await, @"
    TOOL-1 x 6
    TOOL-1 | 6 of 10 | exported 6
    ");
    let listed = world.setup(json!({"command": "list-entitlements", "consumer": uuid})).await;
    assert_eq!(listed["entitlements"].as_array().unwrap().len(), 1);
    assert_eq!(listed["entitlements"][0]["id"], second.as_str());
    assert_eq!(world.orphans().await, "");
    assert_snapshot!(world.events().await, @"
    POOL MODIFIED Tools
    POOL MODIFIED Tools
    POOL MODIFIED Tools
    ");
}

#[tokio::test]
async fn the_same_id_again_is_the_same_entitlement() {
    let world = World::with_owner().await;
    let pool = world.hosted_pool(-1).await;
    let uuid = world.distributor("lab").await;
    let setup = world.setup_for(4, Clock::system()).await;
    let command = entitle_as("order-77", &uuid, &pool, 5).to_string();
    let answers = join_all((0..4).map(|_| setup.handle(&command, None))).await;
    let answers: Vec<Value> = answers.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer["id"] == "order-77"), "{answers:?}");
    assert_snapshot!(world.taken().await, @"
    TOOL-1 x 5
    TOOL-1 | 5 of -1 | exported 5
    ");
    let refused = world.setup_refuses(entitle_as("order-77", &uuid, &pool, 6)).await;
    assert_snapshot!(refused, @"Command: entitlement order-77 is there already, for another consumer, pool or quantity");
    for id in ["", "a/b", "..", "an id", &"x".repeat(33)] {
        let refused = world.setup_refuses(entitle_as(id, &uuid, &pool, 6)).await;
        assert!(refused.starts_with("Command: id: expected 1 to 32 letters"), "{refused}");
    }
}

#[tokio::test]
async fn of_many_at_once_only_as_many_get_something_as_there_is_for() {
    let world = World::with_owner().await;
    let pool = world.hosted_pool(10).await;
    let uuids = [world.distributor("one").await, world.distributor("two").await];
    let setup = world.setup_for(8, Clock::system()).await;
    let commands: Vec<String> = (0..8).map(|n| entitle(&uuids[n % 2], &pool, 3).to_string()).collect();
    let answers = join_all(commands.iter().map(|command| setup.handle(command, None))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 3, "{answers:?}");
    let refused = answers.iter().filter_map(|answer| answer.as_ref().err());
    assert!(refused.into_iter().all(|error| error.to_string().ends_with("has 1 left of 10, and 3 are asked for")));
    assert_snapshot!(world.taken().await, @"
    TOOL-1 x 3
    TOOL-1 x 3
    TOOL-1 x 3
    TOOL-1 | 9 of 10 | exported 9
    ");
    assert_eq!(world.orphans().await, "");
}

#[tokio::test]
async fn what_cannot_be_passed_on_is_refused_with_the_reason() {
    let world = World::with_owner().await;
    world.owner("6000001").await;
    let pool = world.hosted_pool(10).await;
    let uuid = world.distributor("lab").await;
    let other = world.setup(json!({"command": "create-distributor", "owner": "6000001", "name": "lab"})).await;
    let mut told = Vec::new();
    for command in [
        entitle(&uuid, &pool, 0),
        entitle(&uuid, &pool, 1 << 31),
        entitle("nobody", &pool, 1),
        entitle(&uuid, "nowhere", 1),
        entitle(other["uuid"].as_str().unwrap(), &pool, 1),
    ] {
        told.push(world.setup_refuses(command).await);
    }
    world.execute("UPDATE cp_pool SET enddate = '2026-02-01', startdate = '2026-01-01'").await;
    told.push(world.setup_refuses(entitle(&uuid, &pool, 1)).await);
    world.execute("UPDATE cp_pool SET enddate = '2099-02-01'").await;
    world.execute(&format!("INSERT INTO cp_pool_attribute VALUES ('{pool}', 'pool_derived', 'true')")).await;
    told.push(world.setup_refuses(entitle(&uuid, &pool, 1)).await);
    assert_snapshot!(told.join("\n").replace(&pool, "P"), @"
    Command: quantity: expected a number from 1 to 2147483647
    Command: quantity: expected a number from 1 to 2147483647
    Command: no consumer nobody; list-distributors lists them
    Command: owner 5318290 has no pool nowhere; list-pools lists them
    Command: owner 6000001 has no pool P; list-pools lists them
    Command: pool P of product TOOL-1 is over since 2026-02-01
    Command: pool P of product TOOL-1 is for guests of this side's own hosts, and cannot be passed on
    ");
    assert_snapshot!(world.taken().await, @"TOOL-1 | 0 of 10 | exported 0");
}

#[tokio::test]
async fn without_keys_or_authority_nothing_is_made() {
    for (variable, told) in [
        (
            "LONGSHORE_AUTHORITY",
            "Authority: no authority to issue certificates and to sign exports with: set LONGSHORE_AUTHORITY",
        ),
        ("LONGSHORE_KEYS", "Keys: no keys to protect private keys with: set LONGSHORE_KEYS"),
    ] {
        let world = World::with(&[(variable, "")]).await;
        world.owner(ORG).await;
        let command = json!({"command": "create-distributor", "owner": ORG, "name": "lab"});
        assert_eq!(world.setup_refuses(command).await, told);
        assert_eq!(world.value::<i64>("SELECT count(*) FROM cp_consumer").await, 0);
        assert_eq!(world.orphans().await, "");
    }
}

#[tokio::test]
async fn a_distributor_is_made_once_and_deleted_with_all_that_it_has() {
    let world = World::with_owner().await;
    let pool = world.hosted_pool(10).await;
    let command =
        json!({"command": "create-distributor", "owner": ORG, "name": "lab", "uuid": "u-1", "type": "katello"});
    let made = world.setup(command.clone()).await;
    assert_eq!(world.setup(command).await, made);
    assert_eq!((made["type"].as_str(), made["uuid"].as_str()), (Some("katello"), Some("u-1")));
    let mut told = Vec::new();
    for change in [
        json!({"uuid": "u-2"}),
        json!({"type": "candlepin"}),
        json!({"name": "other"}),
        json!({"name": "third", "uuid": null, "type": "system"}),
        json!({"name": "third", "uuid": null, "type": "nothing"}),
        json!({"owner": "nobody"}),
        json!({"name": " "}),
    ] {
        let mut command = json!({"command": "create-distributor", "owner": ORG, "name": "lab", "uuid": "u-1"});
        command.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        told.push(world.setup_refuses(command).await);
    }
    assert_snapshot!(told.join("\n"), @"
    Command: owner 5318290 has a distributor lab already, with uuid u-1 and type katello
    Command: owner 5318290 has a distributor lab already, with uuid u-1 and type katello
    Command: uuid u-1 is another consumer's
    Command: consumer type system is not for manifests; these are for manifests: candlepin, headpin, katello
    Command: consumer type nothing is not known; these are for manifests: candlepin, headpin, katello
    Command: no owner nobody; create-owner makes one
    Command: name is empty
    ");
    world.entitle("u-1", &pool, 4).await;
    world.forget_events().await;
    for removed in [true, false] {
        let answer = world.setup(json!({"command": "delete-distributor", "uuid": "u-1"})).await;
        assert_eq!(answer, json!({"uuid": "u-1", "removed": removed}));
    }
    assert_snapshot!(world.taken().await, @"TOOL-1 | 0 of 10 | exported 0");
    assert_snapshot!(world.events().await, @"POOL MODIFIED Tools");
    assert_eq!(world.orphans().await, "");
    let left = "SELECT count(*) FROM cp_cert_serial UNION ALL SELECT count(*) FROM cp_key_pair
                UNION ALL SELECT count(*) FROM cp_id_cert UNION ALL SELECT count(*) FROM cp_ent_certificate";
    assert_eq!(world.list(&format!("SELECT count::text FROM ({left}) t")).await, "0\n0\n0\n0");
}

#[tokio::test]
async fn an_identity_that_is_about_to_end_or_of_another_authority_is_renewed_for_the_same_keys() {
    let world = World::with_owner().await;
    let command = json!({"command": "create-distributor", "owner": ORG, "name": "lab"});
    let first = world.setup(command.clone()).await;
    let public = |pem: &str| openssl(&["x509", "-noout", "-pubkey"], pem);
    let (pem, key) = (world.pem("cp_id_cert").await, world.open_key("cp_id_cert").await);
    let other = Authority::named("Another");
    std::fs::write(world.files().join("authority.pem"), other.pem() + &other.key().pem(KeyForm::Pkcs1)).unwrap();
    let second = world.setup(command.clone()).await;
    assert_ne!(second["identity_serial"], first["identity_serial"]);
    world.execute("UPDATE cp_cert_serial SET expiration = '2026-05-01'").await;
    let third = world.setup(command.clone()).await;
    assert_ne!(third["identity_serial"], second["identity_serial"]);
    assert_eq!(third["identity_expires"], second["identity_expires"]);
    assert_eq!(world.setup(command).await, third);
    let renewed = world.pem("cp_id_cert").await;
    let issuer = openssl(&["x509", "-noout", "-issuer", "-nameopt", "RFC2253"], &renewed);
    assert_eq!(issuer, "issuer=CN=Another\n");
    assert_eq!((public(&renewed), world.open_key("cp_id_cert").await), (public(&pem), key));
    assert_eq!(world.orphans().await, "");
    assert_eq!(world.value::<i64>("SELECT count(*) FROM cp_cert_serial").await, 1);
}

#[tokio::test]
async fn private_keys_are_sealed_and_told_nobody() {
    let world = World::with_owner().await;
    let pool = world.hosted_pool(10).await;
    let uuid = world.distributor("lab").await;
    world.entitle(&uuid, &pool, 1).await;
    let sealed = "SELECT bool_and(privatekey_key_id = 'k1' AND get_byte(privatekey, 0) = 1 AND position('PRIVATE'::bytea in privatekey) = 0)
                  FROM (SELECT privatekey, privatekey_key_id FROM cp_id_cert
                        UNION ALL SELECT privatekey, privatekey_key_id FROM cp_key_pair) k";
    assert!(world.value::<bool>(sealed).await);
    let told =
        "SELECT count(*) FROM outbox WHERE event_data::text LIKE '%BEGIN%' OR event_data::text LIKE '%CERTIFICATE%'";
    assert_eq!(world.value::<i64>(told).await, 0);
    for command in [
        json!({"command": "list-distributors"}),
        json!({"command": "list-entitlements", "consumer": uuid}),
        json!({"command": "list-pools", "owner": ORG}),
        json!({"command": "status"}),
    ] {
        assert!(!world.setup(command).await.to_string().contains("BEGIN"));
    }
}
