//! Several imports at once: of one owner they take turns, of different owners each is whole, and what all share is there
//! once.

use futures_util::future::{join, join_all};
use insta::assert_snapshot;
use longshore::candlepin::{ManifestImporter, UndoError};
use longshore_tests::manifest::{Content, Entitlement, Era, Manifest, Product};
use longshore_tests::{Announcement, ORG, World, database, function, later};
use serde_json::json;
use std::time::Duration;

/// Owners that import at once.
const OWNERS: usize = 10;

/// Delivers an event to each importer at once; none may have to come again.
async fn all_at_once(importers: &[ManifestImporter], events: &[String]) {
    let answers = join_all(importers.iter().zip(events).map(|(importer, event)| importer.handle(event, None))).await;
    for answer in answers {
        assert_eq!(answer.unwrap().failed(), []);
    }
}

async fn importers(world: &World, count: usize) -> Vec<ManifestImporter> {
    join_all((0..count).map(|_| world.another_importer())).await
}

/// Rows of a table, or of what follows FROM.
async fn count(world: &World, from: &str) -> i64 {
    world.value(&format!("SELECT count(*) FROM {from}")).await
}

/// A manifest with a few dozen products and subscriptions.
fn manifest() -> Manifest {
    (0..30).fold(Manifest::sample(Era::D), |manifest, n| {
        let (engine, sku) = (format!("{}", 5000 + n), format!("SKU-{n}"));
        manifest
            .product(
                Product::new(&engine, "Engine").content(Content::new(&format!("{engine}01"), &format!("rpms-{n}"))),
            )
            .product(Product::new(&sku, "Suite").attribute("virt_limit", "2").provides(&[&engine]))
            .entitlement(Entitlement::new(&format!("e{n}"), &format!("p{n}"), &sku))
    })
}

