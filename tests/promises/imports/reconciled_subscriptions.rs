//! Which subscription an entitlement continues: the worked cases of the world, through imports.

use insta::assert_snapshot;
use longshore_tests::manifest::{Entitlement, Era, Manifest, Product};
use longshore_tests::{World, later};
use std::collections::{BTreeMap, BTreeSet};

/// Entitlements as `entitlement:quantity`, `pool/entitlement:quantity` where the upstream pool is another one, without a
/// name where the entitlement has no id.
fn manifest(entitlements: &str) -> Manifest {
    let manifest = Manifest::new(Era::D).product(Product::new("SKU", "Suite")).product(Product::new("2", "Other"));
    entitlements.split_whitespace().fold(manifest, |manifest, words| {
        let (pool, rest) = words.split_once('/').unwrap_or(("up1", words));
        let (id, quantity) = rest.split_once(':').unwrap();
        let file = if id.is_empty() { format!("blank-{quantity}") } else { id.to_owned() };
        let entitlement = Entitlement::new(&file, pool, "SKU").quantity(quantity.parse().unwrap());
        let manifest = manifest.entitlement(entitlement.without_certificate());
        if id.is_empty() {
            return manifest.edit(&format!("entitlements/{file}.json"), |json| json["id"] = "".into());
        }
        manifest
    })
}

/// Ids of subscription and pool -> what they are of.
async fn ids(world: &World) -> BTreeMap<String, String> {
    let sql = "SELECT s.id || ' ' || p.id || '=' ||
                      CASE WHEN s.upstream_pool_id = 'up1' THEN '' ELSE s.upstream_pool_id || '/' END ||
                      coalesce(s.upstream_entitlement_id, ':' || s.quantity)
               FROM cp_subscription s JOIN cp_pool p ON p.subscriptionid = s.id";
    let lines = world.list(sql).await;
    lines.lines().filter_map(|line| line.split_once('=')).map(|(ids, of)| (ids.to_owned(), of.to_owned())).collect()
}

/// `b<-a` for one that continues another, `b new` for one that does not, `a gone` for one that nobody continues.
async fn outcome(existing: &str, incoming: &str) -> String {
    let world = World::with_owner().await;
    world.import(&manifest(existing)).await;
    // As databases have them that knew no name for what has no id.
    for table in ["cp_subscription", "cp_pool"] {
        let sql =
            format!("UPDATE {table} SET upstream_entitlement_id = NULL WHERE upstream_entitlement_id LIKE 'blank-%'");
        world.execute(&sql).await;
    }
    let before = ids(&world).await;
    world.import(&later(&manifest(incoming), 1)).await;
    let after = ids(&world).await;
    let mut lines: Vec<String> = after
        .iter()
        .map(|(ids, of)| before.get(ids).map_or_else(|| format!("{of} new"), |old| format!("{of}<-{old}")))
        .collect();
    let gone = before.iter().filter(|(ids, _)| !after.contains_key(*ids));
    lines.extend(gone.map(|(_, old)| format!("{old} gone")));
    lines.sort();
    format!("{existing} | {incoming} | {}", lines.join(", "))
}

#[tokio::test]
async fn entitlements_continue_subscriptions_and_their_pools() {
    let mut table = Vec::new();
    for (existing, incoming) in [
        ("a:25", "a:25"),
        ("a:20", "a:20 b:15"),
        ("a:20 b:15", "b:15"),
        ("a:20 b:15 c:10", "a:20 c:10 d:5"),
        ("a:15 b:10 c:5", "d:15 e:10 f:5"),
        ("a:15 b:10 c:5", "d:15 f:5"),
        ("a:15 b:10", "d:15 e:10 f:5"),
        (":15 :10 :5", "d:15 e:10 f:5"),
        ("a:25 b:20 c:15", "d:23 e:17 f:10"),
        ("a:20 b:15 c:10 d:5", "e:23 f:10"),
        ("a:15 b:15", "a:15 c:15"),
        ("a:5 b:4 up2/c:4 up2/d:3", "a:5 b:4 up3/e:4 up3/f:3"),
        ("a:10", "up2/a:10"),
    ] {
        table.push(outcome(existing, incoming).await);
    }
    assert_snapshot!(table.join("\n"), @"
    a:25 | a:25 | a<-a
    a:20 | a:20 b:15 | a<-a, b new
    a:20 b:15 | b:15 | a gone, b<-b
    a:20 b:15 c:10 | a:20 c:10 d:5 | a<-a, c<-c, d<-b
    a:15 b:10 c:5 | d:15 e:10 f:5 | d<-a, e<-b, f<-c
    a:15 b:10 c:5 | d:15 f:5 | b gone, d<-a, f<-c
    a:15 b:10 | d:15 e:10 f:5 | d<-a, e<-b, f new
    :15 :10 :5 | d:15 e:10 f:5 | d<-:15, e<-:10, f<-:5
    a:25 b:20 c:15 | d:23 e:17 f:10 | d<-a, e<-b, f<-c
    a:20 b:15 c:10 d:5 | e:23 f:10 | b gone, d gone, e<-a, f<-c
    a:15 b:15 | a:15 c:15 | a<-a, c<-b
    a:5 b:4 up2/c:4 up2/d:3 | a:5 b:4 up3/e:4 up3/f:3 | a<-a, b<-b, up2/c gone, up2/d gone, up3/e new, up3/f new
    a:10 | up2/a:10 | a gone, up2/a new
    ");
}

#[tokio::test]
async fn a_forced_other_distributor_continues_the_same_upstream_pools() {
    let world = World::with_owner().await;
    world.import(&manifest("a:15 b:10 c:5")).await;
    let before = ids(&world).await;
    let other = manifest("d:15 e:10 f:5").uuid("bbbbbbbb-5b1c-4e0e-9f77-2f4d5a1c9b10");
    world.import_forcing(&later(&other, 1), &["DISTRIBUTOR_CONFLICT"]).await;
    let after = ids(&world).await;
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    let mut continued: Vec<String> = after.iter().map(|(ids, of)| format!("{of}<-{}", before[ids])).collect();
    continued.sort();
    assert_eq!(continued, ["d<-a", "e<-b", "f<-c"]);
    assert_snapshot!(world.list("SELECT DISTINCT upstream_consumer_id FROM cp_pool").await, @"bbbbbbbb-5b1c-4e0e-9f77-2f4d5a1c9b10");
}

#[tokio::test]
async fn ties_are_decided_alike_each_time() {
    let first = outcome("a:5 b:5 c:5", "d:5 e:5 f:5").await;
    for _ in 0..3 {
        assert_eq!(outcome("c:5 a:5 b:5", "f:5 e:5 d:5").await.split(" | ").last(), first.split(" | ").last());
    }
    assert_snapshot!(first, @"a:5 b:5 c:5 | d:5 e:5 f:5 | d<-a, e<-b, f<-c");
}

#[tokio::test]
async fn an_entitlement_without_an_id_is_known_by_its_files_name() {
    let world = World::with_owner().await;
    world.import(&manifest(":15 :10")).await;
    let before = ids(&world).await;
    assert_eq!(before.values().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>(), ["blank-10", "blank-15"]);
    world.import(&later(&manifest(":15 :10 d:20"), 1)).await;
    let after = ids(&world).await;
    assert!(before.iter().all(|(ids, of)| after.get(ids) == Some(of)), "{after:?}");
}
