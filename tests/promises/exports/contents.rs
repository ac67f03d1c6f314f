//! What is in an export, as others read it.

use insta::assert_snapshot;
use longshore::export::Request;
use longshore_tests::ORG;
use longshore_tests::exports::{contents, exported, json_file};
use serde_json::{Value, json};

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
