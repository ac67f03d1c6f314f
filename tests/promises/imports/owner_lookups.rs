//! Whose manifest it is, as an import asks.

use insta::assert_snapshot;
use longshore::candlepin::Lookup;
use longshore_tests::OwnerStage;
use serde_json::json;

#[tokio::test]
async fn the_first_lookup_that_finds_an_owner_counts() {
    let stage = OwnerStage::set().await;
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
    let stage = OwnerStage::set().await;
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
    let stage = OwnerStage::set().await;
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
    let stage = OwnerStage::set().await;
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
    let stage = OwnerStage::set().await;
    let told = [stage.told(Some("u-1"), None, "7").await, stage.told(None, None, "7").await];
    assert_snapshot!(told.join("\n"), @r"
    no owner found; tried the owner that consumer u-1 is registered for, metadata.owner (empty), the owner that it is linked to, that of the caller's own organisation; make one with create-owner of setup, or name one with register-upstream-consumer
    no owner found; tried metadata.owner (empty), that of the caller's own organisation; make one with create-owner of setup, or name one in the message
    ");
    assert!(!told.concat().contains('7'), "the organisation is told");
}

#[tokio::test]
async fn records_that_may_be_for_one_owner_have_one_ordering_key() {
    let stage = OwnerStage::set().await;
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
    let stage = OwnerStage::set().await;
    stage.owners(["b", "c"]).await;
    stage.grant("a", "c").await;
    assert_eq!([stage.ordering_key("a").await, stage.ordering_key("c").await], ["c", "c"]);
    assert_eq!(stage.ordering_key("b").await, "b");
    stage.run(json!({"command": "revoke", "org": "a", "owner": "c"})).await;
    assert_eq!(stage.ordering_key("a").await, "a");
}
