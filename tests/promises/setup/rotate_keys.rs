//! Stored private keys are sealed again with another key, as often as one likes, and none is lost.

use insta::assert_snapshot;
use longshore::clock::Clock;
use longshore::keyring::Keyring;
use longshore_tests::manifest::{Era, Manifest};
use longshore_tests::sealed::{K1, K2, keys};
use longshore_tests::{ORG, World, function};
use serde_json::{Value, json};
use std::time::Duration;

fn set_keys(world: &World, text: &str) {
    std::fs::write(world.files().join("keys.json"), text).unwrap();
}

async fn rotate(world: &World) -> Value {
    world.setup(json!({"command": "rotate-keys"})).await
}

/// A world with keys in all three tables.
async fn world() -> World {
    let world = World::with_owner().await;
    world.import(&Manifest::sample(Era::D)).await;
    world.distributor("lab").await;
    world
}

/// Seals further values, as an import would.
async fn seal(world: &World, number: usize) {
    let keyring = Keyring::parse(&keys("k1", &[("k1", K1)])).unwrap();
    for n in 0..number {
        let id = format!("more-{n}");
        let sealed = keyring.seal(&format!("cp_key_pair/{id}"), format!("key {n}").as_bytes()).unwrap();
        let sql = "INSERT INTO cp_key_pair (id, privatekey, privatekey_key_id) VALUES ($1, $2, $3)";
        world.client().execute(sql, &[&id, &sealed.bytes, &sealed.key_id]).await.unwrap();
    }
}

#[tokio::test]
async fn all_values_open_with_the_new_key_alone_afterwards() {
    let world = world().await;
    seal(&world, 450).await;
    let before = world.opened(&keys("k1", &[("k1", K1)])).await;
    let mut process = function::start("setup", &world.variables(), &[]).await;
    set_keys(&world, &keys("k2", &[("k1", K1), ("k2", K2)]));
    let answer =
        process.invoke(br#"{"command":"rotate-keys"}"#, Duration::from_secs(60)).await.unwrap().result.unwrap();
    assert_snapshot!(String::from_utf8(answer).unwrap(), @r#"{"complete":true,"current":"k2","problems":[],"rotated":{"cp_certificate":2,"cp_id_cert":2,"cp_key_pair":451},"sealed":{"cp_certificate":{"k2":2},"cp_id_cert":{"k2":2},"cp_key_pair":{"k2":451}},"unopened":0}"#);
    assert_eq!(world.opened(&keys("k2", &[("k2", K2)])).await, before);
    // Again, and with the old key gone.
    set_keys(&world, &keys("k2", &[("k2", K2)]));
    assert_snapshot!(rotate(&world).await, @r#"{"complete":true,"current":"k2","problems":[],"rotated":{"cp_certificate":0,"cp_id_cert":0,"cp_key_pair":0},"sealed":{"cp_certificate":{"k2":2},"cp_id_cert":{"k2":2},"cp_key_pair":{"k2":451}},"unopened":0}"#);
    assert!(process.logs().iter().all(|line| !line.contains("PRIVATE")));
}

#[tokio::test]
async fn a_value_whose_key_is_gone_is_told_of_and_stays() {
    let world = world().await;
    world.execute("DELETE FROM cp_consumer; DELETE FROM cp_key_pair").await;
    seal(&world, 3).await;
    world.execute("UPDATE cp_key_pair SET privatekey_key_id = 'k0' WHERE id = 'more-1'").await;
    world.execute("UPDATE cp_key_pair SET privatekey = '\\x01' WHERE id = 'more-2'").await;
    set_keys(&world, &keys("k2", &[("k1", K1), ("k2", K2)]));
    let answer = rotate(&world).await;
    assert_snapshot!(answer["problems"].as_array().unwrap().iter().map(|told| told.as_str().unwrap()).collect::<Vec<_>>().join("\n"), @r#"
    cp_key_pair/more-1: key "k0" is not among the keys; add it again, or values sealed with it are lost
    cp_key_pair/more-2: the sealed value of cp_key_pair/more-2 does not open with key "k1": it is cut
    "#);
    assert_eq!((&answer["unopened"], &answer["complete"]), (&json!(2), &json!(true)));
    assert_eq!(answer["sealed"]["cp_key_pair"], json!({"k0": 1, "k1": 1, "k2": 1}));
    assert_eq!(rotate(&world).await["problems"], answer["problems"]);
}

#[tokio::test]
async fn what_there_is_no_time_for_is_done_the_next_time() {
    let world = world().await;
    set_keys(&world, &keys("k2", &[("k1", K1), ("k2", K2)]));
    let setup = world.setup_for(1, Clock::system()).await;
    let answer = setup.handle(r#"{"command":"rotate-keys"}"#, Some(Duration::ZERO)).await.unwrap();
    assert_eq!((&answer["complete"], &answer["rotated"]), (&json!(false), &json!({})));
    let answer = setup.handle(r#"{"command":"rotate-keys"}"#, Some(Duration::from_secs(60))).await.unwrap();
    assert_eq!(answer["complete"], true);
    assert!(answer["sealed"].as_object().unwrap().values().all(|keys| keys.get("k1").is_none()), "{answer}");
}

#[tokio::test]
async fn what_somebody_is_changing_is_left_for_the_next_time() {
    let world = world().await;
    set_keys(&world, &keys("k2", &[("k1", K1), ("k2", K2)]));
    let other = longshore_tests::database::connect(world.database_url()).await;
    other.batch_execute("BEGIN; UPDATE cp_key_pair SET updated = now()").await.unwrap();
    assert_eq!(rotate(&world).await["sealed"]["cp_key_pair"], json!({"k1": 1}));
    other.batch_execute("COMMIT").await.unwrap();
    assert_eq!(rotate(&world).await["sealed"]["cp_key_pair"], json!({"k2": 1}));
}

#[tokio::test]
async fn imports_and_commands_go_on_with_the_new_key() {
    let world = world().await;
    set_keys(&world, &keys("k2", &[("k1", K1), ("k2", K2)]));
    rotate(&world).await;
    world.undo().await.unwrap();
    let importer = world.another_importer().await;
    let event = world.event(&[world.announce_manifest(&Manifest::sample(Era::D))]);
    assert!(importer.handle(&event, None).await.unwrap().failed().is_empty());
    let command = json!({"command": "create-distributor", "owner": ORG, "name": "second"});
    world.setup(command).await;
    assert_eq!(world.sealed_with().await, "k2");
}