/// One that is refused.
fn bad() -> Manifest {
    manifest().edit("products/901.json", |product| product["id"] = json!(""))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_manifest_in_two_records_at_once_is_imported_once() {
    let world = World::with_owner().await;
    let alone = World::with_owner().await;
    alone.import(&manifest()).await;
    let announced = world.announce_manifest(&manifest());
    let events = [world.event(std::slice::from_ref(&announced)), world.event(&[announced.partition(1)])];
    all_at_once(&importers(&world, 2).await, &events).await;
    assert_snapshot!(world.history().await, @r"
    0 | 5318290: manifest imported
    0 | 5318290: this manifest was imported already, nothing has changed
    ");
    assert_eq!(world.import_log().await, "imported\nalready imported");
    assert_eq!(world.events().await, alone.events().await);
    for table in ["cp_subscription", "cp_pool", "cp_products", "cp_contents", "cp_certificate", "cp_upstream_consumer"]
    {
        assert_eq!(count(&world, table).await, count(&alone, table).await, "{table}");
    }
    world.no_import_is_left().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_versions_at_once_end_in_the_younger_one() {
    for round in 0..4 {
        let world = World::with_owner().await;
        let younger =
            later(&manifest().without_entitlement("e3"), 60).entitlement(Entitlement::new("new", "new", "SKU-3"));
        let events = [
            world.event(&[world.announce_manifest(&manifest())]),
            world.event(&[world.announce_manifest(&younger).partition(1)]),
        ];
        all_at_once(&importers(&world, 2).await, &events).await;
        let subscriptions = world.subscriptions().await;
        assert!(subscriptions.contains("new |") && !subscriptions.contains("e3 |"), "round {round}: {subscriptions}");
        // The older one came first, or it is told that it is old.
        let log = world.import_log().await;
        assert!(log == "imported\nimported" || log.contains("MANIFEST_OLD"), "round {round}: {log}");
        assert_eq!(count(&world, "cp_import_record").await, 2);
        world.no_import_is_left().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_record_at_three_functions_at_once_is_imported_once() {
    let world = World::with_owner().await;
    let event = world.event(&[world.announce_manifest(&manifest())]);
    all_at_once(&importers(&world, 3).await, &[event.clone(), event.clone(), event]).await;
    assert_eq!(world.history().await, "0 | 5318290: manifest imported");
    assert_eq!(world.import_log().await, "imported");
    assert_eq!(world.value::<i64>("SELECT sum(attempts)::bigint FROM imports").await, 1);
    assert_eq!(count(&world, "outbox WHERE target = 'IMPORT'").await, 1);
    world.no_import_is_left().await;
}

/// Waits until somebody waits for a lock of the world's database.
async fn somebody_waits(world: &World) {
    world
        .eventually(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')",
        )
        .await;
}

/// Each of them rejects it; the history tells it once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_bad_record_at_three_functions_at_once_is_in_the_history_once() {
    for _ in 0..5 {
        let world = World::with_owner().await;
        let event = world.event(&[world.announce_manifest(&bad())]);
        all_at_once(&importers(&world, 3).await, &[event.clone(), event.clone(), event]).await;
        assert_eq!(count(&world, "cp_import_record").await, 1, "{}", world.history().await);
        assert_eq!((count(&world, "imports").await, count(&world, "rejected_records").await), (1, 1));
        world.no_import_is_left().await;
    }
}

/// The history names the type where it is still there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_on_record_although_another_import_removes_its_consumer_type() {
    let world = World::with_owner().await;
    world.execute("INSERT INTO cp_consumer_type (id, label) VALUES ('lab', 'lab')").await;
    let other = database::connect(world.database_url()).await;
    other.batch_execute("BEGIN; DELETE FROM cp_consumer_type WHERE id = 'lab'").await.unwrap();
    let event = world.event(&[world.announce_manifest(&bad().type_label("lab"))]);
    let removed = async {
        somebody_waits(&world).await;
        other.batch_execute("COMMIT").await.unwrap();
    };
    let (answer, ()) = join(world.invoke_importer(&event, None), removed).await;
    assert_eq!(answer.failed(), []);
    assert!(world.history().await.starts_with("1 | products/901.json"), "{}", world.history().await);
    let type_id = "SELECT type_label || coalesce(type_id, ' is gone') FROM cp_import_upstream_consumer";
    assert_eq!(world.value::<String>(type_id).await, "lab is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn import_and_undo_at_once_take_turns() {
    let mut orders = [0, 0];
    for _ in 0..6 {
        let world = World::with_owner().await;
        world.import(&manifest()).await;
        world.forget_events().await;
        let next = world.event(&[world.announce_manifest(&later(&manifest(), 60))]);
        let (answer, undone) = join(world.invoke_importer(&next, None), world.undo_of(ORG)).await;
        assert_eq!(answer.failed(), []);
        undone.unwrap();
        let last = world.last_entry().await;
        let imported = last == "0 | 5318290: manifest imported";
        assert!(imported || last == "2 | 5318290: imports undone by admin", "{last}");
        orders[usize::from(imported)] += 1;
        let left = if imported { 32 } else { 0 };
        assert_eq!(count(&world, "cp_subscription").await, left);
        assert_eq!(count(&world, "cp_upstream_consumer").await, i64::from(imported));
        assert_eq!(count(&world, "cp_export_metadata").await, i64::from(imported));
        assert_eq!(count(&world, "cp_import_record").await, 3);
        world.no_import_is_left().await;
    }
    eprintln!("undone last, imported last: {orders:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_undos_at_once_one_finds_nothing() {
    let world = World::with_owner().await;
    world.import(&manifest()).await;
    let undone = join_all([world.undo_of(ORG), world.undo_of(ORG)]).await;
    let failed: Vec<_> = undone.iter().filter_map(|undone| undone.as_ref().err()).collect();
    assert!(matches!(failed[..], [UndoError::NothingImported { .. }]), "{undone:?}");
    assert_snapshot!(world.history().await, @r"
    0 | 5318290: manifest imported
    2 | 5318290: imports undone by admin
    ");
    assert_eq!(count(&world, "outbox WHERE target = 'IMPORT' AND type = 'DELETED'").await, 1);
    world.no_import_is_left().await;
}

fn uuid_of(n: usize) -> String {
    format!("00000000-0000-4000-8000-{n:012}")
}

/// A world with owners `0`, `1`, .., and an importer each.
async fn with_owners() -> (World, Vec<ManifestImporter>) {
    let world = World::start().await;
    for n in 0..OWNERS {
        world.owner(&format!("owner-{n}")).await;
    }
    let importers = importers(&world, OWNERS).await;
    (world, importers)
}

fn of_owner(world: &World, n: usize, manifest: &Manifest) -> Announcement {
    let key = format!("owner-{n}");
    world.announce_manifest(&manifest.clone().uuid(&uuid_of(n))).org(&key).partition(i32::try_from(n).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_owners_that_import_the_same_products_at_once_have_rows_of_their_own() {
    let (world, importers) = with_owners().await;
    let shared = manifest().rules("5.99").consumer_type("shared-type", true);
    for (round, manifest) in [shared.clone(), later(&shared.name("renamed").rules("5.100"), 60)].iter().enumerate() {
        let events: Vec<_> = (0..OWNERS).map(|n| world.event(&[of_owner(&world, n, manifest)])).collect();
        all_at_once(&importers, &events).await;
        let log = world.import_log().await;
        assert_eq!(log.lines().filter(|line| *line == "imported").count(), OWNERS * (round + 1), "{log}");
    }
    for table in ["cp_products", "cp_contents", "cp_subscription", "cp_pool"] {
        let sql = format!("(SELECT owner_id, count(*) FROM {table} GROUP BY owner_id) t GROUP BY t.count");
        assert_eq!(count(&world, &sql).await, OWNERS as i64, "{table}");
        let owners = format!("SELECT count(DISTINCT owner_id) FROM {table}");
        assert_eq!(world.value::<i64>(&owners).await, OWNERS as i64, "{table}");
    }
    let shared = ["cp_consumer_type WHERE label = 'shared-type'", "cp_rules", "cp_cdn", "cp_dist_version"];
    for table in shared {
        assert_eq!(count(&world, table).await, 1, "{table}");
    }
    assert_eq!(count(&world, "outbox WHERE target = 'CONSUMER_TYPE'").await, 1);
    assert_eq!(count(&world, "outbox WHERE target = 'RULES'").await, 2);
    let twice = "(SELECT FROM outbox WHERE family = 'event' GROUP BY key, type, target, target_name, entity_id, event_data HAVING count(*) > 1) t";
    assert_eq!(count(&world, twice).await, 0);
    world.no_import_is_left().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_owners_that_bring_and_drop_consumer_types_at_once_end_with_their_last_ones() {
    let (world, importers) = with_owners().await;
    for round in 0..4 {
        let events: Vec<_> = (0..OWNERS)
            .map(|n| {
                // One of its own each round, and one that goes from owner to owner.
                let wanders = format!("wanders-{}", (n + round) % OWNERS);
                let own = format!("type-{n}-{round}");
                let manifest = later(&Manifest::sample(Era::D), 60 * round as i64).type_label(&own);
                world.event(&[of_owner(&world, n, &manifest.consumer_type(&own, true).consumer_type(&wanders, false))])
            })
            .collect();
        all_at_once(&importers, &events).await;
    }
    let own = world.value::<String>(
        "SELECT string_agg(label, ' ' ORDER BY label) FROM cp_consumer_type WHERE label LIKE 'type-%'",
    );
    let expected: Vec<_> = (0..OWNERS).map(|n| format!("type-{n}-3")).collect();
    assert_eq!(own.await, expected.join(" "));
    assert_eq!(count(&world, "cp_consumer_type WHERE label LIKE 'wanders-%'").await, OWNERS as i64);
    let unused = "cp_consumer_type t WHERE NOT seeded
                  AND NOT EXISTS (SELECT FROM consumer_type_uses u WHERE u.type_id = t.id)";
    assert_eq!(count(&world, unused).await, 0);
    // As many came and went as the events say.
    let events = "SELECT label IS NOT NULL AS here, sum(CASE type WHEN 'CREATED' THEN 1 ELSE -1 END) AS events
                  FROM outbox o LEFT JOIN cp_consumer_type t ON t.label = o.target_name
                  WHERE target = 'CONSUMER_TYPE' AND type <> 'MODIFIED' GROUP BY target_name, label";
    let wrong = format!("({events}) e WHERE events <> CASE WHEN here THEN 1 ELSE 0 END");
    assert_eq!(count(&world, &wrong).await, 0);
    world.no_import_is_left().await;
}

#[tokio::test]
async fn the_owner_can_be_registered_and_granted_while_its_import_is_under_way() {
    let world = World::with_owner().await;
    let _turn = world.take_turn().await;
    let mut setup = function::start("setup", &world.variables(), &[]).await;
    for command in [
        json!({"command": "register-upstream-consumer", "uuid": uuid_of(1), "owner": ORG}),
        json!({"command": "grant", "org": "other", "owner": ORG}),
        json!({"command": "revoke", "org": "other", "owner": ORG}),
        json!({"command": "unregister-upstream-consumer", "uuid": uuid_of(1)}),
    ] {
        let answer = setup.invoke(command.to_string().as_bytes(), Duration::from_secs(5)).await.unwrap();
        assert!(answer.result.is_ok(), "{command}");
    }
}

/// What a right allowed when the record came may be forbidden when it has its turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_is_taken_back_while_the_import_waits_counts_no_more() {
    let world = World::with_owner().await;
    world.execute("INSERT INTO grants VALUES ('guest', '5318290', 'import', now())").await;
    let announced = world.announce_manifest(&manifest()).org("guest").metadata("owner", ORG);
    let event = world.event(&[announced]);
    let turn = world.take_turn().await;
    let taken_back = async {
        somebody_waits(&world).await;
        world.execute("DELETE FROM grants").await;
        drop(turn);
    };
    let (answer, ()) = join(world.invoke_importer(&event, None), taken_back).await;
    assert_eq!(answer.failed(), []);
    let told =
        "owner 5318290 is unknown, or the organisation may not import for it; see create-owner and grant of setup";
    assert_eq!(world.import_log().await, format!("failed | Owner | {told}\nrejected | Owner | {told}"));
    assert_eq!(count(&world, "cp_products").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_owners_with_the_manifests_of_one_consumer_exactly_one_has_it() {
    for _ in 0..5 {
        let world = World::start().await;
        world.owner("left").await;
        world.owner("right").await;
        let events: Vec<_> = ["left", "right"]
            .map(|org| world.event(&[world.announce_manifest(&manifest()).org(org).metadata("owner", org)]))
            .into_iter()
            .collect();
        let importers = importers(&world, 2).await;
        let answers =
            join_all(importers.iter().zip(&events).map(|(importer, event)| importer.handle(event, None))).await;
        for (answer, event) in answers.into_iter().zip(&events) {
            if !answer.unwrap().failed().is_empty() {
                assert_eq!(world.invoke_importer(event, None).await.failed(), []);
            }
        }
        let told = "consumer.json: consumer 0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 is another owner's; undo that owner's \
                    import first, or have a manifest made for another consumer";
        let mut log: Vec<String> = world.import_log().await.lines().map(str::to_owned).collect();
        log.sort();
        assert_eq!(log, [format!("failed | Owner | {told}"), "imported".into(), format!("rejected | Owner | {told}")]);
        assert_eq!(count(&world, "(SELECT DISTINCT owner_id FROM cp_products) o").await, 1);
        assert_eq!(world.value::<i64>("SELECT count(DISTINCT key) FROM outbox WHERE family = 'event'").await, 1);
        world.no_import_is_left().await;
    }
}
