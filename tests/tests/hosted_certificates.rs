//! Certificates that are issued here are read by others, say what is so, and are issued anew when it is not so any more.

use insta::assert_snapshot;
use longshore_devkit::manifest::{Authority, KeyForm};
use longshore_tests::manifest::{CertificateVersion, Content, Entitlement, Product};
use longshore_tests::{ORG, World, later, small};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// What `openssl` answers to a text; it must be content.
fn openssl(arguments: &[&str], input: &str) -> String {
    let mut process = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("these tests need the program openssl");
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "openssl {arguments:?}: {told}{}", String::from_utf8_lossy(&output.stderr));
    told
}

async fn text(world: &World, sql: &str) -> String {
    world.value(sql).await
}

async fn identity(world: &World) -> String {
    text(world, "SELECT convert_from(cert, 'UTF8') FROM cp_id_cert").await
}

async fn entitlement(world: &World) -> String {
    text(world, "SELECT convert_from(cert, 'UTF8') FROM cp_ent_certificate").await
}

/// Our extensions as openssl shows them: `1.901.1` -> `Engine`.
fn said(pem: &str) -> BTreeMap<String, String> {
    let shown = openssl(&["x509", "-noout", "-text"], pem);
    let (_, extensions) = shown.split_once("X509v3 extensions:").unwrap();
    let mut said = BTreeMap::new();
    let mut lines = extensions.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if let Some(oid) = line.strip_prefix("1.3.6.1.4.1.2312.9.") {
            // Tag and length are shown as two odd characters; the values of these tests are ASCII and short.
            let value = lines.next().unwrap_or_default();
            let value: String = value.chars().skip(2).collect();
            assert_eq!(said.insert(oid.trim_end_matches([':', ' ']).to_owned(), value), None, "{oid} is there twice");
        }
    }
    said
}

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
    let product = text(&world, "SELECT convert_from(cert, 'UTF8') FROM cp_product_certificates").await;
    let (identity, entitlement) = (identity(&world).await, entitlement(&world).await);
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
    for pem in [identity(&world).await, entitlement(&world).await] {
        assert!(modulus.contains(openssl(&["x509", "-noout", "-modulus"], &pem).trim()));
    }
}

