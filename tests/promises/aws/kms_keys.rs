//! Keys that KMS has encrypted: when its key is replaced, and when it may not be used.

use longshore_devkit::runtime_api::Function;
use longshore_tests::cloud::Cloud;
use longshore_tests::manifest::{Authority, Era, Manifest};
use longshore_tests::sealed::{K1, K2, keys};
use longshore_tests::{Announcement, ORG, World, function, later};
use serde_json::{Value, json};
use std::time::Duration;

struct Vault {
    world: World,
    cloud: Cloud,
}

impl Vault {
    async fn start() -> Self {
        Self { world: World::with_owner().await, cloud: Cloud::start().await }
    }

    /// A function whose keys are that ciphertext.
    async fn function(&self, name: &str, keys: &str) -> Function {
        self.cloud.function(name, &self.world, &[("LONGSHORE_KEYS", keys)]).await
    }

    /// A record of a manifest with a private key in it, made so many minutes later than the first.
    async fn record(&self, minutes: i64) -> String {
        let manifest = later(&Manifest::sample(Era::D), minutes).build(&Authority::new());
        let url = self.cloud.upload(&format!("{minutes}.zip"), manifest).await;
        self.world.event(&[Announcement::manifest(&url)])
    }

    /// Imports it with a function that starts anew, as after a deployment.
    async fn imports_with(&self, keys: &str, minutes: i64) {
        let mut process = self.function("manifest-importer", keys).await;
        let event = self.record(minutes).await;
        assert_eq!(function::call(&mut process, &event).await, Ok(vec![]), "{:#?}", process.logs());
        self.cloud.nothing_is_told(&process, 1).await;
    }

    /// Gives `setup` a command, with these keys.
    async fn setup_with(&self, keys: &str, command: Value) -> Value {
        let mut process = self.function("setup", keys).await;
        let answer = process.invoke(command.to_string().as_bytes(), Duration::from_secs(60)).await.unwrap().result;
        let answer = serde_json::from_slice(&answer.unwrap()).unwrap();
        self.cloud.nothing_is_in(&answer);
        answer
    }
}

/// As docs/hosted.md says: both keys first, then `rotate-keys`, then the new one alone.
#[tokio::test]
async fn a_kms_key_is_replaced_together_with_the_keys_it_has_encrypted_and_nothing_is_lost() {
    let vault = Vault::start().await;
    let (old, new) = (vault.cloud.kms_key().await, vault.cloud.kms_key().await);
    let first = vault.cloud.encrypted(&old, &keys("k1", &[("k1", K1)])).await;
    vault.imports_with(&first, 0).await;
    vault.world.distributor("first").await;
    // What KMS does by itself, once a year, changes nothing about old ciphertexts.
    vault.cloud.change_key("RotateKeyOnDemand", &old).await;
    vault.imports_with(&first, 1).await;
    assert_eq!(vault.world.sealed_with().await, "k1");

    let both = vault.cloud.encrypted(&new, &keys("k2", &[("k1", K1), ("k2", K2)])).await;
    vault.imports_with(&both, 2).await;
    vault.setup_with(&both, json!({"command": "create-distributor", "owner": ORG, "name": "second"})).await;
    assert_eq!(vault.world.sealed_with().await, "k1\nk2");
    let sealed = vault.world.opened(&keys("k2", &[("k1", K1), ("k2", K2)])).await;
    let answer = vault.setup_with(&both, json!({"command": "rotate-keys"})).await;
    assert_eq!((&answer["complete"], &answer["unopened"]), (&json!(true), &json!(0)), "{answer}");
    assert_eq!(vault.world.sealed_with().await, "k2");

    vault.cloud.change_key("ScheduleKeyDeletion", &old).await;
    let alone = vault.cloud.encrypted(&new, &keys("k2", &[("k2", K2)])).await;
    vault.imports_with(&alone, 3).await;
    assert_eq!(vault.world.sealed_with().await, "k2");
    assert_eq!(vault.world.import_log().await, ["imported"; 4].join("\n"));
    assert!(vault.world.opened(&keys("k2", &[("k2", K2)])).await == sealed, "other private keys");
}

/// Neither one that is disabled nor one that is about to be deleted loses a record.
#[tokio::test]
async fn while_the_kms_key_may_not_be_used_records_come_again() {
    let vault = Vault::start().await;
    for (minutes, change, why) in
        [(0, "DisableKey", "DisabledException"), (1, "ScheduleKeyDeletion", "KMSInvalidStateException")]
    {
        let key = vault.cloud.kms_key().await;
        let keys = vault.cloud.encrypted(&key, &keys("k1", &[("k1", K1)])).await;
        let mut process = vault.function("manifest-importer", &keys).await;
        let event = vault.record(minutes).await;
        let (_, offset) = event.split_once(r#""offset":"#).unwrap();
        let offset: i64 = offset.split(',').next().unwrap().parse().unwrap();
        vault.cloud.change_key(change, &key).await;
        assert_eq!(function::call(&mut process, &event).await, Ok(vec![offset]));
        let line = function::left(&process, "Keys").await;
        assert!(line["error"].as_str().unwrap().contains(why), "{line}");
        assert_eq!(vault.world.value::<i64>("SELECT count(*) FROM rejected_records").await, 0);

        // The same process, which has kept no failure. A deletion is cancelled, and the key enabled after that.
        if change == "ScheduleKeyDeletion" {
            vault.cloud.change_key("CancelKeyDeletion", &key).await;
        }
        vault.cloud.change_key("EnableKey", &key).await;
        assert_eq!(function::call(&mut process, &event).await, Ok(vec![]), "{:#?}", process.logs());
        vault.cloud.nothing_is_told(&process, 2).await;
    }
    let done = "SELECT string_agg(outcome, ' ' ORDER BY id) FROM imports WHERE outcome <> 'failed'";
    assert_eq!(vault.world.value::<String>(done).await, "imported imported");
}
