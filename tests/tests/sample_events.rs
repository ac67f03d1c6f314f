//! Each file in `events/` does what `events/README.md` says of it, handed to the functions as Lambda would.

use insta::assert_snapshot;
use longshore_tests::samples::{Stage, files, sample};
use longshore_tests::{database, function};
use serde_json::Value;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(60);
const PERSISTER: &str = "tower-persister";

#[tokio::test]
async fn each_event_of_tower_persister_alone_does_what_is_said_of_it() {
    let mut told = Vec::new();
    for name in files(PERSISTER) {
        let stage = Stage::set().await;
        if matches!(name.as_str(), "incremental" | "persister-form") {
            stage.play(PERSISTER, "full").await;
        }
        told.push(stage.play(PERSISTER, &name).await);
        told.push(stage.records().await + "\n");
        stage.rejected_records_are_kept().await;
    }
    assert_snapshot!(told.join("\n"), @r"
    announce-other-service
      INFO skipped


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

#[tokio::test]
async fn the_events_of_setup_prepare_an_empty_database() {
    let variables = [("DATABASE_URL".to_owned(), database::empty_database().await)];
    let mut process = function::start("setup", &variables, &[]).await;
    let mut told = Vec::new();
    let order = [
        ["migrate", "create-tenant", "create-source", "create-owner", "register-upstream-consumer", "grant"].as_slice(),
        &["list-owners", "list-grants", "revoke", "unregister-upstream-consumer", "help"],
    ];
    for name in order.concat() {
        let event = sample("setup", name);
        // Each once more, which changes nothing.
        for _ in 0..2 {
            let answer = process.invoke(&event, TIMEOUT).await.unwrap().result.unwrap();
            let mut answer: Value = serde_json::from_slice(&answer).unwrap();
            answer.as_object_mut().unwrap().remove("settings");
            for ours in ["/id", "/owners/0/id", "/grants/0/created"] {
                if let Some(value) = answer.pointer_mut(ours) {
                    *value = "(ours)".into();
                }
            }
            told.push(format!("{name}: {answer}"));
        }
    }
    told.dedup();
    assert_snapshot!(told.join("\n"), @r#"
    migrate: {"applied":["V1__catalog_inventory","V2__longshore","V3__candlepin"],"version":3}
    migrate: {"applied":[],"version":3}
    create-tenant: {"tenant_id":1}
    create-source: {"enabled":true,"source_id":1,"tenant_id":1}
    create-owner: {"display_name":"Example","id":"(ours)","owner":"5318290"}
    register-upstream-consumer: {"owner":"5318290","uuid":"8f2d6a70-5f0b-4b0e-9a0e-3f6f5f7c1d22"}
    grant: {"org":"7720114","owner":"5318290","permission":"import"}
    list-owners: {"owners":[{"display_name":"Example","id":"(ours)","newest_import":null,"owner":"5318290","registered":["8f2d6a70-5f0b-4b0e-9a0e-3f6f5f7c1d22"],"upstream":null}]}
    list-grants: {"grants":[{"created":"(ours)","org":"7720114","owner":"5318290","permission":"import"}]}
    revoke: {"org":"7720114","owner":"5318290","permission":"import","removed":true}
    revoke: {"org":"7720114","owner":"5318290","permission":"import","removed":false}
    unregister-upstream-consumer: {"removed":true,"uuid":"8f2d6a70-5f0b-4b0e-9a0e-3f6f5f7c1d22"}
    unregister-upstream-consumer: {"removed":false,"uuid":"8f2d6a70-5f0b-4b0e-9a0e-3f6f5f7c1d22"}
    help: {"commands":[{"arguments":"","command":"migrate","does":"bring the database up to date"},{"arguments":"external_tenant, [name]","command":"create-tenant","does":"create a tenant, or find it"},{"arguments":"external_tenant, uid, [name], [enabled]","command":"create-source","does":"create a source, or update its name and state"},{"arguments":"owner, [display_name]","command":"create-owner","does":"create an owner, or update its display name"},{"arguments":"","command":"list-owners","does":"list the owners, with their upstream consumers and their newest imports"},{"arguments":"uuid, owner","command":"register-upstream-consumer","does":"say whose the manifests of an upstream consumer are"},{"arguments":"uuid","command":"unregister-upstream-consumer","does":"take that back"},{"arguments":"org, owner, [permission]","command":"grant","does":"let an organisation import for an owner that is not its own"},{"arguments":"org, owner, [permission]","command":"revoke","does":"take that back"},{"arguments":"","command":"list-grants","does":"list who may import for an owner that is not its own"},{"arguments":"","command":"help","does":"list the commands and the settings"}]}
    "#);
    assert!(files("setup").iter().all(|name| order.concat().contains(&name.as_str())), "{:?}", files("setup"));
}
