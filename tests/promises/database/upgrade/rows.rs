//! What is taken over besides, and what stays where it was.

use super::old::{FLAT, Old, Record, Shape};
use super::{LINKS, migrate, owners, relations, upgrade};
use insta::assert_snapshot;
use longshore_tests::UPSTREAM;

const HISTORY: &str = "
  SELECT r.id, r.owner_id AS owner, r.status, r.statusmessage AS message, r.generated_by AS by, r.generated_date AS at,
         r.created, u.uuid, u.name, u.type_label AS type, t.label AS known, u.prefix_url_web AS web, u.prefix_url_api AS api
  FROM cp_import_record r LEFT JOIN cp_import_upstream_consumer u ON u.id = r.upstream_id
  LEFT JOIN cp_consumer_type t ON t.id = u.type_id ORDER BY r.seq";

#[tokio::test]
async fn the_history_keeps_its_order_and_says_whose_manifests_they_were() {
    let mut lines = Vec::new();
    for shape in FLAT {
        let mut old = Old::new(shape, "candlepin").await;
        let unnamed = Record { name: None, consumer_type: Some("never heard of"), ..Record::success("u-1") };
        old.owner("acme", Some("u-1"), &[Record::success("u-1"), Record::failure(), unnamed]).await;
        // Older than all.
        let sql = "INSERT INTO cp_import_record (id, owner_id, status, created) VALUES ('zz', 'acme', 2, '2011-01-01')";
        old.client.batch_execute(sql).await.unwrap();
        lines.push(format!("{shape:?}\n{}", upgrade(&old).await.columns(HISTORY).await));
    }
    assert_snapshot!(lines.join("\n"), @"
    First
    id=zz | owner=acme | status=2 | created=2011-01-01T00:00:00
    id=record1 | owner=acme | status=0 | message=entry 1 | created=2012-06-01T01:00:00
    id=record2 | owner=acme | status=1 | message=entry 2 | created=2012-06-01T02:00:00
    id=record3 | owner=acme | status=0 | message=entry 3 | created=2012-06-01T03:00:00
    May2012
    id=zz | owner=acme | status=2 | created=2011-01-01T00:00:00
    id=record1 | owner=acme | status=0 | message=entry 1 | by=admin | at=2012-05-01T00:00:00 | created=2012-06-01T01:00:00 | uuid=u-1 | name=Lab
    id=record2 | owner=acme | status=1 | message=entry 2 | by=admin | at=2012-05-01T00:00:00 | created=2012-06-01T02:00:00
    id=record3 | owner=acme | status=0 | message=entry 3 | by=admin | at=2012-05-01T00:00:00 | created=2012-06-01T03:00:00 | uuid=u-1 | name=unknown
    June2012
    id=zz | owner=acme | status=2 | created=2011-01-01T00:00:00
    id=record1 | owner=acme | status=0 | message=entry 1 | by=admin | at=2012-05-01T00:00:00 | created=2012-06-01T01:00:00 | uuid=u-1 | name=Lab | type=sam | known=sam | web=upstream.example/subs/
    id=record2 | owner=acme | status=1 | message=entry 2 | by=admin | at=2012-05-01T00:00:00 | created=2012-06-01T02:00:00
    id=record3 | owner=acme | status=0 | message=entry 3 | by=admin | at=2012-05-01T00:00:00 | created=2012-06-01T03:00:00 | uuid=u-1 | name=unknown | type=never heard of | web=upstream.example/subs/
    ");
}

#[tokio::test]
async fn owners_types_dates_and_rules_are_taken_over() {
    let mut old = Old::new(Shape::June2012, "candlepin").await;
    old.owner("parent", None, &[]).await;
    old.owner("child", Some(UPSTREAM), &[]).await;
    let sql = "UPDATE cp_owner SET parent_owner = 'parent', contentprefix = '/$env', defaultservicelevel = 'gold',
                 displayname = 'A child', updated = '2012-01-02' WHERE id = 'child';
               INSERT INTO cp_export_metadata VALUES
                 ('m1', 'per_user', '2012-05-01', 'child'), ('m2', 'per_user', '2012-05-03', 'child'),
                 ('m3', 'per_user', '2012-05-02', 'child'), ('m4', 'system', '2012-05-03', NULL)";
    old.client.batch_execute(sql).await.unwrap();
    let world = upgrade(&old).await;
    let owners =
        "SELECT id, account AS key, displayname AS name, contentprefix AS prefix, defaultservicelevel AS level,
                         parent_owner AS parent, created, updated FROM cp_owner ORDER BY id";
    assert_snapshot!(world.columns(owners).await, @"
    id=child | key=child | name=A child | prefix=/$env | level=gold | parent=parent | created=2011-06-01T00:00:00 | updated=2012-01-02T00:00:00
    id=parent | key=parent | name=parent | created=2011-06-01T00:00:00
    ");
    let types = "SELECT regexp_replace(id, '^[0-9a-f]{32}$', 'new') AS id, label, manifest, seeded FROM cp_consumer_type ORDER BY label";
    assert_snapshot!(world.columns(types).await, @"
    id=2000 | label=branch office | manifest=false | seeded=false
    id=1003 | label=candlepin | manifest=true | seeded=true
    id=1002 | label=domain | manifest=false | seeded=true
    id=1006 | label=headpin | manifest=true | seeded=true
    id=1004 | label=hypervisor | manifest=false | seeded=true
    id=1007 | label=katello | manifest=true | seeded=true
    id=1001 | label=person | manifest=false | seeded=true
    id=new | label=sam | manifest=true | seeded=false
    id=1000 | label=system | manifest=false | seeded=true
    id=1005 | label=uebercert | manifest=false | seeded=true
    ");
    assert_snapshot!(world.columns("SELECT id, type, exported, owner_id AS owner FROM cp_export_metadata").await, @"id=m2 | type=per_user | exported=2012-05-03T00:00:00 | owner=child");
    assert_snapshot!(world.columns("SELECT id, version, rules_blob AS text FROM cp_rules").await, @"id=r2 | version=0 | text=newer();");
}

#[tokio::test]
async fn a_database_of_just_after_the_design_is_taken_over_too() {
    let mut old = Old::new(Shape::September2013, "candlepin").await;
    old.owner("linked", None, &[Record::success("u-linked")]).await;
    old.link("linked", "u-linked").await;
    old.owner("undone", None, &[Record::success("u-gone"), Record::undone()]).await;
    let world = upgrade(&old).await;
    assert_snapshot!(world.columns(LINKS).await, @"
    owner=linked | id=link of linked | uuid=u-linked | name=Linked | type=sam | api=https://upstream.example/consumers/
    owner=undone
    ");
    assert_snapshot!(world.columns(HISTORY).await, @"
    id=record1 | owner=linked | status=0 | message=entry 1 | created=2012-06-01T01:00:00 | uuid=u-linked | name=Lab | type=sam | known=sam | api=https://upstream.example/consumers/
    id=record2 | owner=undone | status=0 | message=entry 2 | created=2012-06-01T02:00:00 | uuid=u-gone | name=Lab | type=sam | known=sam | api=https://upstream.example/consumers/
    id=record3 | owner=undone | status=2 | message=entry 3 | created=2012-06-01T03:00:00
    ");
    assert_snapshot!(world.columns("SELECT id, version, rules_blob AS text FROM cp_rules").await, @"id=r2 | version=2.1 | text=newer();");
}

#[tokio::test]
async fn everything_that_was_is_still_there_in_a_schema_of_its_own() {
    let mut old = Old::new(Shape::June2012, "candlepin").await;
    owners(&mut old).await;
    let before = relations(&old, "candlepin").await;
    migrate(&old.url).await.unwrap();
    let moved: Vec<String> = before.into_iter().filter(|line| line.starts_with("cp_")).collect();
    assert_snapshot!(moved.join("\n"), @"
    cp_consumer_type r 6
    cp_consumers v 12
    cp_event r 0
    cp_event_id_seq S 1
    cp_export_metadata r 0
    cp_import_record r 17
    cp_job_number S 1
    cp_owner r 12
    cp_rules r 2
    cp_subscription r 0
    ");
    assert_eq!(relations(&old, "candlepin_before_longshore").await, moved);
    // Nobody's table but Candlepin's.
    assert!(relations(&old, "candlepin").await.contains(&"databasechangelog r 0".to_owned()));
}

#[tokio::test]
async fn columns_of_the_upstream_consumer_are_the_designs() {
    let old = Old::new(Shape::First, "candlepin").await;
    let world = upgrade(&old).await;
    let columns = "SELECT column_name AS column, data_type || coalesce('(' || character_maximum_length || ')', '') AS type, is_nullable AS null
                   FROM information_schema.columns WHERE table_schema = 'candlepin' AND table_name = 'cp_upstream_consumer' ORDER BY ordinal_position";
    assert_snapshot!(world.columns(columns).await, @"
    column=id | type=character varying(32) | null=NO
    column=uuid | type=character varying(255) | null=NO
    column=name | type=character varying(255) | null=NO
    column=created | type=timestamp without time zone | null=YES
    column=updated | type=timestamp without time zone | null=YES
    column=owner_id | type=character varying(32) | null=NO
    column=type_id | type=character varying(32) | null=NO
    column=consumer_idcert_id | type=character varying(32) | null=YES
    column=keypair_id | type=character varying(32) | null=YES
    column=prefix_url_web | type=character varying(255) | null=YES
    column=prefix_url_api | type=character varying(255) | null=YES
    column=content_access_mode | type=character varying(255) | null=YES
    ");
}
