//! What all owners share: rules, consumer types, distributor versions, content delivery networks.

use insta::assert_snapshot;
use longshore::clock::Clock;
use longshore_tests::manifest::Manifest;
use longshore_tests::{World, later, small};
use serde_json::json;

/// Imports one manifest after the other, each a minute later, and says for each what became of `sql` and which events of
/// `target` there were.
async fn told(world: &World, sql: &str, target: &str, manifests: Vec<(&str, Manifest)>) -> String {
    let mut told = Vec::new();
    for (minutes, (what, manifest)) in (0..).zip(manifests) {
        world.forget_events().await;
        world.import(&later(&manifest, minutes)).await;
        let events = world.events_in_full().await;
        let events: Vec<&str> = events.lines().filter(|line| line.starts_with(target)).collect();
        let warnings = world.import_warnings().await;
        told.push(format!("{what}: {}", world.list(sql).await.replace('\n', ", ")).trim_end().to_owned());
        told.extend(events.into_iter().chain(warnings.lines()).map(|line| format!("  {line}")));
    }
    told.join("\n")
}

#[tokio::test]
async fn rules_are_replaced_by_higher_ones_of_the_same_api() {
    let world = World::with_owner().await;
    let rules = "SELECT version FROM cp_rules";
    let sequence = ["2.0", "2.1", "2.0", "1.0", "3.0", "2.1", "2.10", "2.9"];
    let manifests = sequence.map(|version| (version, small().rules(version))).into();
    assert_snapshot!(told(&world, rules, "RULES", manifests).await, @"
    2.0: 2.0
      RULES MODIFIED | 2.0 | id | replaced,version
    2.1: 2.1
      RULES MODIFIED | 2.1 | id | replaced,version
    2.0: 2.1
      rules | the rules are lower than those in use, which stay
    1.0: 2.1
      rules | the rules are of another API than those in use, which stay
    3.0: 2.1
      rules | the rules are of another API than those in use, which stay
    2.1: 2.1
    2.10: 2.10
      RULES MODIFIED | 2.10 | id | replaced,version
    2.9: 2.10
      rules | the rules are lower than those in use, which stay
    ");
}

#[tokio::test]
async fn rules_of_another_api_are_taken_from_whoever_runs_setup() {
    let world = World::with_owner().await;
    world.import(&later(&small().rules("5.44"), -1)).await;
    world.forget_events().await;
    let rules = json!({"command": "replace-rules", "rules": "// Version: 6.1\r\nvar rules;"});
    assert_eq!(world.setup(rules.clone()).await, json!({"version": "6.1", "replaced": "5.44", "changed": true}));
    assert_eq!(world.setup(rules).await, json!({"version": "6.1", "replaced": "6.1", "changed": false}));
    assert_snapshot!(world.events_in_full().await, @"RULES MODIFIED | 6.1 | id | replaced,version");
    let stored = "SELECT version || ' ' || replace(rules_blob, E'\\n', '/') FROM cp_rules";
    assert_snapshot!(world.list(stored).await, @"6.1 // Version: 6.1/var rules;/");
    let manifests = vec![("5.45", small().rules("5.45")), ("6.2", small().rules("6.2"))];
    assert_snapshot!(told(&world, "SELECT version FROM cp_rules", "RULES", manifests).await, @"
    5.45: 6.1
      rules | the rules are of another API than those in use, which stay
    6.2: 6.2
      RULES MODIFIED | 6.2 | id | replaced,version
    ");
    let setup = world.setup_for(1, Clock::system()).await;
    let refused = setup.handle(r#"{"command": "replace-rules", "rules": "var rules;"}"#, None).await.unwrap_err();
    assert_snapshot!(refused.to_string(), @"rules: the first line is not `// Version: <number>.<number>`, as in a manifest's rules2/rules.js");
}

#[tokio::test]
async fn equal_rules_with_another_text_change_nothing() {
    let world = World::with_owner().await;
    world.import(&small().rules("2.1")).await;
    let before = world.list("SELECT id || updated || rules_blob FROM cp_rules").await;
    world.forget_events().await;
    world.import(&later(&small().raw("rules2/rules.js", "// Version: 2.1\nvar other;\n"), 1)).await;
    assert_eq!(world.list("SELECT id || updated || rules_blob FROM cp_rules").await, before);
    assert_snapshot!(world.events().await, @"IMPORT CREATED 5318290");
}

#[tokio::test]
async fn a_manifest_without_rules_keeps_those_that_are_there() {
    let world = World::with_owner().await;
    world.import(&small().rules("2.1")).await;
    world.import(&later(&small().without("rules2/"), 1)).await;
    assert_snapshot!(world.list("SELECT version FROM cp_rules").await, @"2.1");
    assert_snapshot!(world.import_warnings().await, @"rules | there are no rules; those in use stay");
    assert_snapshot!(world.last_entry().await, @"0 | 5318290: manifest imported");
}

#[tokio::test]
async fn consumer_types_are_added_updated_and_removed() {
    let world = World::with_owner().await;
    let types = "SELECT label || CASE WHEN manifest THEN '+' ELSE '' END FROM cp_consumer_type
                 WHERE NOT seeded ORDER BY label";
    let manifests = vec![
        ("none of its own", small()),
        ("two more", small().consumer_type("appliance", true).consumer_type("system engine", false)),
        ("the same", small().consumer_type("appliance", true).consumer_type("system engine", false)),
        ("one is another", small().consumer_type("appliance", true).consumer_type("system engine", true)),
        ("one is gone", small().consumer_type("appliance", true)),
        (
            "it does not say",
            small().consumer_type("appliance", true).edit("consumer_types/appliance.json", |json| {
                json["manifest"] = serde_json::Value::Null;
            }),
        ),
        ("none again", small()),
    ];
    assert_snapshot!(told(&world, types, "CONSUMER_TYPE", manifests).await, @"
    none of its own:
    two more: appliance+, system engine
      CONSUMER_TYPE CREATED | appliance | id | label,manifest
      CONSUMER_TYPE CREATED | system engine | id | label,manifest
    the same: appliance+, system engine
    one is another: appliance+, system engine+
      CONSUMER_TYPE MODIFIED | system engine | id | label,manifest
    one is gone: appliance+
      CONSUMER_TYPE DELETED | system engine | id | label,manifest
    it does not say: appliance+
    none again:
      CONSUMER_TYPE DELETED | appliance | id | label,manifest
    ");
}

#[tokio::test]
async fn seeded_consumer_types_stay_as_they_are() {
    let world = World::with_owner().await;
    let all = "SELECT id || label || manifest || xmin FROM cp_consumer_type WHERE seeded ORDER BY id";
    let before = world.list(all).await;
    world.import(&small().consumer_type("system", true).consumer_type("headpin", false)).await;
    world.import(&later(&small(), 1)).await;
    assert_eq!(world.list(all).await, before);
    assert_eq!(before.lines().count(), 8);
}

#[tokio::test]
async fn a_consumer_type_stays_while_another_owner_has_it() {
    let world = World::with_owner().await;
    world.owner("6000001").await;
    let types = "SELECT label FROM cp_consumer_type WHERE NOT seeded ORDER BY label";
    let with = || small().consumer_type("appliance", true);
    world.import(&with()).await;
    world.import_for("6000001", &with().uuid("another")).await;
    world.import(&later(&small(), 1)).await;
    assert_snapshot!(world.list(types).await, @"appliance");
    world.import_for("6000001", &later(&small().uuid("another"), 1)).await;
    assert_snapshot!(world.list(types).await, @"");
}

#[tokio::test]
async fn the_type_of_the_upstream_consumer_stays_until_the_consumer_goes() {
    let world = World::with_owner().await;
    let types = "SELECT label FROM cp_consumer_type WHERE NOT seeded ORDER BY label";
    let special = small().consumer_type("special", true).type_label("special");
    world.import(&special).await;
    world.import(&later(&special.clone().without("consumer_types/special.json"), 1)).await;
    assert_snapshot!(world.list(types).await, @"special");
    world.import(&later(&small(), 2)).await;
    assert_snapshot!(world.list(types).await, @"");
    let snapshots =
        "SELECT type_label || coalesce(' ' || type_id, '') FROM cp_import_upstream_consumer ORDER BY created, id";
    assert_snapshot!(world.list(snapshots).await, @"
    special
    special
    candlepin 1003
    ");
}

#[tokio::test]
async fn a_consumer_of_a_type_that_nobody_knows_is_refused() {
    let world = World::with_owner().await;
    world.import(&small().type_label("nowhere")).await;
    assert_snapshot!(world.history().await, @"1 | consumer.json: the consumer's type is neither in consumer_types/ nor known here");
    assert_eq!(world.imported_rows().await, "");
}

#[tokio::test]
async fn distributor_versions_are_added_and_updated_and_never_removed() {
    let world = World::with_owner().await;
    let versions = "SELECT concat_ws(' ', v.name, v.display_name, string_agg(c.name, '+' ORDER BY c.name))
                    FROM cp_dist_version v LEFT JOIN cp_dist_version_capability c ON c.dist_version_id = v.id
                    GROUP BY v.id ORDER BY v.name";
    let manifests = vec![
        ("absent", small()),
        (
            "two",
            small().distributor_version("lab-1", "Lab 1", &["cores", "ram"]).distributor_version("lab-2", "Lab 2", &[]),
        ),
        ("one is another", small().distributor_version("lab-1", "Lab One", &["ram", "cert_v3"])),
        (
            "null capabilities",
            small().distributor_version("lab-1", "Lab One", &[]).edit("distributor_version/lab-1.json", |json| {
                json["capabilities"] = serde_json::Value::Null;
            }),
        ),
        ("absent again", small()),
    ];
    assert_snapshot!(told(&world, versions, "DISTRIBUTOR", manifests).await, @"
    absent:
    two: lab-1 Lab 1 cores+ram, lab-2 Lab 2
    one is another: lab-1 Lab One cert_v3+ram, lab-2 Lab 2
    null capabilities: lab-1 Lab One, lab-2 Lab 2
    absent again: lab-1 Lab One, lab-2 Lab 2
    ");
}

#[tokio::test]
async fn content_delivery_networks_are_added_and_updated_and_keep_their_certificate() {
    let world = World::with_owner().await;
    let cdns = "SELECT concat_ws(' ', label, name, url, certificate_id) FROM cp_cdn ORDER BY label";
    let with = |name: &str, url: &str| small().cdn("main", name, url);
    let manifests = vec![("absent", small()), ("one", with("Main", "https://a.example"))];
    assert_snapshot!(told(&world, cdns, "CDN", manifests).await, @"
    absent:
    one: main Main https://a.example
    ");
    world.execute("UPDATE cp_cdn SET certificate_id = 'ours'").await;
    world.import(&later(&with("Main", "https://b.example").cdn("more", "More", "https://more.example"), 5)).await;
    assert_snapshot!(world.list(cdns).await, @"
    main Main https://b.example ours
    more More https://more.example
    ");
    world.import(&later(&small(), 6)).await;
    assert_snapshot!(world.list(cdns).await, @"
    main Main https://b.example ours
    more More https://more.example
    ");
}

#[tokio::test]
async fn a_certificate_of_a_content_delivery_network_is_not_taken() {
    let world = World::with_owner().await;
    let manifest =
        small().cdn("main", "Main", "https://a.example").edit("content_delivery_network/main.json", |json| {
            json["certificate"] =
                serde_json::json!({"key": "KEY-OF-THE-NETWORK", "cert": "CERTIFICATE-OF-THE-NETWORK"});
        });
    world.import(&manifest).await;
    assert_snapshot!(world.history().await, @"0 | 5318290: manifest imported");
    assert_eq!(world.where_is("OF-THE-NETWORK").await, Vec::<String>::new());
}
