//! Certificates say what is so, in a form that others read.

use super::*;
use crate::manifest::Certificate;
use crate::manifest::test_keys::{CA, NOW, SIGNER};
use proptest::prelude::*;
use rcgen::{BasicConstraints, PublicKeyData as _};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use time::macros::datetime;
use x509_parser::asn1_rs::{Any, FromDer as _};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| {
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = pem::Pem::new("CERTIFICATE", CA.self_signed(&parameters));
    let key = pem::Pem::new("PRIVATE KEY", CA.pkcs8.clone());
    Authority::parse(&pem::encode_many(&[certificate, key])).unwrap()
});

static PUBLIC: LazyLock<PublicKey> = LazyLock::new(|| PublicKey::from_spki(&SIGNER.subject_public_key_info()).unwrap());

fn content_set(id: &str) -> Content {
    Content {
        id: id.into(),
        kind: "yum".into(),
        label: format!("label-{id}"),
        name: format!("Name {id}"),
        vendor: "Example".into(),
        url: Some(format!("/content/{id}")),
        gpg_url: None,
        required_tags: None,
        expires: Some(86_400),
        enabled: true,
    }
}

fn product_of(id: &str, contents: Vec<Content>) -> Product {
    let attributes = [("arch", "x86_64"), ("version", "2.0"), ("support_level", "Gold")];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), Some(value.to_owned()))).into();
    Product { id: id.into(), name: format!("Product {id}"), attributes, contents }
}

fn facts() -> EntitlementFacts {
    EntitlementFacts {
        id: "e1".into(),
        owner: "acme".into(),
        consumer: "uuid-1".into(),
        quantity: 3,
        pool_quantity: 10,
        start: datetime!(2026-01-01 0:00),
        end: datetime!(2056-12-31 23:59:59),
        contract: Some("C".into()),
        account: None,
        order: None,
        subscription: Some("s1".into()),
        virt_only: None,
    }
}

/// What a certificate says below 1.3.6.1.4.1.2312.9, by the rest of the identifier.
fn said(pem: &str) -> BTreeMap<String, String> {
    let block = pem::parse(pem).unwrap();
    let (rest, certificate) = X509Certificate::from_der(block.contents()).unwrap();
    assert!(rest.is_empty());
    let mut said = BTreeMap::new();
    for extension in certificate.extensions() {
        let oid = extension.oid.to_id_string();
        let Some(suffix) = oid.strip_prefix("1.3.6.1.4.1.2312.9.") else { continue };
        let (rest, value) = Any::from_der(extension.value).unwrap();
        assert!(rest.is_empty() && !extension.critical && value.tag() == x509_parser::asn1_rs::Tag::Utf8String);
        let text = std::str::from_utf8(value.data).unwrap().to_owned();
        assert_eq!(said.insert(suffix.to_owned(), text), None, "{suffix} is there twice");
    }
    said
}

fn issued(facts: &EntitlementFacts, products: &[&Product]) -> Result<Issued, IssueError> {
    entitlement(&AUTHORITY, &PUBLIC, facts, products)
}

#[test]
fn an_entitlement_certificate_says_product_content_order_and_consumer() {
    let (sku, engine) = (product_of("SKU", vec![]), product_of("901", vec![content_set("90101")]));
    let issued = issued(&facts(), &[&sku, &engine]).unwrap_or_else(|error| panic!("{error:?}"));
    let lines: Vec<String> = said(&issued.pem).iter().map(|(oid, text)| format!("{oid}={text}")).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    1.901.1=Product 901
    1.901.2=2.0
    1.901.3=x86_64
    1.901.4=
    1.901.5=
    2.90101.1=yum
    2.90101.1.1=Name 90101
    2.90101.1.10=
    2.90101.1.2=label-90101
    2.90101.1.5=Example
    2.90101.1.6=/content/90101
    2.90101.1.7=
    2.90101.1.8=1
    2.90101.1.9=86400
    4.1=Product SKU
    4.10=C
    4.11=3
    4.12=0
    4.13=
    4.14=0
    4.15=Gold
    4.16=
    4.17=
    4.18=0
    4.2=
    4.3=SKU
    4.4=s1
    4.5=10
    4.6=2026-01-01T00:00:00Z
    4.7=2056-12-31T23:59:59Z
    4.8=
    4.9=
    5.1=uuid-1
    ");
    let parsed = Certificate::parse(&issued.pem).unwrap();
    assert_eq!(parsed.common_name.as_deref(), Some("e1"));
    assert_eq!(parsed.organisation.as_deref(), Some("acme"));
    assert_eq!((parsed.serial, parsed.not_after), (issued.serial, facts().end.assume_utc()));
    assert_eq!(issued.expires, facts().end);
}

#[test]
fn a_content_set_of_two_products_is_there_once_and_enabled_if_one_has_it_enabled() {
    let off = Content { enabled: false, ..content_set("5") };
    let (a, b) = (product_of("1", vec![off.clone(), content_set("6")]), product_of("2", vec![content_set("5")]));
    let said = said(&issued(&facts(), &[&a, &b]).unwrap_or_else(|error| panic!("{error:?}")).pem);
    assert_eq!((said["2.5.1.8"].as_str(), said["2.6.1.8"].as_str()), ("1", "1"));
    let only = product_of("1", vec![off]);
    assert!(!extensions::contents(std::iter::once(&only)).first().unwrap().1);
}

