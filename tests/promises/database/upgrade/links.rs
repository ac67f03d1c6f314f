//! Whom owners are linked to afterwards.

use super::old::{Old, Record, Shape};
use super::{LINKS, NO_SETTINGS, migrate, owners, upgrade};
use insta::assert_snapshot;
use longshore_tests::World;
use serde_json::Value;

#[tokio::test]
async fn owners_of_the_first_shape_keep_the_uuid_that_they_are_linked_to() {
    let mut old = Old::new(Shape::First, "candlepin").await;
    owners(&mut old).await;
    assert_snapshot!(upgrade(&old).await.columns(LINKS).await, @"
    owner=deleted
    owner=deleted-and-linked | id=new | uuid=u-kept | name=u-kept | type=candlepin
    owner=failed | id=new | uuid=u-failed | name=u-failed | type=candlepin
    owner=failed-after-undo
    owner=good | id=new | uuid=u-good | name=u-good | type=candlepin
    owner=nothing
    owner=only-failures
    owner=only-record
    owner=only-uuid | id=new | uuid=u-only | name=u-only | type=candlepin
    owner=relinked | id=new | uuid=u-mine | name=u-mine | type=candlepin
    owner=unnamed | id=new | uuid=u-unnamed | name=u-unnamed | type=candlepin
    owner=warned | id=new | uuid=u-warned | name=u-warned | type=candlepin
    ");
}

#[tokio::test]
async fn owners_of_may_2012_keep_their_links_with_names() {
    let mut old = Old::new(Shape::May2012, "candlepin").await;
    owners(&mut old).await;
    assert_snapshot!(upgrade(&old).await.columns(LINKS).await, @"
    owner=deleted
    owner=deleted-and-linked | id=record1 | uuid=u-kept | name=Lab | type=candlepin
    owner=failed | id=record5 | uuid=u-failed | name=Lab | type=candlepin
    owner=failed-after-undo
    owner=good | id=record11 | uuid=u-good | name=Lab | type=candlepin
    owner=nothing
    owner=only-failures
    owner=only-record | id=record13 | uuid=u-record | name=Lab | type=candlepin
    owner=only-uuid | id=new | uuid=u-only | name=u-only | type=candlepin
    owner=relinked | id=record14 | uuid=u-mine | name=Lab | type=candlepin
    owner=unnamed | id=record16 | uuid=u-unnamed | name=u-unnamed | type=candlepin
    owner=warned | id=record17 | uuid=u-warned | name=Lab | type=candlepin
    ");
}

#[tokio::test]
async fn owners_of_june_2012_keep_their_links_with_types_and_prefixes() {
    let mut old = Old::new(Shape::June2012, "candlepin").await;
    owners(&mut old).await;
    assert_snapshot!(upgrade(&old).await.columns(LINKS).await, @"
    owner=deleted
    owner=deleted-and-linked | id=record1 | uuid=u-kept | name=Lab | type=sam | web=upstream.example/subs/
    owner=failed | id=record5 | uuid=u-failed | name=Lab | type=sam | web=upstream.example/subs/
    owner=failed-after-undo
    owner=good | id=record11 | uuid=u-good | name=Lab | type=sam | web=upstream.example/subs/
    owner=nothing
    owner=only-failures
    owner=only-record | id=record13 | uuid=u-record | name=Lab | type=sam | web=upstream.example/subs/
    owner=only-uuid | id=new | uuid=u-only | name=u-only | type=candlepin
    owner=relinked | id=record14 | uuid=u-mine | name=Lab | type=sam | web=upstream.example/subs/
    owner=unnamed | id=record16 | uuid=u-unnamed | name=u-unnamed | type=candlepin | web=upstream.example/subs/
    owner=warned | id=record17 | uuid=u-warned | name=Lab | type=sam | web=upstream.example/subs/
    ");
}

#[tokio::test]
async fn links_that_are_rows_already_win_over_what_was_before() {
    let mut old = Old::new(Shape::October2012, "candlepin").await;
    old.owner("both", Some("u-before"), &[Record::success("u-before"), Record::success("u-now")]).await;
    old.owner("not-yet", Some("u-before-2"), &[Record::success("u-before-2")]).await;
    old.owner("undone", Some("u-stale"), &[Record::success("u-stale"), Record::undone()]).await;
    old.link("both", "u-now").await;
    assert_snapshot!(upgrade(&old).await.columns(LINKS).await, @"
    owner=both | id=link of both | uuid=u-now | name=Linked | type=sam | api=https://upstream.example/consumers/
    owner=not-yet | id=record3 | uuid=u-before-2 | name=Lab | type=sam | web=upstream.example/subs/
    owner=undone
    ");
}

#[tokio::test]
async fn the_answer_says_what_was_taken_over_and_what_may_surprise() {
    let mut old = Old::new(Shape::June2012, "candlepin").await;
    owners(&mut old).await;
    // Of an owner that has only its history; the other one says that it is linked.
    old.owner("twin", None, &[Record::success("u-good")]).await;
    old.client
        .batch_execute("INSERT INTO cp_export_metadata VALUES ('m1', 'per_user', '2012-05-01', 'good')")
        .await
        .unwrap();
    let answer = migrate(&old.url).await.unwrap();
    assert_snapshot!(serde_json::to_string_pretty(&answer["upgraded"]).unwrap(), @r#"
    {
      "consumer_types": 2,
      "export_metadata": 1,
      "import_records": 18,
      "owners": 13,
      "rules": 1,
      "set_aside": "candlepin_before_longshore",
      "upstream_consumers": 8,
      "warnings": [
        {
          "what": "it stays linked to consumer u-mine, as Candlepin had it, though its newest import is of consumer u-other",
          "where": "relinked"
        },
        {
          "what": "consumer u-good is another owner's too, which keeps it; this one is linked to nobody",
          "where": "twin"
        }
      ]
    }
    "#);
    let world = World::on(old.url.clone(), NO_SETTINGS).await;
    let recorded: String =
        world.value("SELECT report::text FROM upgrades WHERE set_aside = 'candlepin_before_longshore'").await;
    assert_eq!(serde_json::from_str::<Value>(&recorded).unwrap(), answer["upgraded"]);
    assert_eq!(
        world.value::<i64>("SELECT count(*) FROM cp_owner WHERE account = 'twin' AND upstream_id IS NULL").await,
        1
    );
}

#[tokio::test]
async fn of_two_owners_with_one_consumer_the_one_that_imported_last_keeps_it() {
    let mut old = Old::new(Shape::June2012, "candlepin").await;
    for owner in ["first", "last", "never"] {
        let records = if owner == "never" { vec![Record::failure()] } else { vec![Record::success("u-shared")] };
        old.owner(owner, None, &records).await;
    }
    assert_snapshot!(upgrade(&old).await.columns(LINKS).await, @"
    owner=first
    owner=last | id=record2 | uuid=u-shared | name=Lab | type=sam | web=upstream.example/subs/
    owner=never
    ");
}
