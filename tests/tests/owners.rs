//! Owners, and who may import for them: by the commands of `setup`, and as an import asks.

use futures_util::future::join_all;
use insta::assert_snapshot;
use longshore::aws::Aws;
use longshore::candlepin::{Lookup, OwnerError, Resolved, ordering_key, resolve};
use longshore::clock::Clock;
use longshore::db::{Connector, Pool};
use longshore::failure::Classified;
use longshore::settings::Settings;
use longshore::setup::Setup;
use longshore_tests::database;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use time::OffsetDateTime;
use tokio_postgres::Client;

/// 2026-01-01T00:00:00Z
const BEGINNING: i64 = 1_767_225_600;

/// A migrated database and `setup` on it, at a time that the test moves.
struct Stage {
    pool: Pool,
    setup: Setup,
    client: Client,
    seconds: Arc<AtomicI64>,
}

impl Stage {
    async fn set() -> Self {
        let url = database::fresh_database().await;
        let seconds = Arc::new(AtomicI64::new(BEGINNING));
        let now = seconds.clone();
        let clock = Clock::from_fn(move || OffsetDateTime::from_unix_timestamp(now.load(Ordering::Relaxed)).unwrap());
        let client = database::connect(&url).await;
        let settings = Settings::read(|name| (name == "DATABASE_URL").then(|| url.clone())).unwrap();
        let aws = Aws::from_env().await;
        let pool = Pool::new(Connector::new(settings.database.clone(), aws.clone(), Clock::system()), 4);
        Self { pool, setup: Setup::new(settings, &aws, clock, 4), client, seconds }
    }

    /// What the command answers, or its error with its kind.
    async fn run(&self, command: Value) -> String {
        let answer = self.setup.handle(&command.to_string(), None).await;
        answer.map_or_else(|error| format!("{}: {error}", error.kind()), |answer| answer.to_string())
    }

    async fn owner(&self, key: &str) -> String {
        let answer = self.run(json!({"command": "create-owner", "owner": key})).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["id"].as_str().unwrap().to_owned()
    }

    async fn owners<const N: usize>(&self, keys: [&str; N]) {
        for key in keys {
            self.owner(key).await;
        }
    }

    async fn register(&self, uuid: &str, owner: &str) -> String {
        self.run(json!({"command": "register-upstream-consumer", "uuid": uuid, "owner": owner})).await
    }

    async fn grant(&self, org: &str, owner: &str) -> String {
        self.run(json!({"command": "grant", "org": org, "owner": owner})).await
    }

    /// As an import does it.
    async fn link(&self, uuid: &str, owner: &str) {
        let sql = format!(
            "INSERT INTO cp_upstream_consumer (id, uuid, name, owner_id, type_id)
               SELECT 'row-{uuid}', '{uuid}', 'Name of {uuid}', id, '1006' FROM cp_owner WHERE account = '{owner}';
             UPDATE cp_owner SET upstream_id = 'row-{uuid}' WHERE account = '{owner}'"
        );
        self.client.batch_execute(&sql).await.unwrap();
    }

    async fn imported(&self, owner: &str, status: i32, created: &str) {
        let sql = format!(
            "INSERT INTO cp_import_record (id, owner_id, status, created)
             SELECT replace(gen_random_uuid()::text, '-', ''), id, {status}, '{created}'
             FROM cp_owner WHERE account = '{owner}'"
        );
        self.client.batch_execute(&sql).await.unwrap();
    }

    async fn resolve(&self, uuid: Option<&str>, named: Option<&str>, org: &str) -> Result<Resolved, OwnerError> {
        resolve(&*self.pool.get().await.unwrap(), uuid, named, org).await
    }