#[test]
fn ids_that_are_no_numbers_and_kinds_that_have_none_are_left_out() {
    let odd = Content { kind: "deb".into(), ..content_set("8") };
    let contents =
        ["a1", "", "007", "-1", "1.2", "9223372036854775808", "7"].map(content_set).into_iter().chain([odd]).collect();
    let products = [product_of("x", contents), product_of("0042", vec![]), product_of("42", vec![])];
    let said = said(&issued(&facts(), &products.each_ref()).unwrap_or_else(|error| panic!("{error:?}")).pem);
    let heads: std::collections::BTreeSet<String> = said
        .keys()
        .filter(|oid| oid.starts_with("1.") || oid.starts_with("2."))
        .map(|oid| oid.split('.').take(2).collect::<Vec<_>>().join("."))
        .collect();
    assert_eq!(heads.into_iter().collect::<Vec<_>>(), ["1.42", "2.7"]);
    assert!(!is_engineering("x") && !is_engineering("0042") && is_engineering("0") && is_engineering("42"));
}

#[test]
fn a_certificate_names_as_many_content_sets_as_clients_take() {
    let contents = |number: usize| (1..=number).map(|id| content_set(&id.to_string())).collect();
    let most =
        issued(&facts(), &[&product_of("1", contents(MAX_CONTENTS))]).unwrap_or_else(|error| panic!("{error:?}"));
    let said = said(&most.pem);
    let named = said.iter().filter(|(oid, text)| oid.starts_with("2.") && *text == "yum").count();
    assert_eq!(named, 185);
    assert!(most.pem.len() < crate::manifest::PemFile::MAXIMUM);
    let more = issued(&facts(), &[&product_of("1", contents(MAX_CONTENTS + 1))]);
    assert!(matches!(more, Err(IssueError::TooMany(186))));
}

#[test]
fn an_identity_names_owner_uuid_and_name_and_lasts_five_years() {
    let issued = identity(&AUTHORITY, &PUBLIC, "acme", "uuid-1", "Lab, \u{fc}ber=alles", NOW).unwrap();
    let block = pem::parse(&issued.pem).unwrap();
    let (_, certificate) = X509Certificate::from_der(block.contents()).unwrap();
    assert_eq!(certificate.subject().to_string(), "O=acme, CN=uuid-1");
    let names = certificate.subject_alternative_name().unwrap().unwrap();
    let names: Vec<String> = names
        .value
        .general_names
        .iter()
        .map(|name| match name {
            GeneralName::DirectoryName(name) => name.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names, ["O=acme, CN=uuid-1", "CN=Lab, \u{fc}ber=alles"]);
    let validity = certificate.validity();
    assert_eq!(validity.not_before.to_datetime(), NOW - Duration::HOUR);
    assert_eq!(validity.not_after.to_datetime(), NOW.replace_year(2031).unwrap());
    assert!(!certificate.is_ca() && issued.serial > 0);
    assert!(certificate.key_usage().unwrap().unwrap().value.digital_signature());
    assert!(certificate.extended_key_usage().unwrap().unwrap().value.client_auth);
}

#[test]
fn a_product_has_the_serial_number_that_other_servers_give_it() {
    // hashCode() of Java; the last one is negative there.
    for (id, expected) in [("69", 1731), ("180", 48873), ("2147483647000", 1997150588)] {
        assert_eq!(product_serial(id), expected);
    }
    let issued = product(&AUTHORITY, &PUBLIC, &product_of("69", vec![content_set("1")]), NOW).unwrap();
    let parsed = Certificate::parse(&issued.pem).unwrap();
    assert_eq!((parsed.common_name.as_deref(), parsed.serial), (Some("69"), 1_731));
    assert_eq!(parsed.organisation, None);
    assert_eq!(said(&issued.pem).len(), 5);
}

#[test]
fn years_end_on_a_day_that_there_is() {
    let leap = datetime!(2028-02-29 12:00 UTC);
    assert_eq!(years_after(leap, 5), datetime!(2033-02-28 12:00 UTC));
    assert_eq!(years_after(leap, 4), datetime!(2032-02-29 12:00 UTC));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Any texts and numbers become a certificate that is read again with just these.
    #[test]
    fn whatever_is_said_is_read_again(
        name in any::<String>(),
        url in prop::option::of("\\PC{0,300}"),
        product in 0..=i64::MAX,
        contents in prop::collection::btree_set(0..=i64::MAX, 0..8),
        quantity in any::<i64>(),
        owner in "\\PC{1,255}",
    ) {
        let contents: Vec<Content> = contents.iter().map(|id| Content { name: name.clone(), url: url.clone(), ..content_set(&id.to_string()) }).collect();
        let product = Product { name: name.clone(), ..product_of(&product.to_string(), contents.clone()) };
        let facts = EntitlementFacts { owner: owner.clone(), quantity, ..facts() };
        let issued = issued(&facts, &[&product]).unwrap_or_else(|error| panic!("{error:?}"));
        let said = said(&issued.pem);
        prop_assert_eq!(&said[&format!("1.{}.1", product.id)], &name);
        for content in &contents {
            prop_assert_eq!(&said[&format!("2.{}.1.1", content.id)], &name);
            prop_assert_eq!(&said[&format!("2.{}.1.6", content.id)], &url.clone().unwrap_or_default());
        }
        prop_assert_eq!(&said["4.11"], &quantity.to_string());
        prop_assert_eq!(said.len(), 5 + 9 * contents.len() + 18 + 1);
        prop_assert_eq!(Certificate::parse(&issued.pem).unwrap().organisation, Some(owner));
    }
}
