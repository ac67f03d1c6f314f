//! Each file in `events/` does what `events/README.md` says of it, handed to the functions as Lambda would.

use insta::assert_snapshot;
use longshore_devkit::runtime_api::Function;
use longshore_tests::samples::{Stage, files, sample};
use longshore_tests::{World, database, function};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(60);
const PERSISTER: &str = "tower-persister";

#[tokio::test]
async fn each_event_of_tower_persister_alone_does_what_is_said_of_it() {
    let mut told = Vec::new();
    for name in files(PERSISTER) {
        let stage = Stage::set().await;
        if matches!(name.as_str(), "incremental" | "persister-form" | "unknown-source") {
            stage.play(PERSISTER, "full").await;
        }
        told.push(stage.play(PERSISTER, &name).await);
        told.push(stage.records().await + "\n");
        stage.rejected_records_are_kept().await;
    }
    assert_snapshot!(told.join("\n"), @r"
    announce-other-service
      INFO skipped


    bad-objects
      ERROR sample-bad-objects rejected TooManyBadObjects
    refresh | sample-bad-objects | 1 | failed | TooManyBadObjects
    rejected | sample-bad-objects | 351 | TooManyBadObjects | 20 of 20 objects are bad, over 10 %; the first: api/v2/job_templates/page1.json object 1: id is missing

    broken-page
      ERROR sample-broken-page rejected Page
    refresh | sample-broken-page | 1 | failed | Page
    rejected | sample-broken-page | 350 | Page | entry api/v2/job_templates/page1.json is damaged at byte 33: EOF while parsing a value at line 1 column 34

    full
      INFO sample-full applied
    refresh | sample-full | 1 | applied | full | 68 added, 0 updated, 0 archived, 0 unchanged

    incremental
      INFO sample-incremental applied
    refresh | sample-full | 1 | applied | full | 68 added, 0 updated, 0 archived, 0 unchanged
    refresh | sample-incremental | 1 | applied | incremental | 6 added, 13 updated, 6 archived, 0 unchanged

    missing-archive
      ERROR sample-missing-archive rejected Download
    refresh | sample-missing-archive | 1 | failed | Download
    rejected | sample-missing-archive | 320 | Download | the server answered 404

    not-an-archive
      ERROR sample-not-an-archive rejected Archive
    refresh | sample-not-an-archive | 1 | failed | Archive
    rejected | sample-not-an-archive | 330 | Archive | not a gzip file: it starts with [54, 68, 69, 73]

    not-json
      ERROR rejected Message
      INFO sample-after-not-json applied
    refresh | sample-after-not-json | 1 | applied | full | 68 added, 0 updated, 0 archived, 0 unchanged
    rejected | 301 | Message | the record's value is not a JSON object (line 1, column 32)

    persister-form
      INFO sample-persister-form already_applied
    refresh | sample-full | 1 | applied | full | 68 added, 0 updated, 0 archived, 0 unchanged

    self-managed
      INFO sample-self-managed applied
    refresh | sample-self-managed | 1 | applied | full | 68 added, 0 updated, 0 archived, 0 unchanged

    several-sources
      INFO sample-several-1 applied
      INFO sample-several-2 applied
      INFO sample-several-3 applied
    refresh | sample-several-1 | 1 | applied | full | 68 added, 0 updated, 0 archived, 0 unchanged
    refresh | sample-several-2 | 2 | applied | full | 74 added, 0 updated, 0 archived, 0 unchanged
    refresh | sample-several-3 | 1 | applied | incremental | 6 added, 13 updated, 6 archived, 0 unchanged

    tenant-mismatch
      ERROR sample-tenant-mismatch rejected Tenant
    rejected | sample-tenant-mismatch | 340 | Tenant | message and identity name different tenants

    tombstone
      ERROR rejected Message
    rejected | 300 | Message | the record is a tombstone: it has no value

    too-large
      ERROR sample-too-large rejected ArchiveTooLarge
    refresh | sample-too-large | 1 | failed | ArchiveTooLarge
    rejected | sample-too-large | 352 | ArchiveTooLarge | expansion ratio over the limit of 200

    unknown-source
      ERROR sample-unknown-source rejected Source
    refresh | sample-full | 1 | applied | full | 68 added, 0 updated, 0 archived, 0 unchanged
    rejected | sample-unknown-source | 8 | Source | no source found; tried source_id 999

    url-not-allowed
      ERROR sample-link-local rejected NotAllowed
      ERROR sample-other-bucket rejected NotAllowed
      ERROR sample-other-host rejected NotAllowed
      ERROR sample-other-scheme rejected NotAllowed
    refresh | sample-link-local | 1 | failed | NotAllowed
    refresh | sample-other-bucket | 1 | failed | NotAllowed
    refresh | sample-other-host | 1 | failed | NotAllowed
    refresh | sample-other-scheme | 1 | failed | NotAllowed
    rejected | sample-link-local | 310 | NotAllowed | downloading from there is not allowed: host 169.254.169.254 is not on the allow-list
    rejected | sample-other-bucket | 312 | NotAllowed | downloading from there is not allowed: bucket somebody-elses-bucket is not on the allow-list
    rejected | sample-other-host | 311 | NotAllowed | downloading from there is not allowed: host archives.example.net is not on the allow-list
    rejected | sample-other-scheme | 313 | NotAllowed | downloading from there is not allowed: scheme file
    ");
}

#[tokio::test]
async fn in_order_of_their_age_the_events_tell_a_story_of_one_source() {
    let stage = Stage::set().await;
    let mut told = Vec::new();
    for name in ["full", "full", "incremental", "self-managed", "persister-form", "several-sources", "not-json"] {
        told.push(stage.play(PERSISTER, name).await);
    }
    assert_snapshot!(told.join("\n"), @r"
    full
      INFO sample-full applied
    full
      INFO sample-full already_applied
    incremental
      INFO sample-incremental applied
    self-managed
      INFO sample-self-managed superseded
    persister-form
      INFO sample-persister-form applied
    several-sources
      INFO sample-several-1 already_applied
      INFO sample-several-2 applied
      INFO sample-several-3 applied
    not-json
      ERROR rejected Message
      INFO sample-after-not-json applied
    ");
    assert_snapshot!(stage.records().await, @r"
    refresh | sample-after-not-json | 1 | applied | full | 6 added, 13 updated, 6 archived, 49 unchanged
    refresh | sample-full | 1 | applied | full | 68 added, 0 updated, 0 archived, 0 unchanged
    refresh | sample-incremental | 1 | applied | incremental | 6 added, 13 updated, 6 archived, 0 unchanged
    refresh | sample-persister-form | 1 | applied | full | 6 added, 13 updated, 6 archived, 49 unchanged
    refresh | sample-self-managed | 1 | superseded | full
    refresh | sample-several-2 | 2 | applied | full | 74 added, 0 updated, 0 archived, 0 unchanged
    refresh | sample-several-3 | 1 | applied | incremental | 6 added, 13 updated, 6 archived, 0 unchanged
    rejected | 301 | Message | the record's value is not a JSON object (line 1, column 32)
    ");
}

/// In the order in which they can be carried out.
const PREPARING: [&str; 14] = [
    "migrate",
    "create-tenant",
    "create-source",
    "create-owner",
    "register-upstream-consumer",
    "grant",
    "list-owners",
    "list-grants",
    "grant-export",
    "grant-admin",
    "revoke",
    "unregister-upstream-consumer",
    "replace-rules",
    "help",
];
const HOSTING: [&str; 14] = [
    "create-engineering-product",
    "create-product",
    "create-pool",
    "create-distributor",
    "entitle",
    "list-pools",
    "list-distributors",
    "list-entitlements",
    "rotate-keys",
    "retry-parked",
    "check-certificates",
    "status",
    "unentitle",
    "delete-distributor",
];

/// About what other functions have left.
const REPLAYING: [&str; 2] = ["list-failures", "replay"];

/// What fails, and why. The deployments have migrated by then; what fails is the answer to CloudFormation.
const FAILING: [(&str, &str); 4] = [
    ("unknown-command", "Command"),
    ("deployment-create", "Deployment"),
    ("deployment-update", "Deployment"),
    ("deployment-delete", "Deployment"),
];

/// What `setup` answers to its sample events, each twice: that changes nothing. What is different each time left out.
async fn answers(process: &mut Function, names: &[&str]) -> String {
    let mut told = Vec::new();
    for name in names {
        let event = sample("setup", name);
        for _ in 0..2 {
            let answer = process.invoke(&event, TIMEOUT).await.unwrap().result;
            let answer = answer.unwrap_or_else(|error| panic!("{name}: {}", String::from_utf8_lossy(&error)));
            let mut answer: Value = serde_json::from_slice(&answer).unwrap();
            for ours in [
                "/id",
                "/owners/0/id",
                "/grants/0/created",
                "/settings",
                "/commands",
                "/identity_serial",
                "/serial",
                "/identity_expires",
                "/distributors/0/identity_serial",
                "/distributors/0/identity_expires",
                "/entitlements/0/serial",
                "/inventory",
                "/authority",
                "/outbox/oldest_seconds",
            ] {
                if let Some(value) = answer.pointer_mut(ours) {
                    *value = "(ours)".into();
                }
            }
            told.push(format!("{name}: {answer}"));
        }
    }
    told.dedup();
    told.join("\n")
}

#[tokio::test]
async fn the_events_of_setup_prepare_an_empty_database() {
    let variables = [("DATABASE_URL".to_owned(), database::empty_database().await)];
    let mut process = function::start("setup", &variables, &[]).await;
    assert_snapshot!(answers(&mut process, &PREPARING).await, @r#"
    migrate: {"applied":["V1__catalog_inventory","V2__longshore","V3__candlepin","V4__hosted","V5__events"],"version":5}
    migrate: {"applied":[],"version":5}
    create-tenant: {"tenant_id":1}
    create-source: {"enabled":true,"source_id":1,"tenant_id":1}
    create-owner: {"display_name":"Example","id":"(ours)","owner":"5318290"}
    register-upstream-consumer: {"owner":"5318290","uuid":"8f2d6a70-5f0b-4b0e-9a0e-3f6f5f7c1d22"}
    grant: {"org":"7720114","owner":"5318290","permission":"import"}
    list-owners: {"owners":[{"display_name":"Example","id":"(ours)","newest_import":null,"owner":"5318290","registered":["8f2d6a70-5f0b-4b0e-9a0e-3f6f5f7c1d22"],"upstream":null}]}
    list-grants: {"grants":[{"created":"(ours)","org":"7720114","owner":"5318290","permission":"import"}]}
    grant-export: {"org":"5318290","owner":"5318290","permission":"export"}
    grant-admin: {"org":"arn:aws:iam::123456789012:role/katello","owner":"5318290","permission":"admin"}
    revoke: {"org":"7720114","owner":"5318290","permission":"import","removed":true}
    revoke: {"org":"7720114","owner":"5318290","permission":"import","removed":false}
    unregister-upstream-consumer: {"removed":true,"uuid":"8f2d6a70-5f0b-4b0e-9a0e-3f6f5f7c1d22"}
    unregister-upstream-consumer: {"removed":false,"uuid":"8f2d6a70-5f0b-4b0e-9a0e-3f6f5f7c1d22"}
    replace-rules: {"changed":true,"replaced":null,"version":"5.44"}
    replace-rules: {"changed":false,"replaced":"5.44","version":"5.44"}
    help: {"commands":"(ours)","settings":"(ours)"}
    "#);
}

#[tokio::test]
async fn the_events_of_setup_make_a_hosted_side() {
    let world = World::with_owner().await;
    let mut process = function::start("setup", &world.variables(), &[]).await;
    assert_snapshot!(answers(&mut process, &HOSTING).await, @r#"
    create-engineering-product: {"changed":true,"created":true,"product":"9001"}
    create-engineering-product: {"changed":false,"created":false,"product":"9001"}
    create-product: {"changed":true,"created":true,"product":"EX-SKU-9"}
    create-product: {"changed":false,"created":false,"product":"EX-SKU-9"}
    create-pool: {"owner":"5318290","pool":"5d0c7c1f2a3b4c5d8e9fa0b1c2d3e4f5","product":"EX-SKU-9","quantity":20}
    create-distributor: {"entitlements":0,"identity_expires":"(ours)","identity_serial":"(ours)","name":"lab","owner":"5318290","type":"candlepin","uuid":"3b1f0f52-6f0a-4d7c-9c55-0f1f2f6a8d31"}
    entitle: {"consumer":"3b1f0f52-6f0a-4d7c-9c55-0f1f2f6a8d31","id":"(ours)","pool":"5d0c7c1f2a3b4c5d8e9fa0b1c2d3e4f5","product":"EX-SKU-9","quantity":3,"serial":"(ours)"}
    list-pools: {"pools":[{"account":"ACC-9","consumed":3,"contract":"CON-5","end":"2036-01-01T00:00:00Z","exported":3,"id":"5d0c7c1f2a3b4c5d8e9fa0b1c2d3e4f5","imported":false,"name":"Example Tools","order":"ORD-7","product":"EX-SKU-9","quantity":20,"start":"2026-01-01T00:00:00Z","type":"NORMAL"}]}
    list-distributors: {"distributors":[{"entitlements":1,"identity_expires":"(ours)","identity_serial":"(ours)","name":"lab","owner":"5318290","type":"candlepin","uuid":"3b1f0f52-6f0a-4d7c-9c55-0f1f2f6a8d31"}]}
    list-entitlements: {"entitlements":[{"consumer":"3b1f0f52-6f0a-4d7c-9c55-0f1f2f6a8d31","id":"9a8b7c6d5e4f40319283746556473829","pool":"5d0c7c1f2a3b4c5d8e9fa0b1c2d3e4f5","product":"EX-SKU-9","quantity":3,"serial":"(ours)"}]}
    rotate-keys: {"complete":true,"current":"k1","problems":[],"rotated":{"cp_certificate":0,"cp_id_cert":0,"cp_key_pair":0},"sealed":{"cp_certificate":{},"cp_id_cert":{"k1":1},"cp_key_pair":{"k1":1}},"unopened":0}
    retry-parked: {"waiting_again":0}
    check-certificates: {"expiring":[],"told":0}
    status: {"authority":"(ours)","current_key":"k1","exports":{"failed_in_a_day":0,"newest":null},"failures":[],"imports":{"failed_in_a_day":0,"newest":null},"inventory":"(ours)","largest_owners":[{"contents":1,"distributors":1,"entitlements":1,"owner":"5318290","pools":1,"products":2,"subscriptions":0}],"latest_version":5,"outbox":{"oldest_seconds":"(ours)","waiting":4},"owners":1,"parked":{"newest":null,"number":0,"reason":null},"refreshes":{"failed_in_a_day":0,"newest":null},"rejected":{"by_kind":{},"newest":null},"sealed":{"cp_certificate":{},"cp_id_cert":{"k1":1},"cp_key_pair":{"k1":1}},"version":5}
    unentitle: {"entitlement":"9a8b7c6d5e4f40319283746556473829","removed":true}
    unentitle: {"entitlement":"9a8b7c6d5e4f40319283746556473829","removed":false}
    delete-distributor: {"removed":true,"uuid":"3b1f0f52-6f0a-4d7c-9c55-0f1f2f6a8d31"}
    delete-distributor: {"removed":false,"uuid":"3b1f0f52-6f0a-4d7c-9c55-0f1f2f6a8d31"}
    "#);
}

#[tokio::test]
async fn the_events_of_setup_list_what_was_rejected_and_hand_over_what_lambda_gave_up() {
    let stage = Stage::set().await;
    stage.play(PERSISTER, "tombstone").await;
    let told = [stage.command("list-failures").await.to_string(), stage.command("replay").await.to_string()].join("\n");
    assert_snapshot!(told, @r#"
    {"failures":[{"function":null,"key":"records/platform.upload.catalog/0000000000/00000000000000000300-1772705700123.json","records":1,"topics":["platform.upload.catalog"],"why":"Message"}],"next":null}
    {"next":null,"replayed":[]}
    "#);
}

#[tokio::test]
async fn what_setup_cannot_do_fails_with_its_kind() {
    let world = World::start().await;
    let mut process = function::start("setup", &world.variables(), &[("LONGSHORE_LOCAL_DEVELOPMENT", "true")]).await;
    for (name, kind) in FAILING {
        let error = process.invoke(&sample("setup", name), TIMEOUT).await.unwrap().result.unwrap_err();
        let error: Value = serde_json::from_slice(&error).unwrap();
        assert_eq!(error["errorType"], kind, "{name}: {error}");
    }
}

#[tokio::test]
async fn each_command_has_a_sample_event_that_is_carried_out_here() {
    let carried_out: BTreeSet<&str> = PREPARING.into_iter().chain(HOSTING).chain(REPLAYING).collect();
    let mut files: BTreeSet<String> = files("setup").into_iter().collect();
    for (failing, _) in FAILING {
        assert!(files.remove(failing), "{failing}");
    }
    assert_eq!(files.iter().map(String::as_str).collect::<BTreeSet<_>>(), carried_out);
    let command = |name: &String| serde_json::from_slice::<Value>(&sample("setup", name)).unwrap()["command"].clone();
    let shown: BTreeSet<String> = files.iter().map(|name| command(name).as_str().unwrap().to_owned()).collect();
    let variables = [("DATABASE_URL".to_owned(), database::empty_database().await)];
    let mut process = function::start("setup", &variables, &[]).await;
    let help = process.invoke(&sample("setup", "help"), TIMEOUT).await.unwrap().result.unwrap();
    let help: Value = serde_json::from_slice(&help).unwrap();
    let commands = help["commands"].as_array().unwrap().iter();
    assert_eq!(commands.map(|command| command["command"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>(), shown);
}
