//! Each file in `events/` does what `events/README.md` says of it, handed to the functions as Lambda would.

use insta::assert_snapshot;
use longshore_devkit::runtime_api::Function;
use longshore_devkit::s3::{Credentials, S3Server};
use longshore_devkit::tower::samples;
use longshore_tests::{World, database, function};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

const UPLOADS: &str = "longshore-uploads";
const TIMEOUT: Duration = Duration::from_secs(60);

/// What the local stack has for the samples: a database, and S3 with the archives that they announce.
struct Stage {
    world: World,
    s3: S3Server,
    _objects: tempfile::TempDir,
}

impl Stage {
    async fn set() -> Self {
        let objects = tempfile::tempdir().unwrap();
        let s3 = S3Server::start(objects.path(), Credentials::random()).await.unwrap();
        s3.create_bucket(UPLOADS).unwrap();
        s3.create_bucket("longshore-rejected").unwrap();
        for (key, archive) in samples() {
            s3.put(UPLOADS, key, archive).await.unwrap();
        }
        Self { world: World::start().await, s3, _objects: objects }
    }

    /// A new process for each event, so that its log is that event's.
    async fn process(&self) -> Function {
        let keys = self.s3.credentials();
        let further = [
            ("AWS_ENDPOINT_URL_S3", self.s3.endpoint()),
            ("AWS_ACCESS_KEY_ID", &keys.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", &keys.secret_access_key),
            ("LONGSHORE_ALLOWED_BUCKETS", UPLOADS),
            ("LONGSHORE_REJECTION_TARGET", "s3://longshore-rejected/records"),
        ];
        function::start("tower-persister", &self.world.variables(), &further).await
    }

    /// Invokes `tower-persister` with a file and tells how each of its records ended, a line each.
    async fn play(&self, name: &str) -> String {
        let mut process = self.process().await;
        let event = std::fs::read(folder("tower-persister").join(format!("{name}.json"))).unwrap();
        let answer = process.invoke(&event, TIMEOUT).await.unwrap().result.unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), r#"{"batchItemFailures":[]}"#, "{name}");
        // The metrics are the last thing that an invocation prints.
        process.log_line(|line| line.contains("PeakMemoryBytes")).await.unwrap();
        let mut ends: Vec<String> = process.logs().iter().filter_map(|line| end_of_record(line)).collect();
        // Records of several sources end in any order.
        ends.sort();
        ends.dedup();
        format!("{name}\n{}", ends.join("\n"))
    }

    /// What is on record: refreshes and rejected records, each with what it did or why it failed.
    async fn records(&self) -> String {
        let sql = "
            SELECT concat_ws(' | ', 'refresh', request_id, source_id, outcome, mode, error_kind, stats) FROM (
              SELECT r.id, r.request_id, r.source_id, r.outcome, r.mode, r.error_kind, (
                SELECT format('%s added, %s updated, %s archived, %s unchanged', sum((t.value ->> 'adds')::int),
                       sum((t.value ->> 'updates')::int), sum((t.value ->> 'deletes')::int),
                       sum((t.value ->> 'unchanged')::int))
                FROM jsonb_each(r.stats) t HAVING count(*) > 0) AS stats
              FROM refreshes r) r
            UNION ALL
            SELECT concat_ws(' | ', 'rejected', nullif(request_id, ''), kafka_offset, kind, reason) FROM rejected_records";
        let rows = self.world.client().query(sql, &[]).await.unwrap();
        let mut lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        lines.sort();
        lines.join("\n")
    }

    /// Whether each rejected record lies where its row says.
    async fn rejected_records_are_kept(&self) {
        let sql = "SELECT kept_at FROM rejected_records";
        for row in self.world.client().query(sql, &[]).await.unwrap() {
            let place: &str = row.get(0);
            let key = place.strip_prefix("s3://longshore-rejected/").unwrap();
            let kept: Value = serde_json::from_slice(&self.s3.get("longshore-rejected", key).await.unwrap()).unwrap();
            assert!(kept["reason"].is_string(), "{kept}");
        }
    }
}

fn folder(function: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../events").join(function)
}

/// The names of a function's samples, sorted.
fn files(function: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder(function)).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// `  INFO applied sample-full` of a line that tells a record's end, with the kind of its failure.
fn end_of_record(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let outcome = line.get("outcome")?.as_str()?;
    let parts = [text("level"), text("request_id"), outcome.to_owned(), text("error_kind")];
    Some(format!("  {}", parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")))
}

#[tokio::test]
async fn each_event_of_tower_persister_alone_does_what_is_said_of_it() {
    let mut told = Vec::new();
    for name in files("tower-persister") {
        let stage = Stage::set().await;
        if matches!(name.as_str(), "incremental" | "persister-form") {
            stage.play("full").await;
        }
        told.push(stage.play(&name).await);
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
        told.push(stage.play(name).await);
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
        let event = std::fs::read(folder("setup").join(format!("{name}.json"))).unwrap();
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
