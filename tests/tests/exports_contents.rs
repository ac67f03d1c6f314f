//! What is in an export, as others read it.

use insta::assert_snapshot;
use longshore::export::{Format, Request};
use longshore_tests::exports::{Contents, Exporting, contents, json_file, member};
use longshore_tests::manifest::{Content, Entitlement, Manifest, Product};
use longshore_tests::{ORG, small};
use serde_json::{Value, json};

/// A SKU with everything, of which a distributor has three.
fn suite() -> Manifest {
    small()
        .product(
            Product::new("901", "Engine").attribute("arch", "x86_64").content(Content::new("90101", "engine-rpms")),
        )
        .product(Product::new("902", "Guest Engine"))
        .product(Product::new("SKU-G", "Suite for guests").provides(&["902"]).attribute("arch", "aarch64"))
        .product(
            Product::new("SKU", "Suite")
                .provides(&["901"])
                .derived("SKU-G")
                .attribute("stacking_id", "st-1")
                .attribute("a", "1"),
        )
        .consumer_type("a type", false)
        .distributor_version("lab-1", "Lab 1", &["cert_v3", "cores"])
        .entitlement(
            Entitlement::new("e1", "p1", "SKU")
                .contract("C-1")
                .account("A-1")
                .order("O-1")
                .branding("901", "OEM", "OS"),
        )
}

async fn exported() -> (Exporting, String, Contents) {
    let world = Exporting::start().await;
    world.import(&suite()).await;
    // No manifest brings such a label: its file would have another name.
    world.execute("INSERT INTO cp_cdn (id, label, name, url) VALUES ('n1', 'main/../x', 'Main', 'https://cdn')").await;
    let uuid = world.distributor_with(ORG, "first", 3).await;
    let (archive, _) = world.export(ORG, &uuid, Format::Zip).await;
    (world, uuid, contents(archive))
}

/// JSON for a snapshot: ids, certificates and keys, which are made anew each time, by what they are.
fn stable(mut value: Value) -> String {
    hide(&mut value);
    serde_json::to_string_pretty(&value).unwrap()
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(hide),
        Value::Array(values) => values.iter_mut().for_each(hide),
        Value::String(text) => {
            let hex = |text: &str| text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
            if let Some(rest) = text.strip_prefix("-----BEGIN ") {
                *text = format!("({})", rest.split("-----").next().unwrap());
            } else if hex(text) || (text.len() == 36 && text.matches('-').count() == 4) {
                *text = "(id)".into();
            } else if text.len() == 24
                && text.ends_with('Z')
                && !text.ends_with("00:00.000Z")
                && !text.ends_with("30.456Z")
            {
                *text = "(time)".into();
            }
        }
        Value::Number(number) if number.as_i64().is_some_and(|number| number > 1_000_000_000) => {
            *value = "(serial)".into()
        }
        _ => {}
    }
}