    /// `key | lookup | warning`, or the error.
    async fn told(&self, uuid: Option<&str>, named: Option<&str>, org: &str) -> String {
        match self.resolve(uuid, named, org).await {
            Ok(Resolved { owner, by, warning }) => {
                let parts = [Some(owner.key), Some(format!("{by:?}")), warning];
                parts.into_iter().flatten().collect::<Vec<_>>().join(" | ")
            }
            Err(error) => {
                assert_eq!((error.kind(), error.is_transient()), ("Owner", false));
                error.to_string()
            }
        }
    }

    async fn ordering_key(&self, org: &str) -> String {
        ordering_key(&*self.pool.get().await.unwrap(), org).await.unwrap()
    }
}

/// An id of ours is another each time.
fn without_ids(answer: &str) -> String {
    let mut answer: Value = serde_json::from_str(answer).unwrap();
    for owner in answer["owners"].as_array_mut().unwrap() {
        assert_eq!(owner.as_object_mut().unwrap().remove("id").unwrap().as_str().unwrap().len(), 32);
    }
    let lines = answer["owners"].as_array().unwrap().iter().map(Value::to_string);
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn an_owner_is_created_once_and_renamed_only_when_told() {
    let stage = Stage::set().await;
    let create = |name: Value| json!({"command": "create-owner", "owner": "acme", "display_name": name});
    let id = stage.owner("acme").await;
    assert!(id.len() == 32 && id.chars().all(|digit| matches!(digit, '0'..='9' | 'a'..='f')), "{id}");
    let told = |name: &str| json!({"owner": "acme", "id": id, "display_name": name}).to_string();
    let times = "SELECT concat_ws(' | ', created, updated) FROM cp_owner";
    let mut rows = Vec::new();
    for (name, called) in
        [(json!(null), "acme"), (json!("Acme"), "Acme"), (json!("Acme"), "Acme"), (json!(null), "Acme")]
    {
        stage.seconds.fetch_add(60, Ordering::Relaxed);
        assert_eq!(stage.run(create(name)).await, told(called));
        rows.push(stage.client.query_one(times, &[]).await.unwrap().get::<_, String>(0));
    }
    assert_snapshot!(rows.join("\n"), @r"
    2026-01-01 00:00:00 | 2026-01-01 00:00:00
    2026-01-01 00:00:00 | 2026-01-01 00:02:00
    2026-01-01 00:00:00 | 2026-01-01 00:02:00
    2026-01-01 00:00:00 | 2026-01-01 00:02:00
    ");
}

#[tokio::test]
async fn what_no_key_can_be_is_refused_before_the_database() {
    let stage = Stage::set().await;
    let mut told = Vec::new();
    for command in [
        json!({"command": "create-owner", "owner": " acme"}),
        json!({"command": "create-owner", "owner": "acme\u{0}"}),
        json!({"command": "create-owner", "owner": "acme", "display_name": ""}),
        json!({"command": "create-owner", "owner": "x".repeat(256)}),
        json!({"command": "register-upstream-consumer", "uuid": "\u{0}x", "owner": "acme"}),
        json!({"command": "unregister-upstream-consumer", "uuid": ""}),
        json!({"command": "grant", "org": "1\u{0}", "owner": "acme"}),
        json!({"command": "revoke", "org": "1", "owner": "a\u{7}b"}),
    ] {
        told.push(stage.run(command).await);
    }
    assert_snapshot!(told.join("\n"), @r"
    Command: owner begins or ends with a blank; leave that out
    Command: owner has a control character in it
    Command: display_name is empty
    Command: owner is longer than 255 characters
    Command: uuid has a control character in it
    Command: uuid is empty
    Command: org has a control character in it
    Command: owner has a control character in it
    ");
    assert_eq!(stage.run(json!({"command": "list-owners"})).await, r#"{"owners":[]}"#);
    let longest = "ü".repeat(255);
    assert_eq!(stage.owner(&longest).await, stage.owner(&longest).await);
}

#[tokio::test]
async fn owners_are_listed_by_key_with_what_is_linked_and_imported() {
    let stage = Stage::set().await;
    stage.owners(["beta", "acme", "Zeta", "émile"]).await;
    stage.link("u-1", "beta").await;
    stage.register("u-3", "acme").await;
    stage.register("u-2", "acme").await;
    // The newest is the one that was written last, whatever its time says.
    stage.imported("beta", 1, "2026-03-01").await;
    stage.imported("beta", 3, "2026-02-01 10:30:00.5").await;
    stage.imported("acme", 2, "2026-01-01").await;
    assert_snapshot!(without_ids(&stage.run(json!({"command": "list-owners"})).await), @r#"
    {"display_name":"Zeta","newest_import":null,"owner":"Zeta","registered":[],"upstream":null}
    {"display_name":"acme","newest_import":{"created":"2026-01-01T00:00:00Z","status":"DELETE"},"owner":"acme","registered":["u-2","u-3"],"upstream":null}
    {"display_name":"beta","newest_import":{"created":"2026-02-01T10:30:00Z","status":"SUCCESS_WITH_WARNING"},"owner":"beta","registered":[],"upstream":{"name":"Name of u-1","uuid":"u-1"}}
    {"display_name":"émile","newest_import":null,"owner":"émile","registered":[],"upstream":null}
    "#);
}

#[tokio::test]
async fn a_consumer_is_registered_for_one_owner_until_it_is_freed() {
    let stage = Stage::set().await;
    stage.owners(["acme", "beta"]).await;
    let unregister = json!({"command": "unregister-upstream-consumer", "uuid": "u-1"});
    let mut told = Vec::new();
    told.push(stage.register("u-1", "acme").await);
    told.push(stage.register("u-1", "acme").await);
    told.push(stage.register("u-1", "beta").await);
    told.push(stage.run(unregister.clone()).await);
    told.push(stage.run(unregister).await);
    told.push(stage.register("u-1", "beta").await);
    told.push(stage.register("u-1", "nobody").await);
    assert_snapshot!(told.join("\n"), @r#"
    {"owner":"acme","uuid":"u-1"}
    {"owner":"acme","uuid":"u-1"}
    Command: consumer u-1 is registered for owner acme; unregister-upstream-consumer frees it
    {"removed":true,"uuid":"u-1"}
    {"removed":false,"uuid":"u-1"}
    {"owner":"beta","uuid":"u-1"}
    Command: no owner nobody; create-owner makes one
    "#);
}

#[tokio::test]
async fn a_consumer_that_an_import_linked_is_registered_for_nobody_else() {
    let stage = Stage::set().await;
    stage.owners(["acme", "beta"]).await;
    stage.link("u-1", "beta").await;
    assert_snapshot!(stage.register("u-1", "acme").await, @"Command: consumer u-1 is linked to owner beta by an import, so it cannot be that of acme");
    assert_snapshot!(stage.register("u-1", "beta").await, @r#"{"owner":"beta","uuid":"u-1"}"#);
}

#[tokio::test]
async fn of_two_that_register_a_consumer_at_once_one_is_told_of_the_other() {
    let stage = Stage::set().await;
    let owners = ["a", "b", "c", "d"];
    stage.owners(owners).await;
    for round in 0..10 {
        let uuid = format!("u-{round}");
        let answers = join_all(owners.map(|owner| stage.register(&uuid, owner))).await;
        let refused = answers.iter().filter(|answer| answer.contains("is registered for owner")).count();
        assert_eq!((refused, answers.len()), (3, 4), "{answers:?}");
    }
}

#[tokio::test]
async fn grants_are_given_once_listed_and_taken_back() {
    let stage = Stage::set().await;
    stage.owners(["acme", "beta"]).await;
    let revoke = |owner: &str| json!({"command": "revoke", "org": "7", "owner": owner, "permission": "import"});
    let mut told = Vec::new();
    told.push(stage.grant("7", "beta").await);
    stage.seconds.fetch_add(60, Ordering::Relaxed);
    told.push(stage.grant("7", "beta").await);
    told.push(stage.grant("7", "acme").await);
    told.push(stage.grant("7", "nobody").await);
    told.push(stage.run(json!({"command": "list-grants"})).await);
    told.push(stage.run(revoke("beta")).await);
    told.push(stage.run(revoke("beta")).await);
    told.push(stage.run(revoke("nobody")).await);
    told.push(stage.run(json!({"command": "list-grants"})).await);
    assert_snapshot!(told.join("\n"), @r#"
    {"org":"7","owner":"beta","permission":"import"}
    {"org":"7","owner":"beta","permission":"import"}
    {"org":"7","owner":"acme","permission":"import"}
    Command: no owner nobody; create-owner makes one
    {"grants":[{"created":"2026-01-01T00:01:00Z","org":"7","owner":"acme","permission":"import"},{"created":"2026-01-01T00:00:00Z","org":"7","owner":"beta","permission":"import"}]}
    {"org":"7","owner":"beta","permission":"import","removed":true}
    {"org":"7","owner":"beta","permission":"import","removed":false}
    Command: no owner nobody; create-owner makes one
    {"grants":[{"created":"2026-01-01T00:01:00Z","org":"7","owner":"acme","permission":"import"}]}
    "#);
}

#[tokio::test]
async fn the_first_lookup_that_finds_an_owner_counts() {
    let stage = Stage::set().await;
    stage.owners(["registered", "named", "linked", "7"]).await;
    for owner in ["registered", "named", "linked"] {
        stage.grant("7", owner).await;
    }
    let mut told = Vec::new();
    told.push(stage.told(Some("u-1"), None, "7").await);
    stage.link("u-1", "linked").await;
    told.push(stage.told(Some("u-1"), None, "7").await);
    told.push(stage.told(Some("u-1"), Some("named"), "7").await);
    stage.register("u-2", "registered").await;
    stage.link("u-2", "linked").await;
    told.push(stage.told(Some("u-2"), None, "7").await);
    told.push(stage.told(Some("u-2"), Some("registered"), "7").await);
    told.push(stage.told(Some("u-2"), Some("named"), "7").await);
    told.push(stage.told(Some("u-2"), Some("does not exist"), "7").await);
    // The manifest could not be read.
    told.push(stage.told(None, Some("named"), "7").await);
    told.push(stage.told(None, None, "7").await);
    assert_snapshot!(told.join("\n"), @r"
    7 | Own
    linked | Linked
    named | Named
    registered | Registration
    registered | Registration
    registered | Registration | metadata.owner says named, but the consumer is registered for registered, which counts
    registered | Registration | metadata.owner says does not exist, but the consumer is registered for registered, which counts
    named | Named
    7 | Own
    ");
}

#[tokio::test]
async fn an_owner_comes_with_the_consumer_that_it_is_linked_to() {
    let stage = Stage::set().await;
    let id = stage.owner("7").await;
    let before = stage.resolve(Some("u-1"), None, "7").await.unwrap();
    assert_eq!((before.owner.id, before.owner.upstream, before.by), (id, None, Lookup::Own));
    stage.link("u-1", "7").await;
    let linked = stage.resolve(Some("u-2"), None, "7").await.unwrap().owner;
    let upstream = linked.upstream.unwrap();
    let told = [linked.name, upstream.id, upstream.uuid, upstream.name].join(" | ");
    assert_snapshot!(told, @"7 | row-u-1 | u-1 | Name of u-1");
}

#[tokio::test]
async fn a_forbidden_owner_looks_like_one_that_does_not_exist() {
    let stage = Stage::set().await;
    stage.owners(["7", "secret"]).await;
    for uuid in [None, Some("u-1")] {
        let forbidden = stage.told(uuid, Some("secret"), "7").await;
        let missing = stage.told(uuid, Some("nobody"), "7").await;
        assert_eq!(forbidden.replace("secret", "nobody"), missing);
    }
    assert_snapshot!(stage.told(None, Some("secret"), "7").await, @"owner secret is unknown, or the organisation may not import for it; see create-owner and grant of setup");
}

#[tokio::test]
async fn only_the_owners_own_organisation_and_those_granted_may_import() {
    let stage = Stage::set().await;
    stage.owners(["registered", "linked", "7"]).await;
    stage.register("u-1", "registered").await;
    stage.link("u-2", "linked").await;
    let mut told = Vec::new();
    for _ in 0..2 {
        told.push(stage.told(Some("u-1"), None, "7").await);
        told.push(stage.told(Some("u-1"), Some("7"), "7").await);
        told.push(stage.told(Some("u-2"), None, "7").await);
        told.push(stage.told(Some("u-2"), None, "linked").await);
        stage.grant("7", "registered").await;
        stage.grant("7", "linked").await;
    }
    assert_snapshot!(told.join("\n"), @r"
    the owner of consumer u-1 is unknown, or the organisation may not import for it; see create-owner and grant of setup
    the owner of consumer u-1 is unknown, or the organisation may not import for it; see create-owner and grant of setup
    the owner of consumer u-2 is unknown, or the organisation may not import for it; see create-owner and grant of setup
    linked | Linked
    registered | Registration
    registered | Registration | metadata.owner says 7, but the consumer is registered for registered, which counts
    linked | Linked
    linked | Linked
    ");
}

#[tokio::test]
async fn where_nothing_is_found_it_says_what_was_tried_and_what_to_do() {
    let stage = Stage::set().await;
    let told = [stage.told(Some("u-1"), None, "7").await, stage.told(None, None, "7").await];
    assert_snapshot!(told.join("\n"), @r"
    no owner found; tried the owner that consumer u-1 is registered for, metadata.owner (empty), the owner that it is linked to, that of the caller's own organisation; make one with create-owner of setup, or name one with register-upstream-consumer
    no owner found; tried metadata.owner (empty), that of the caller's own organisation; make one with create-owner of setup, or name one in the message
    ");
    assert!(!told.concat().contains('7'), "the organisation is told");
}

#[tokio::test]
async fn records_that_may_be_for_one_owner_have_one_ordering_key() {
    let stage = Stage::set().await;
    assert_eq!(stage.ordering_key("7").await, "7");
    stage.owners(["b", "c", "d", "e", "f", "7"]).await;
    assert_eq!(stage.ordering_key("7").await, "7");
    assert_eq!(stage.ordering_key("nobody").await, "nobody");
    // A chain: x - c - 7 - e - y - b, and z apart.
    for (org, owner) in [("x", "c"), ("7", "c"), ("7", "e"), ("y", "e"), ("y", "b"), ("z", "d"), ("d", "d")] {
        stage.grant(org, owner).await;
    }
    let mut keys = Vec::new();
    for org in ["x", "c", "7", "e", "y", "b", "z", "d", "f", "nobody"] {
        keys.push(format!("{org} {}", stage.ordering_key(org).await));
    }
    assert_snapshot!(keys.join("\n"), @r"
    x 7
    c 7
    7 7
    e 7
    y 7
    b 7
    z d
    d d
    f f
    nobody nobody
    ");
}

/// Its own number is smaller than theirs and is no owner's key.
#[tokio::test]
async fn an_organisation_without_an_owner_is_ordered_by_those_it_reaches() {
    let stage = Stage::set().await;
    stage.owners(["b", "c"]).await;
    stage.grant("a", "c").await;
    assert_eq!([stage.ordering_key("a").await, stage.ordering_key("c").await], ["c", "c"]);
    assert_eq!(stage.ordering_key("b").await, "b");
    stage.run(json!({"command": "revoke", "org": "a", "owner": "c"})).await;
    assert_eq!(stage.ordering_key("a").await, "a");
}
