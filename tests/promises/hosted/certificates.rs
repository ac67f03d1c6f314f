//! Certificates that are issued here are read by others, and say what is so.

use insta::assert_snapshot;
use longshore_tests::manifest::{CertificateVersion, Content, Entitlement, Product};
use longshore_tests::{ORG, World, candlepin_extensions, openssl, small};
use serde_json::json;

#[tokio::test]
async fn openssl_finds_the_chain_to_the_authority_for_each_sort_of_certificate() {
    let world = World::with_owner().await;
    let pool = world.hosted_pool(10).await;
    let uuid = world.distributor("lab").await;
    let id = world.entitle(&uuid, &pool, 4).await;
    assert_eq!(world.certify(&uuid).await.unwrap().products, 1);
    let trusted = world.files().join("trusted.pem");
    let verify = |pem: &str| {
        let purpose = ["verify", "-x509_strict", "-no_check_time", "-purpose", "sslclient", "-CAfile"];
        openssl(&[&purpose[..], &[trusted.to_str().unwrap()]].concat(), pem)
    };
    let product = world.pem("cp_product_certificates").await;
    let (identity, entitlement) = (world.pem("cp_id_cert").await, world.pem("cp_ent_certificate").await);
    for pem in [&identity, &entitlement, &product] {
        assert_eq!(verify(pem), "stdin: OK\n");
    }
    let shown = |pem: &str| openssl(&["x509", "-noout", "-subject", "-issuer", "-nameopt", "RFC2253"], pem);
    assert_eq!(shown(&identity), format!("subject=CN={uuid},O={ORG}\nissuer=CN=Longshore Test Authority\n"));
    assert_eq!(shown(&entitlement), format!("subject=CN={id},O={ORG}\nissuer=CN=Longshore Test Authority\n"));
    assert_eq!(shown(&product), "subject=CN=7001\nissuer=CN=Longshore Test Authority\n");
    let names = openssl(&["x509", "-noout", "-ext", "subjectAltName,keyUsage,extendedKeyUsage,nsCertType"], &identity);
    assert_snapshot!(names.replace(&uuid, "UUID").replace("\n    ", " "), @"
    X509v3 Key Usage: critical Digital Signature
    X509v3 Extended Key Usage:  TLS Web Client Authentication
    Netscape Cert Type:  SSL Client, S/MIME
    X509v3 Subject Alternative Name:  DirName:/O=5318290/CN=UUID, DirName:/CN=lab
    ");
}

#[tokio::test]
async fn one_key_is_that_of_the_identity_and_of_all_entitlements() {
    let world = World::with_owner().await;
    let pool = world.hosted_pool(10).await;
    let uuid = world.distributor("lab").await;
    world.entitle(&uuid, &pool, 4).await;
    let (of_pair, of_identity) = (world.open_key("cp_key_pair").await, world.open_key("cp_id_cert").await);
    assert_eq!(of_pair, of_identity);
    assert!(of_pair.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    let modulus = openssl(&["rsa", "-noout", "-modulus", "-check"], &of_pair);
    assert!(modulus.contains("RSA key ok"), "{modulus}");
    for pem in [world.pem("cp_id_cert").await, world.pem("cp_ent_certificate").await] {
        assert!(modulus.contains(openssl(&["x509", "-noout", "-modulus"], &pem).trim()));
    }
}

#[tokio::test]
async fn serial_numbers_are_those_of_the_certificates() {
    let world = World::with_owner().await;
    let pool = world.hosted_pool(10).await;
    let uuid = world.distributor("lab").await;
    world.entitle(&uuid, &pool, 4).await;
    for (pem, table) in
        [(world.pem("cp_id_cert").await, "cp_id_cert"), (world.pem("cp_ent_certificate").await, "cp_ent_certificate")]
    {
        let serial = openssl(&["x509", "-noout", "-serial"], &pem);
        let serial = i64::from_str_radix(serial.trim().strip_prefix("serial=").unwrap(), 16).unwrap();
        let sql = format!(
            "SELECT s.id = {serial} AND s.x509_serial = s.id FROM {table} c JOIN cp_cert_serial s ON s.id = c.serial_id"
        );
        assert!(world.value::<bool>(&sql).await, "{table}");
        let ends = world
            .value::<String>(&format!(
                "SELECT to_char(expiration, 'Mon FMDD HH24:MI:SS YYYY') FROM cp_cert_serial WHERE id = {serial}"
            ))
            .await;
        let shown = openssl(&["x509", "-noout", "-enddate"], &pem).replace("  ", " ");
        assert_eq!(shown, format!("notAfter={ends} GMT\n"));
    }
}

/// What others issue for the same products is our measure: the authority of the test kit shares no code with ours.
#[tokio::test]
async fn an_entitlement_certificate_says_what_those_of_others_say() {
    let world = World::with_owner().await;
    let manifest = small()
        .product(
            Product::new("901", "Engine")
                .attribute("arch", "x86_64")
                .attribute("version", "2.0")
                .content(Content::new("90101", "engine-rpms"))
                .content(Content::new("90102", "engine-files").kind("file")),
        )
        .product(
            Product::new("SKU", "Suite")
                .attribute("support_level", "Gold")
                .attribute("virt_limit", "4")
                .provides(&["901"]),
        )
        .entitlement(Entitlement::new("e1", "p1", "SKU").certificate_version(CertificateVersion::V1));
    world.import(&manifest).await;
    let theirs = candlepin_extensions(&world.pem("cp_certificate").await);
    let uuid = world.distributor("lab").await;
    let pool = world.value::<String>("SELECT id FROM cp_pool WHERE subscriptionsubkey = 'master'").await;
    world.entitle(&uuid, &pool, 4).await;
    let ours = candlepin_extensions(&world.pem("cp_ent_certificate").await);
    let differs: Vec<String> = theirs
        .iter()
        .filter(|(oid, value)| ours.get(*oid) != Some(value))
        .map(|(oid, value)| format!("{oid}: {value}, ours {}", ours.get(oid).map_or("-", |ours| ours)))
        .collect();
    // The pool's quantity, what is taken of it, and what imports set: metadata expire at once.
    assert_snapshot!(differs.join("\n").replace(&uuid, "UUID"), @"
    2.90101.1.9: 86400, ours 1
    2.90102.2.9: 86400, ours 1
    4.11: 10, ours 4
    4.5: 38, ours 10
    5.1: 0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10, ours UUID
    ");
    let more: Vec<&String> = ours.keys().filter(|oid| !theirs.contains_key(*oid)).collect();
    assert_eq!(more, ["4.17", "4.18", "4.4", "4.9"]);
}

#[tokio::test]
async fn an_authority_that_openssl_has_made_issues_what_openssl_verifies() {
    let world = World::with_owner().await;
    let file = |name: &str| world.files().join(name).to_str().unwrap().to_owned();
    // As docs/hosted.md has it.
    let made = "req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /O=Example/CN=Example_Authority \
                -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature";
    let (key, certificate) = (file("key.pem"), file("ca.pem"));
    let arguments: Vec<&str> = made.split_whitespace().chain(["-keyout", &key, "-out", &certificate]).collect();
    openssl(&arguments, "");
    let texts = [&key, &certificate].map(|path| std::fs::read_to_string(path).unwrap());
    std::fs::write(file("authority.pem"), texts.concat()).unwrap();
    world.distributor("lab").await;
    let verified = openssl(&["verify", "-x509_strict", "-CAfile", &certificate], &world.pem("cp_id_cert").await);
    assert_eq!(verified, "stdin: OK\n");
}

#[tokio::test]
async fn more_content_sets_than_a_certificate_can_name_are_refused_by_name() {
    let world = World::with_owner().await;
    let content = |number: usize| -> Vec<_> {
        (1..=number).map(|id| json!({"id": id.to_string(), "type": "yum", "label": "l", "name": "n"})).collect()
    };
    let product = |number| json!({"command": "create-product", "owner": ORG, "product": "BIG", "name": "Big", "content": content(number)});
    world.setup(product(185)).await;
    let pool = json!({"command": "create-pool", "owner": ORG, "product": "BIG", "quantity": 10, "id": "big"});
    world.setup(pool).await;
    let uuid = world.distributor("lab").await;
    world.entitle(&uuid, "big", 1).await;
    world.setup(product(186)).await;
    let command = json!({"command": "entitle", "consumer": uuid, "pool": "big", "quantity": 1});
    assert_snapshot!(world.setup_refuses(command).await, @"Contents: product BIG brings 186 content sets with it, and an entitlement certificate has room for 185");
    // The one that was issued stays until it can be replaced.
    assert!(world.certify(&uuid).await.is_err());
    assert_snapshot!(world.taken().await, @"
    BIG x 1
    BIG | 1 of 10 | exported 1
    ");
    assert_eq!(world.orphans().await, "");
}
