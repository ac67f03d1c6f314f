//! A certificate and its key, as manifests show them.

use crate::secret::Secret;
use serde_json::{Value, json};
use tokio_postgres::Row;

/// A certificate that was issued here.
pub(super) struct Certificate {
    /// `cp_id_cert.id` or `cp_ent_certificate.id`
    pub id: String,
    /// PEM.
    pub text: String,
    /// The X.509 serial number.
    pub serial: i64,
    expiration: Option<String>,
    revoked: bool,
    collected: bool,
    times: [Option<String>; 4],
}

impl Certificate {
    /// From columns that all statements name alike; none where there is no certificate.
    pub fn of(row: &Row) -> Option<Self> {
        let id: Option<String> = row.get("certificate_id");
        let times = ["certificate_created", "certificate_updated", "serial_created", "serial_updated"];
        Some(Self {
            id: id?,
            text: String::from_utf8_lossy(row.get("cert")).into_owned(),
            serial: row.get("x509_serial"),
            expiration: row.get("expiration"),
            revoked: row.get("revoked"),
            collected: row.get("collected"),
            times: times.map(|column| row.get(column)),
        })
    }

    /// As it stands in JSON, with its key. `collected` says nothing any more, but readers of before 2022 need it.
    pub fn json(&self, key: &Secret) -> Value {
        let [created, updated, serial_created, serial_updated] = &self.times;
        json!({
            "id": self.id, "cert": self.text, "key": key.expose(), "created": created, "updated": updated,
            "serial": {
                "id": self.serial, "serial": self.serial, "expiration": self.expiration, "revoked": self.revoked,
                "collected": self.collected, "created": serial_created, "updated": serial_updated,
            },
        })
    }

    /// As it stands in a file of its own: the certificate, then the key.
    pub fn pem(&self, key: &Secret) -> String {
        let newline = if self.text.ends_with('\n') { "" } else { "\n" };
        format!("{}{newline}{}", self.text, key.expose())
    }
}