#[tokio::test]
async fn each_file_is_named_for_what_it_says() {
    let (world, uuid, files) = exported().await;
    let identity = "SELECT i.id || ' ' || n.x509_serial FROM cp_id_cert i JOIN cp_cert_serial n ON n.id = i.serial_id
                    JOIN cp_consumer c ON c.consumer_idcert_id = i.id";
    let identity = world.value::<String>(identity).await;
    let (id, serial) = identity.split_once(' ').unwrap();
    let entitlement = "SELECT e.id || ' ' || n.x509_serial FROM cp_entitlement e
                       JOIN cp_ent_certificate c ON c.entitlement_id = e.id JOIN cp_cert_serial n ON n.id = c.serial_id";
    let entitlement = world.value::<String>(entitlement).await;
    let (entitlement, certificate) = entitlement.split_once(' ').unwrap();
    let mut names: Vec<String> = files
        .keys()
        .map(|name| {
            let known = [
                (uuid.as_str(), "{uuid}"),
                (id, "{identity}"),
                (serial, "{serial}"),
                (entitlement, "{entitlement}"),
                (certificate, "{certificate}"),
            ];
            known.iter().fold(name.clone(), |name, (value, sign)| name.replace(value, sign))
        })
        .collect();
    names.sort();
    assert_snapshot!(names.join("\n"), @"
    consumer.json
    consumer_types/a type.json
    consumer_types/candlepin.json
    consumer_types/domain.json
    consumer_types/headpin.json
    consumer_types/hypervisor.json
    consumer_types/katello.json
    consumer_types/person.json
    consumer_types/system.json
    consumer_types/uebercert.json
    content_delivery_network/main%2F..%2Fx.json
    distributor_version/lab-1.json
    entitlement_certificates/{certificate}.pem
    entitlements/{entitlement}.json
    meta.json
    products/901.json
    products/901.pem
    products/902.json
    products/902.pem
    products/SKU-G.json
    products/SKU.json
    rules2/rules.js
    upstream_consumer/{identity}.pem
    upstream_consumer/{serial}.json
    upstream_consumer/{uuid}.json
    ");
}

#[tokio::test]
async fn an_entitlement_says_all_of_its_pool() {
    let (_, _, files) = exported().await;
    let (_, bytes) = files.iter().find(|(name, _)| name.starts_with("entitlements/")).unwrap();
    assert_snapshot!(stable(serde_json::from_slice(bytes).unwrap()), @r#"
    {
      "certificates": [
        {
          "cert": "(CERTIFICATE)",
          "created": "(time)",
          "id": "(id)",
          "key": "(PRIVATE KEY)",
          "serial": {
            "collected": false,
            "created": "(time)",
            "expiration": "2040-01-01T00:00:00.000Z",
            "id": "(serial)",
            "revoked": false,
            "serial": "(serial)",
            "updated": "(time)"
          },
          "updated": "(time)"
        }
      ],
      "created": "(time)",
      "endDate": "2040-01-01T00:00:00.000Z",
      "id": "(id)",
      "pool": {
        "accountNumber": "A-1",
        "activeSubscription": true,
        "attributes": [],
        "branding": [
          {
            "name": "OEM",
            "productId": "901",
            "type": "OS"
          }
        ],
        "calculatedAttributes": null,
        "consumed": 3,
        "contractNumber": "C-1",
        "created": "(time)",
        "derivedProductAttributes": [
          {
            "name": "arch",
            "value": "aarch64"
          }
        ],
        "derivedProductId": "SKU-G",
        "derivedProductName": "Suite for guests",
        "derivedProvidedProducts": [
          {
            "productId": "902",
            "productName": "Guest Engine"
          }
        ],
        "endDate": "2040-01-01T00:00:00.000Z",
        "exported": 3,
        "id": "(id)",
        "orderNumber": "O-1",
        "owner": {
          "contentPrefix": null,
          "created": null,
          "defaultServiceLevel": null,
          "displayName": "5318290",
          "id": "5318290",
          "key": "5318290",
          "parentOwner": null,
          "updated": "(time)"
        },
        "productAttributes": [
          {
            "name": "a",
            "value": "1"
          },
          {
            "name": "stacking_id",
            "value": "st-1"
          }
        ],
        "productId": "SKU",
        "productName": "Suite",
        "providedProducts": [
          {
            "productId": "901",
            "productName": "Engine"
          }
        ],
        "quantity": 10,
        "restrictedToUsername": null,
        "sourceEntitlement": null,
        "sourceStackId": null,
        "stackId": "st-1",
        "stacked": true,
        "startDate": "2026-03-05T00:00:00.000Z",
        "subscriptionId": "(id)",
        "subscriptionSubKey": "master",
        "type": "NORMAL",
        "updated": "(time)",
        "upstreamConsumerId": "(id)",
        "upstreamEntitlementId": "e1",
        "upstreamPoolId": "p1"
      },
      "quantity": 3,
      "startDate": "2026-03-05T00:00:00.000Z",
      "updated": "(time)"
    }
    "#);
}

#[tokio::test]
async fn a_product_says_its_content_and_leads_to_what_it_provides() {
    let (_, _, files) = exported().await;
    assert_snapshot!(stable(json_file(&files, "products/901.json")), @r#"
    {
      "attributes": [
        {
          "name": "arch",
          "value": "x86_64"
        }
      ],
      "dependentProductIds": [],
      "derivedProduct": null,
      "id": "901",
      "multiplier": 1,
      "name": "Engine",
      "productContent": [
        {
          "content": {
            "arches": "x86_64",
            "contentUrl": "/content/engine-rpms/$releasever/os",
            "gpgUrl": "/keys/example.gpg",
            "id": "90101",
            "label": "engine-rpms",
            "metadataExpiration": 1,
            "modifiedProductIds": [],
            "name": "Content engine-rpms",
            "releaseVersion": null,
            "requiredTags": null,
            "type": "yum",
            "uuid": "(id)",
            "vendor": "Example"
          },
          "enabled": true
        }
      ],
      "providedProducts": [],
      "reliesOn": [],
      "uuid": "(id)"
    }
    "#);
    let sku = json_file(&files, "products/SKU.json");
    assert_eq!(sku["providedProducts"], json!([{"id": "901", "name": "Engine"}]));
    assert_eq!(sku["derivedProduct"], json!({"id": "SKU-G", "name": "Suite for guests"}));
    assert_eq!(sku["attributes"], json!([{"name": "a", "value": "1"}, {"name": "stacking_id", "value": "st-1"}]));
}

#[tokio::test]
async fn the_small_files_say_who_and_when() {
    let (world, uuid, _) = exported().await;
    let (web_prefix, api_url) = (Some("web.example/c".to_owned()), Some("https://api.example/consumers".to_owned()));
    let request = Request { consumer: uuid, web_prefix, api_url, ..Request::default() };
    let exported = world.try_export(ORG, request).await.unwrap();
    let files = contents(world.stored(&exported).await.0);
    assert_snapshot!(stable(json_file(&files, "meta.json")), @r#"
    {
      "cdnLabel": null,
      "created": "2026-10-05T10:20:30.456Z",
      "principalName": "exporter",
      "version": "0.1.0",
      "webAppPrefix": "web.example/c/"
    }
    "#);
    assert_snapshot!(stable(json_file(&files, "consumer.json")), @r#"
    {
      "contentAccessMode": "entitlement",
      "name": "first",
      "owner": {
        "contentPrefix": null,
        "created": null,
        "defaultServiceLevel": null,
        "displayName": "5318290",
        "id": "5318290",
        "key": "5318290",
        "parentOwner": null,
        "updated": "(time)"
      },
      "type": {
        "id": "1003",
        "label": "candlepin",
        "manifest": true
      },
      "urlApi": "https://api.example/consumers/",
      "urlWeb": "web.example/c/",
      "uuid": "(id)"
    }
    "#);
    assert_snapshot!(stable(json_file(&files, "content_delivery_network/main%2F..%2Fx.json")), @r#"
    {
      "certificate": null,
      "created": null,
      "id": "n1",
      "label": "main/../x",
      "name": "Main",
      "updated": null,
      "url": "https://cdn"
    }
    "#);
    assert_snapshot!(stable(json_file(&files, "distributor_version/lab-1.json")), @r#"
    {
      "capabilities": [
        {
          "id": null,
          "name": "cert_v3"
        },
        {
          "id": null,
          "name": "cores"
        }
      ],
      "created": "(time)",
      "displayName": "Lab 1",
      "id": "(id)",
      "name": "lab-1",
      "updated": "(time)"
    }
    "#);
    assert_snapshot!(stable(json_file(&files, "consumer_types/a type.json")), @r#"
    {
      "id": "(id)",
      "label": "a type",
      "manifest": false
    }
    "#);
}

/// Candlepin takes every JSON file of this folder for the identity certificate, and the last one counts.
#[tokio::test]
async fn both_forms_of_the_upstream_consumer_hold_the_same_certificate() {
    let (_, uuid, files) = exported().await;
    let folder: Vec<&String> = files.keys().filter(|name| name.starts_with("upstream_consumer/")).collect();
    assert_eq!(folder.len(), 3, "{folder:?}");
    let by_uuid = json_file(&files, &format!("upstream_consumer/{uuid}.json"));
    for name in folder {
        if name.ends_with(".pem") {
            let text = format!("{}{}", by_uuid["cert"].as_str().unwrap(), by_uuid["key"].as_str().unwrap());
            assert_eq!(String::from_utf8_lossy(&files[name]), text);
        } else {
            let json = json_file(&files, name);
            for key in ["cert", "key", "serial"] {
                assert_eq!(json[key], by_uuid[key], "{name}: {key}");
            }
        }
    }
    assert_snapshot!(stable(by_uuid), @r#"
    {
      "apiUrl": null,
      "cert": "(CERTIFICATE)",
      "contentAccessMode": "entitlement",
      "created": "(time)",
      "id": "(id)",
      "key": "(PRIVATE KEY)",
      "name": "first",
      "owner": {
        "contentPrefix": null,
        "created": null,
        "defaultServiceLevel": null,
        "displayName": "5318290",
        "id": "5318290",
        "key": "5318290",
        "parentOwner": null,
        "updated": "(time)"
      },
      "serial": {
        "collected": false,
        "created": "(time)",
        "expiration": "(time)",
        "id": "(serial)",
        "revoked": false,
        "serial": "(serial)",
        "updated": "(time)"
      },
      "type": {
        "id": "1003",
        "label": "candlepin",
        "manifest": true
      },
      "updated": "(time)",
      "uuid": "(id)",
      "webUrl": null
    }
    "#);
}

#[tokio::test]
async fn a_pool_that_follows_from_another_is_left_out_and_its_products_are_not() {
    let world = Exporting::start().await;
    let guests = Product::new("SKU", "Suite").provides(&["901"]).attribute("virt_limit", "4");
    world.import(&small().product(guests)).await;
    let uuid = world.distributor("first").await;
    let both = "INSERT INTO cp_entitlement (id, owner_id, consumer_id, pool_id, quantity)
                SELECT md5(p.id), c.owner_id, c.id, p.id, 1 FROM cp_consumer c JOIN cp_pool p USING (owner_id)";
    world.execute(both).await;
    let files = contents(world.export(ORG, &uuid, Format::Zip).await.0);
    let pools: i64 = world.value("SELECT count(*) FROM cp_entitlement").await;
    let count = |folder: &str| files.keys().filter(|name| name.starts_with(folder)).count();
    assert_eq!((pools, count("entitlements/"), count("entitlement_certificates/")), (2, 1, 1));
    assert!(files.contains_key("products/SKU.json") && files.contains_key("products/901.json"));
}

/// Nothing of it is regenerated when it is exported again.
#[tokio::test]
async fn the_same_state_at_the_same_time_is_the_same_archive() {
    let (world, uuid, _) = exported().await;
    for format in [Format::Zip, Format::Tar] {
        let first = world.export(ORG, &uuid, format).await;
        assert!(first == world.export(ORG, &uuid, format).await, "{format:?} differs");
        world.pass(1);
        assert!(first != world.export(ORG, &uuid, format).await, "{format:?} does not tell its time");
    }
}

/// As it has been read in the world for fifteen years.
#[tokio::test]
async fn both_zips_have_the_form_and_the_comments_of_candlepin() {
    let (world, uuid, _) = exported().await;
    let (outer, _) = world.export(ORG, &uuid, Format::Zip).await;
    assert!(outer.ends_with(format!("signed Candlepin export for {uuid}").as_bytes()));
    let inner = member(outer.clone(), "consumer_export.zip");
    assert!(inner.ends_with(format!("Candlepin export for {uuid}").as_bytes()));
    for zip in [outer, inner] {
        // Every local header: streamed, DEFLATE.
        let headers = zip.windows(10).filter(|bytes| bytes.starts_with(b"PK\x03\x04\x14\0")).count();
        let streamed = zip.windows(10).filter(|bytes| bytes.starts_with(b"PK\x03\x04\x14\0\x08\0\x08\0")).count();
        assert!(headers > 0 && headers == streamed);
    }
}

/// Somebody else's upstream identity, which the owner imports with, is not passed on.
#[tokio::test]
async fn no_other_private_key_is_in_it() {
    let (_, _, files) = exported().await;
    let keys = |bytes: &[u8]| String::from_utf8_lossy(bytes).matches("PRIVATE KEY-----").count() / 2;
    for (name, bytes) in &files {
        let expected = match name.split('/').next().unwrap() {
            "entitlements" | "entitlement_certificates" | "upstream_consumer" => 1,
            _ => 0,
        };
        assert_eq!(keys(bytes), expected, "{name}");
    }
    let text: String = files.values().map(|bytes| String::from_utf8_lossy(bytes)).collect();
    assert!(!text.contains("upstreamConsumer\""));
}
