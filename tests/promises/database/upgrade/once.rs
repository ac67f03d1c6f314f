//! An upgrade happens once, whatever interrupts it.

use super::old::{Old, Shape};
use super::{NO_SETTINGS, migrate, owners, relations, upgrade};
use futures_util::future::join_all;
use insta::assert_snapshot;
use longshore::failure::Classified;
use longshore_tests::{World, database};

#[tokio::test]
async fn it_happens_once() {
    let mut old = Old::new(Shape::June2012, "candlepin").await;
    owners(&mut old).await;
    let world = upgrade(&old).await;
    let before = world.row_versions(&[]).await;
    assert_snapshot!(migrate(&old.url).await.unwrap(), @r#"{"applied":[],"version":5}"#);
    assert_eq!(world.row_versions(&[]).await, before);
    // Who is done with what was set aside drops it.
    world.execute("DROP SCHEMA candlepin_before_longshore CASCADE").await;
    assert_snapshot!(migrate(&old.url).await.unwrap(), @r#"{"applied":[],"version":5}"#);
    assert_eq!(world.row_versions(&[]).await, before);
}

#[tokio::test]
async fn four_at_once_do_it_once() {
    let mut old = Old::new(Shape::June2012, "candlepin").await;
    owners(&mut old).await;
    let answers = join_all((0..4).map(|_| migrate(&old.url))).await;
    let upgrades = answers.iter().filter(|answer| answer.as_ref().unwrap()["upgraded"].is_object()).count();
    assert_eq!(upgrades, 1);
    let world = World::on(old.url.clone(), NO_SETTINGS).await;
    assert_eq!(world.value::<i64>("SELECT count(*) FROM cp_owner").await, 12);
}

#[tokio::test]
async fn interrupted_anywhere_the_next_one_goes_on() {
    let mut old = Old::new(Shape::June2012, "candlepin").await;
    owners(&mut old).await;
    let by = database::connect(&old.url).await;

    // While the old tables are moved: nothing has been moved.
    by.batch_execute("BEGIN; LOCK candlepin.cp_rules").await.unwrap();
    interrupted(&old, &by).await;
    assert_eq!(relations(&old, "candlepin_before_longshore").await, [""; 0]);

    // Between moving them and making ours.
    by.batch_execute("CREATE TABLE longshore.grants (x int)").await.unwrap();
    assert_eq!(migrate(&old.url).await.unwrap_err().kind(), "Migration");
    by.batch_execute("DROP TABLE longshore.grants").await.unwrap();
    assert_eq!(relations(&old, "candlepin").await, ["databasechangelog r 0"]);

    // While they are read; meanwhile somebody makes an owner.
    by.batch_execute("BEGIN; LOCK candlepin_before_longshore.cp_rules").await.unwrap();
    interrupted(&old, &by).await;
    let world = World::on(old.url.clone(), NO_SETTINGS).await;
    assert_eq!(world.value::<i64>("SELECT count(*) FROM cp_owner").await, 0);
    world.execute("INSERT INTO cp_owner (id, account, displayname) VALUES ('made here', 'good', 'Good')").await;

    assert_eq!(migrate(&old.url).await.unwrap()["upgraded"]["owners"], 11);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM cp_owner").await, 12);
    let link = "SELECT o.id || ' ' || u.uuid FROM cp_owner o JOIN cp_upstream_consumer u ON u.id = o.upstream_id AND u.owner_id = o.id
                WHERE account = 'good'";
    assert_eq!(world.value::<String>(link).await, "made here u-good");
}

/// Migrates until it waits for what `by` has locked, and then ends its session, as a kill would.
async fn interrupted(old: &Old, by: &tokio_postgres::Client) {
    let end = async {
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'relation'";
        while by.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            // What is seen of other sessions is a snapshot of the transaction's.
            by.batch_execute("SELECT pg_stat_clear_snapshot()").await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let (migrated, ()) = tokio::join!(migrate(&old.url), end);
    assert!(migrated.unwrap_err().is_transient());
    by.batch_execute("ROLLBACK").await.unwrap();
}

#[tokio::test]
async fn a_schema_that_is_in_the_way_is_not_touched() {
    let mut old = Old::new(Shape::June2012, "candlepin").await;
    owners(&mut old).await;
    old.client
        .batch_execute("CREATE SCHEMA candlepin_before_longshore; CREATE TABLE candlepin_before_longshore.x ()")
        .await
        .unwrap();
    let before = relations(&old, "candlepin").await;
    let error = migrate(&old.url).await.unwrap_err();
    assert_snapshot!(error.to_string(), @"schema candlepin holds Candlepin's tables of before, which are moved into schema candlepin_before_longshore, and that is not empty: rename it, or drop it, and migrate again");
    assert_eq!((error.kind(), error.is_transient()), ("Migration", false));
    assert_eq!(relations(&old, "candlepin").await, before);
    old.client.batch_execute("DROP TABLE candlepin_before_longshore.x").await.unwrap();
    assert_eq!(migrate(&old.url).await.unwrap()["upgraded"]["owners"], 12);
}
