//! Owners that were taken over are owners like others.

use super::old::{FLAT, Old, Record, Shape};
use super::{migrate_with, upgrade};
use insta::assert_snapshot;
use longshore_tests::manifest::{Era, Manifest};
use longshore_tests::{ORG, UPSTREAM, World, small};

#[tokio::test]
async fn all_may_be_in_the_schema_public_with_an_inventory() {
    let settings = [("CANDLEPIN_SCHEMA", "public")];
    let mut old = Old::new(Shape::June2012, "public").await;
    old.client.batch_execute(include_str!("../migrations/catalog_inventory.sql")).await.unwrap();
    old.owner(ORG, Some(UPSTREAM), &[Record::success(UPSTREAM)]).await;
    let answer = migrate_with(&old.url, &settings).await.unwrap();
    assert_eq!(answer["upgraded"]["set_aside"], "public_before_longshore");
    assert_eq!(answer["upgraded"]["upstream_consumers"], 1);
    let world = World::on(old.url.clone(), &settings).await;
    world.import(&small()).await;
    assert_snapshot!(world.last_entry().await, @"0 | 5318290: manifest imported");
}

#[tokio::test]
async fn an_owner_that_was_taken_over_imports_and_undoes() {
    for shape in FLAT {
        let mut old = Old::new(shape, "candlepin").await;
        old.owner(ORG, Some(UPSTREAM), &[Record::success(UPSTREAM)]).await;
        // The very manifest that was imported before: its date is known, its bytes are not.
        let manifest = small();
        let created = manifest.created_at();
        let sql = format!(
            "INSERT INTO cp_export_metadata VALUES ('m1', 'per_user', timestamptz '{created}' AT TIME ZONE 'UTC', '{ORG}')"
        );
        old.client.batch_execute(&sql).await.unwrap();
        let world = upgrade(&old).await;
        world.import(&manifest).await;
        assert_eq!(world.last_entry().await, "0 | 5318290: manifest imported", "{shape:?}");
        let linked = "SELECT u.uuid || ' ' || (u.consumer_idcert_id IS NOT NULL) FROM cp_owner o JOIN cp_upstream_consumer u ON u.id = o.upstream_id";
        assert_eq!(world.value::<String>(linked).await, format!("{UPSTREAM} true"));
        // From now on it is known which one it was.
        world.import(&manifest.clone().content_access_mode("org_environment")).await;
        assert!(world.last_entry().await.starts_with("1 | MANIFEST_SAME"), "{}", world.last_entry().await);
        world.undo().await.unwrap();
        assert_eq!(world.orphans().await, "");
        world.import(&manifest).await;
    }
}

#[tokio::test]
async fn an_owner_that_was_taken_over_can_be_undone_before_any_import() {
    let mut old = Old::new(Shape::June2012, "candlepin").await;
    old.owner(ORG, Some("another"), &[Record::success("another")]).await;
    let sql = format!("INSERT INTO cp_export_metadata VALUES ('m1', 'per_user', '2012-05-01', '{ORG}')");
    old.client.batch_execute(&sql).await.unwrap();
    let world = upgrade(&old).await;
    world.import(&small()).await;
    assert!(world.last_entry().await.starts_with("1 | DISTRIBUTOR_CONFLICT"), "{}", world.last_entry().await);
    world.undo().await.unwrap();
    world.import(&Manifest::sample(Era::D)).await;
    assert_snapshot!(world.history().await, @"
    0 | entry 1
    1 | DISTRIBUTOR_CONFLICT: it is of consumer 0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10, the owner imports from consumer another (Lab), which can be undone; to force it, name DISTRIBUTOR_CONFLICT in metadata.force
    2 | 5318290: imports undone by admin
    0 | 5318290: manifest imported
    ");
}
