//! What tells the eras apart.

use serde_json::{Value, json};

use super::json_of;
use crate::manifest::{Authority, Era, Manifest};

fn names(era: Era) -> Vec<String> {
    let files = Manifest::sample(era).files();
    let folders = files.keys().filter_map(|name| name.strip_prefix("export/")?.split_once('/'));
    let mut folders: Vec<_> = folders.map(|(folder, _)| folder.to_owned()).collect();
    folders.dedup();
    folders
}

fn entitlement(era: Era) -> Value {
    json_of(&Manifest::sample(era).files(), "entitlements/4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908.json")
}

fn product(era: Era, id: &str) -> Value {
    json_of(&Manifest::sample(era).files(), &format!("products/{id}.json"))
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn each_era_has_its_folders() {
    let common = ["consumer_types", "entitlement_certificates", "entitlements", "products"];
    assert_eq!(names(Era::A), [&common[..], &["rules"]].concat());
    let later = |rules: &[&'static str]| {
        let mut all =
            [&common[..], &["content_delivery_network", "distributor_version", "upstream_consumer"], rules].concat();
        all.sort_unstable();
        all
    };
    assert_eq!(names(Era::B), later(&["rules", "rules2"]));
    assert_eq!(names(Era::C), later(&["rules2"]));
    assert_eq!(names(Era::D), later(&["rules2"]));
}

#[test]
fn meta_and_consumer_grow() {
    let file = |era, name| json_of(&Manifest::new(era).files(), name);
    assert_eq!(keys(&file(Era::A, "meta.json")), ["created", "version"]);
    assert_eq!(file(Era::B, "meta.json")["webAppPrefix"], "upstream.example/subs/");
    assert_eq!(file(Era::D, "meta.json")["webAppPrefix"], Value::Null);
    assert_eq!(keys(&file(Era::D, "meta.json")), ["cdnLabel", "created", "principalName", "version", "webAppPrefix"]);
    assert_eq!(keys(&file(Era::A, "consumer.json")), ["uuid"]);
    assert_eq!(keys(&file(Era::B, "consumer.json")), ["name", "owner", "type", "urlApi", "urlWeb", "uuid"]);
    assert_eq!(file(Era::D, "consumer.json")["contentAccessMode"], "entitlement");
    assert_eq!(file(Era::D, "consumer.json")["type"]["manifest"], true);
    assert_eq!(file(Era::A, "consumer_types/candlepin.json").get("manifest"), None);
}

#[test]
fn attributes_are_database_rows_in_the_first_two_eras() {
    for (era, is_row) in Era::ALL.into_iter().zip([true, true, false, false]) {
        let attribute = &entitlement(era)["pool"]["productAttributes"][0];
        assert_eq!(attribute.get("created").is_some(), is_row, "{era:?}");
        assert_eq!(attribute.get("productId").is_some(), is_row, "{era:?}");
        assert_eq!(product(era, "901")["attributes"][0].get("updated").is_some(), is_row, "{era:?}");
        assert_eq!(entitlement(era)["pool"]["providedProducts"][0].get("id").is_some(), is_row, "{era:?}");
    }
}

#[test]
fn contract_and_account_stand_in_the_entitlement_in_the_first_era() {
    assert_eq!(entitlement(Era::A)["contractNumber"], "CON-5");
    assert!(entitlement(Era::A)["consumer"]["idCert"]["key"].is_string());
    assert_eq!(entitlement(Era::B).get("contractNumber"), None);
    assert_eq!(entitlement(Era::B).get("consumer"), None);
    assert_eq!(entitlement(Era::B)["pool"]["orderNumber"], "ORD-7");
}

#[test]
fn derived_products_and_branding_come_later() {
    assert_eq!(entitlement(Era::A)["pool"].get("derivedProductId"), None);
    assert_eq!(entitlement(Era::B)["pool"]["derivedProductId"], "EX-SKU-2");
    assert_eq!(entitlement(Era::B)["pool"]["derivedProvidedProducts"][0]["productId"], "903");
    assert_eq!(entitlement(Era::B)["pool"].get("branding"), None);
    assert_eq!(entitlement(Era::C)["pool"]["branding"][0]["productId"], "901");
}

#[test]
fn the_last_two_eras_nest_products() {
    assert_eq!(product(Era::B, "EX-SKU-1").get("providedProducts"), None);
    for era in [Era::C, Era::D] {
        let sku = product(era, "EX-SKU-1");
        assert_eq!(sku["providedProducts"][0]["productContent"][0]["content"]["id"], "90101");
        assert_eq!(sku["derivedProduct"]["providedProducts"][0]["id"], "903");
    }
}

#[test]
fn content_keys_were_renamed() {
    let content = |era| product(era, "901")["productContent"][0]["content"].clone();
    assert_eq!((&content(Era::A)["releaseVer"], content(Era::A).get("arches")), (&json!("2"), None));
    assert_eq!((&content(Era::B)["metadataExpire"], &content(Era::B)["arches"]), (&json!(86_400), &json!("x86_64")));
    assert_eq!(
        (&content(Era::C)["releaseVersion"], &content(Era::D)["metadataExpiration"]),
        (&json!("2"), &json!(86_400))
    );
    assert_eq!(product(Era::B, "902")["reliesOn"], json!(["901"]));
}

#[test]
fn only_the_last_era_sorts_keys() {
    let meta = |era| String::from_utf8(Manifest::new(era).files()["export/meta.json"].clone()).unwrap();
    assert!(meta(Era::C).starts_with(r#"{"webAppPrefix":"#));
    assert!(meta(Era::D).starts_with(r#"{"cdnLabel":"#));
}

#[test]
fn a_scheme_stands_in_the_inner_tree() {
    let signer = Authority::new().scheme("rsa");
    let scheme = json_of(&Manifest::new(Era::D).scheme(&signer).files(), "scheme.json");
    assert_eq!(keys(&scheme), ["certificate", "key_algorithm", "name", "signature_algorithm"]);
}