#[tokio::test]
async fn serial_numbers_are_those_of_the_certificates() {
    let world = World::with_owner().await;
    let pool = world.hosted_pool(10).await;
    let uuid = world.distributor("lab").await;
    world.entitle(&uuid, &pool, 4).await;
    for (pem, table) in [(identity(&world).await, "cp_id_cert"), (entitlement(&world).await, "cp_ent_certificate")] {
        let serial = openssl(&["x509", "-noout", "-serial"], &pem);
        let serial = i64::from_str_radix(serial.trim().strip_prefix("serial=").unwrap(), 16).unwrap();
        let sql = format!(
            "SELECT s.id = {serial} AND s.x509_serial = s.id FROM {table} c JOIN cp_cert_serial s ON s.id = c.serial_id"
        );
        assert!(world.value::<bool>(&sql).await, "{table}");
        let ends = text(
            &world,
            &format!("SELECT to_char(expiration, 'Mon FMDD HH24:MI:SS YYYY') FROM cp_cert_serial WHERE id = {serial}"),
        )
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
    let theirs = said(&text(&world, "SELECT convert_from(cert, 'UTF8') FROM cp_certificate").await);
    let uuid = world.distributor("lab").await;
    let pool = text(&world, "SELECT id FROM cp_pool WHERE subscriptionsubkey = 'master'").await;
    world.entitle(&uuid, &pool, 4).await;
    let ours = said(&entitlement(&world).await);
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
async fn certificates_are_issued_anew_when_they_do_not_say_the_truth_any_more() {
    let world = World::with_owner().await;
    let pool = world.hosted_pool(10).await;
    let uuid = world.distributor("lab").await;
    world.entitle(&uuid, &pool, 4).await;
    world.entitle(&uuid, &pool, 2).await;
    assert_eq!(world.certify(&uuid).await.unwrap().products, 1);
    let product = |id: &str, rest: serde_json::Value| {
        let mut command = json!({"command": "create-product", "owner": ORG, "product": id});
        command.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        command
    };
    let content =
        json!([{"id": "70001", "type": "yum", "label": "tool-rpms", "name": "Tool RPMs", "url": "/content/new"}]);
    let pool_of = |rest: serde_json::Value| {
        let mut command =
            json!({"command": "create-pool", "owner": ORG, "product": "TOOL-1", "quantity": 10, "id": pool});
        command.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        command
    };
    for (change, products) in [
        (pool_of(json!({"quantity": 11})), 0),
        (pool_of(json!({"quantity": 11, "end": "2037-01-01"})), 0),
        (pool_of(json!({"quantity": 11, "contract": "C-2"})), 0),
        (product("TOOL-1", json!({"name": "Tools", "attributes": {"support_level": "Silver"}})), 0),
        (product("7001", json!({"name": "Better Tool"})), 1),
        (product("7001", json!({"name": "Better Tool", "content": content})), 1),
        (product("TOOL-1", json!({"name": "Tools", "provided": []})), 0),
    ] {
        let before = entitlement_texts(&world).await;
        assert_eq!(numbers(&world, &uuid).await, (0, 0), "before {change}");
        world.setup(change.clone()).await;
        assert_eq!(numbers(&world, &uuid).await, (2, products), "after {change}");
        assert_ne!(entitlement_texts(&world).await, before);
        assert_eq!(world.orphans().await, "");
    }
    let said = said(
        &text(&world, "SELECT convert_from(cert, 'UTF8') FROM cp_ent_certificate ORDER BY entitlement_id LIMIT 1")
            .await,
    );
    let told: Vec<String> = said.iter().map(|(oid, value)| format!("{oid}={value}")).collect();
    assert_snapshot!(told.join("\n").replace(&uuid, "UUID"), @"
    4.1=Tools
    4.10=C-2
    4.11=4
    4.12=0
    4.13=A-1
    4.14=0
    4.15=Silver
    4.16=
    4.17=
    4.18=0
    4.2=O-1
    4.3=TOOL-1
    4.4=
    4.5=11
    4.6=2026-01-01T00:00:00Z
    4.7=2037-01-01T00:00:00Z
    4.8=
    4.9=
    5.1=UUID
    ");
}

async fn numbers(world: &World, uuid: &str) -> (u64, u64) {
    let certified = world.certify(uuid).await.unwrap();
    (certified.entitlements, certified.products)
}

async fn entitlement_texts(world: &World) -> String {
    world
        .list("SELECT entitlement_id || convert_from(cert, 'UTF8') FROM cp_ent_certificate ORDER BY entitlement_id")
        .await
}

#[tokio::test]
async fn another_authority_issues_all_certificates_of_entitlements_anew() {
    let world = World::with_owner().await;
    let pool = world.hosted_pool(10).await;
    let uuid = world.distributor("lab").await;
    world.entitle(&uuid, &pool, 4).await;
    world.certify(&uuid).await.unwrap();
    let other = Authority::named("Another");
    std::fs::write(world.files().join("authority.pem"), other.pem() + &other.key().pem(KeyForm::Pkcs1)).unwrap();
    assert_eq!(numbers(&world, &uuid).await, (1, 0));
    assert_eq!(numbers(&world, &uuid).await, (0, 0));
    let issuer = openssl(&["x509", "-noout", "-issuer", "-nameopt", "RFC2253"], &entitlement(&world).await);
    assert_eq!(issuer, "issuer=CN=Another\n");
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
    let verified = openssl(&["verify", "-x509_strict", "-CAfile", &certificate], &identity(&world).await);
    assert_eq!(verified, "stdin: OK\n");
}

#[tokio::test]
async fn an_import_that_changes_products_makes_certificates_new() {
    let world = World::with_owner().await;
    world.import(&small()).await;
    let uuid = world.distributor("lab").await;
    let pool = text(&world, "SELECT id FROM cp_pool").await;
    world.entitle(&uuid, &pool, 4).await;
    assert_eq!(numbers(&world, &uuid).await, (0, 1));
    // Nothing that certificates state.
    world.import(&later(&small().name("renamed"), 1)).await;
    assert_eq!(numbers(&world, &uuid).await, (0, 0));
    let more =
        Product::new("901", "Engine").content(Content::new("90101", "engine-rpms")).content(Content::new("90102", "x"));
    world.import(&later(&small().product(more), 2)).await;
    assert_eq!(numbers(&world, &uuid).await, (1, 1));
    assert_eq!(numbers(&world, &uuid).await, (0, 0));
    assert!(said(&entitlement(&world).await).contains_key("2.90102.1"));
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

#[tokio::test]
async fn two_at_once_issue_a_certificate_once() {
    let world = World::with_owner().await;
    let pool = world.hosted_pool(10).await;
    let uuid = world.distributor("lab").await;
    world.entitle(&uuid, &pool, 4).await;
    world.execute("UPDATE cp_pool SET contractnumber = 'other'").await;
    let (a, b) = tokio::join!(world.certify(&uuid), world.certify(&uuid));
    let issued = [a.unwrap(), b.unwrap()];
    assert_eq!(issued.iter().map(|certified| certified.entitlements).sum::<u64>(), 1);
    assert_eq!(issued.iter().map(|certified| certified.products).sum::<u64>(), 1);
    assert_eq!(world.orphans().await, "");
}

/// Two thousand entitlements of products with twenty thousand others beside them, none of which the planner knows.
#[tokio::test]
async fn looking_for_what_has_changed_takes_no_time_to_speak_of() {
    let world = World::with_owner().await;
    let uuid = world.distributor("lab").await;
    world.execute(include_str!("hosted_certificates/many.sql")).await;
    let stale = include_str!("../../shared/src/hosted/stale_entitlements.sql");
    let consumer = text(&world, "SELECT id FROM cp_consumer").await;
    let how = "SELECT sha256('longshore entitlement certificate 1'::bytea || sha256($1))";
    let how: Vec<u8> = world.client().query_one(how, &[&Authority::new().certificate().der]).await.unwrap().get(0);
    world.execute("SET enable_nestloop = off; SET enable_mergejoin = off; SET jit = off").await;
    let rows = world.client().query(stale, &[&consumer, &None::<&str>, &how]).await.unwrap();
    assert_eq!(rows.len(), 2_000);
    let issued = "INSERT INTO cp_ent_certificate (id, entitlement_id, serial_id, cert, digest)
                  SELECT $1::text, $1::text, substr($1::text, 2)::bigint, '', $2";
    world.execute("INSERT INTO cp_cert_serial (id, x509_serial) SELECT n, n FROM generate_series(1, 2000) n").await;
    for row in rows {
        world.client().execute(issued, &[&row.get::<_, &str>(0), &row.get::<_, &[u8]>(1)]).await.unwrap();
    }
    let certified = tokio::time::timeout(std::time::Duration::from_secs(5), world.certify(&uuid)).await;
    let certified = certified.expect("it takes a tenth of a second where nobody else computes").unwrap();
    assert_eq!((certified.entitlements, certified.products), (0, 0));
}
