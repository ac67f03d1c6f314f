//! What is in an archive.

use longshore::archive::{Limits, Members};
use serde_json::Value;
use std::collections::BTreeMap;

/// The files of an archive by their names, its container's root left out.
pub type Contents = BTreeMap<String, Vec<u8>>;

/// The files of an archive of either form.
pub fn contents(archive: Vec<u8>) -> Contents {
    let members = match archive.starts_with(b"PK") {
        true => Members::zip(member(archive, "consumer_export.zip").into(), &limits()).unwrap(),
        false => Members::tar_gz(&archive, &limits()).unwrap(),
    };
    let name = |name: &str| name.strip_prefix("export/").unwrap_or(name).to_owned();
    members.iter().map(|file| (name(file.name()), file.read().unwrap())).collect()
}

/// SHA-256, as hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A member of a zip.
pub fn member(zip: Vec<u8>, name: &str) -> Vec<u8> {
    Members::zip(zip.into(), &limits()).unwrap().get(name).unwrap().read().unwrap()
}

fn limits() -> Limits {
    Limits { entry_bytes: 1 << 30, ..Limits::for_manifests() }
}

/// A file as JSON.
pub fn json_file(contents: &Contents, name: &str) -> Value {
    serde_json::from_slice(contents.get(name).unwrap_or_else(|| panic!("no {name}"))).unwrap()
}

/// What an archive says, ids and certificates that are made anew each time left out: what two exports of a chain have in
/// common.
pub fn meaning(contents: &Contents) -> Vec<String> {
    let mut lines: Vec<String> = contents.iter().filter_map(|(name, bytes)| meaning_of(name, bytes)).collect();
    lines.sort();
    lines
}

fn meaning_of(name: &str, bytes: &[u8]) -> Option<String> {
    let (folder, _) = name.split_once('/').unwrap_or((name, ""));
    let json = || serde_json::from_slice::<Value>(bytes).unwrap();
    match folder {
        "entitlements" => {
            let mut entitlement = json();
            let certificates = entitlement["certificates"].as_array().map(Vec::len);
            let mut pool = entitlement["pool"].take();
            for key in [
                "id",
                "created",
                "updated",
                "subscriptionId",
                "owner",
                "quantity",
                "consumed",
                "exported",
                "upstreamPoolId",
                "upstreamEntitlementId",
                "upstreamConsumerId",
            ] {
                pool.as_object_mut().unwrap().remove(key);
            }
            let quantity = &entitlement["quantity"];
            Some(format!(
                "entitlement {quantity} {} {} {certificates:?} {pool}",
                entitlement["startDate"], entitlement["endDate"]
            ))
        }
        "products" if name.ends_with(".json") => {
            let mut product = json();
            without(&mut product, "uuid");
            Some(format!("product {product}"))
        }
        "products" => Some(format!("{name} {}", bytes.starts_with(b"-----BEGIN CERTIFICATE"))),
        "entitlement_certificates" => Some("entitlement certificate".into()),
        "upstream_consumer" | "meta.json" => None,
        "consumer.json" => Some(format!("consumer of type {}", json()["type"]["label"])),
        _ => Some(format!("{name} {}", String::from_utf8_lossy(bytes))),
    }
}

fn without(value: &mut Value, key: &str) {
    match value {
        Value::Object(fields) => {
            fields.remove(key);
            fields.values_mut().for_each(|value| without(value, key));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| without(value, key)),
        _ => {}
    }
}
