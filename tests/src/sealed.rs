//! Sealed private keys, and the keys that they are sealed with.

use crate::World;
use longshore::keyring::{Keyring, Sealed};
use serde_json::{Value, json};

/// The key of every world.
pub const K1: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// The key after it.
pub const K2: &str = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU=";

/// The text that `LONGSHORE_KEYS` leads to.
pub fn keys(current: &str, keys: &[(&str, &str)]) -> String {
    let keys: serde_json::Map<String, Value> = keys.iter().map(|(id, key)| ((*id).into(), (*key).into())).collect();
    json!({"current": current, "keys": keys}).to_string()
}

impl World {
    /// Every sealed value, opened with these keys: `table/id` and the text.
    pub async fn opened(&self, keys: &str) -> Vec<String> {
        let keyring = Keyring::parse(keys).unwrap();
        let mut texts = Vec::new();
        for table in ["cp_certificate", "cp_id_cert", "cp_key_pair"] {
            let sql = format!(
                "SELECT id, privatekey, privatekey_key_id FROM {table} WHERE privatekey IS NOT NULL ORDER BY id"
            );
            for row in self.client().query(&sql, &[]).await.unwrap() {
                let context = format!("{table}/{}", row.get::<_, &str>(0));
                let sealed = Sealed { bytes: row.get(1), key_id: row.get(2) };
                texts.push(format!("{context} {}", keyring.open_text(&context, &sealed).unwrap().expose()));
            }
        }
        texts
    }

    /// The ids of the keys that values are sealed with, a line each.
    pub async fn sealed_with(&self) -> String {
        let used = "SELECT DISTINCT privatekey_key_id FROM (SELECT privatekey_key_id FROM cp_certificate
                    UNION ALL SELECT privatekey_key_id FROM cp_id_cert UNION ALL SELECT privatekey_key_id FROM cp_key_pair) k
                    WHERE privatekey_key_id IS NOT NULL ORDER BY 1";
        self.list(used).await
    }
}
