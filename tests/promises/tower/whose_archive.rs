//! Whose archive it is: tenants and sources, in both message forms.

use insta::assert_snapshot;
use longshore_tests::{Announcement, ArchiveBuilder, World, object};
use serde_json::json;

fn archive() -> ArchiveBuilder {
    ArchiveBuilder::new().collection("inventories", [object::inventory(1).set("name", "Lab")])
}

/// `{"identity": ..}` in base64, as gateways send it.
fn identity(fields: serde_json::Value) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(json!({ "identity": fields }).to_string())
}

/// Who owns the inventory: `external tenant / source uid`, a line each.
async fn owners(world: &World) -> String {
    let sql =
        "SELECT coalesce(string_agg(t.external_tenant || ' / ' || s.uid, E'\\n' ORDER BY t.external_tenant, s.uid), '')
               FROM service_inventories i JOIN sources s ON s.id = i.source_id JOIN tenants t ON t.id = i.tenant_id";
    world.value(sql).await
}

async fn deliver(world: &World, change: impl FnOnce(Announcement) -> Announcement) -> String {
    let url = world.serve(archive().build());
    assert!(world.deliver(&[change(Announcement::of(&url))]).await.is_empty());
    world.outcomes().await
}

#[tokio::test]
async fn the_identity_names_the_tenant_before_the_message_does() {
    for (fields, identity_fields, owner) in [
        (json!({"org_id": "5", "account": "7"}), json!(null), "5 / tower-1"),
        (json!({"org_id": "", "account": "7"}), json!(null), "7 / tower-1"),
        (json!({"org_id": "", "account": "7"}), json!({"org_id": "5", "account_number": "7"}), "5 / tower-1"),
        (
            json!({"org_id": "", "account": ""}),
            json!({"account_number": "7", "internal": {"org_id": "5"}}),
            "5 / tower-1",
        ),
        (json!({"org_id": "5", "account": ""}), json!({"account_number": "7"}), "7 / tower-1"),
    ] {
        let world = World::start().await;
        deliver(&world, |message| {
            let message = fields.as_object().unwrap().iter().fold(message, |m, (key, value)| m.set(key, value.clone()));
            if identity_fields.is_null() {
                message
            } else {
                message.set("b64_identity", identity(identity_fields.clone()))
            }
        })
        .await;
        assert_eq!(owners(&world).await, owner, "{fields} {identity_fields}");
    }
}

#[tokio::test]
async fn a_message_whose_identity_names_another_tenant_is_written_to_neither() {
    let world = World::start().await;
    let outcome =
        deliver(&world, |message| message.org("5").set("b64_identity", identity(json!({"org_id": "6"})))).await;
    assert_snapshot!(outcome, @"rejected | Tenant | message and identity name different tenants");
    let by_account = deliver(&world, |message| {
        message.set("account", "7").set("b64_identity", identity(json!({"account_number": "8"})))
    })
    .await;
    assert!(by_account.ends_with("rejected | Tenant | message and identity name different tenants"), "{by_account}");
    assert_eq!(owners(&world).await, "");
    assert_eq!(world.value::<i64>("SELECT count(*) FROM tenants").await, 0);
}

#[tokio::test]
async fn a_message_without_any_tenant_or_source_is_rejected_with_the_lookups_tried() {
    let world = World::start().await;
    world.execute("INSERT INTO tenants (external_tenant) VALUES ('5')").await;
    deliver(&world, |message| message.org("")).await;
    deliver(&world, |message| message.org("5").set("metadata", json!(null))).await;
    deliver(&world, |message| message.org("6").set("metadata", json!({"reporter": ""}))).await;
    let task = "11111111-2222-4333-8444-555555555555";
    deliver(&world, |message| message.org("5").set("category", task).without("metadata")).await;
    world
        .execute("INSERT INTO sources (tenant_id, uid, enabled) SELECT id, unnest('{a,b}'::text[]), true FROM tenants")
        .await;
    let outcome = deliver(&world, |message| message.org("5").without("metadata")).await;
    assert_snapshot!(outcome, @r"
    rejected | Tenant | neither the identity nor the message names a tenant
    rejected | Source | no source found; tried metadata.reporter, which is empty, the tenant's only enabled source, but none is enabled
    rejected | Tenant | the tenant is unknown, and the message names no source to create with it
    rejected | Source | no source found; tried the task of category, metadata.reporter, which is empty, the tenant's only enabled source, but none is enabled
    rejected | Source | no source found; tried metadata.reporter, which is empty, the tenant's only enabled source, but several are enabled
    ");
}

#[tokio::test]
async fn a_source_is_found_by_task_then_reporter_then_as_the_only_enabled_one() {
    let world = World::start().await;
    world
        .execute(
            "INSERT INTO tenants (external_tenant) VALUES ('5');
             INSERT INTO sources (tenant_id, uid, enabled) SELECT id, unnest('{by-task,by-reporter}'::text[]), true FROM tenants;
             INSERT INTO sources (tenant_id, uid, enabled) SELECT id, 'off', false FROM tenants;
             INSERT INTO tasks (id, tenant_id, source_id)
               SELECT '11111111-2222-4333-8444-555555555555', s.tenant_id, s.id FROM sources s WHERE uid = 'by-task'",
        )
        .await;
    let task = "11111111-2222-4333-8444-555555555555";
    deliver(&world, |message| message.org("5").set("category", task).reporter("by-reporter")).await;
    assert_eq!(owners(&world).await, "5 / by-task");
    deliver(&world, |message| message.org("5").set("category", uuid::Uuid::nil().to_string()).reporter("by-reporter"))
        .await;
    assert_eq!(owners(&world).await, "5 / by-reporter\n5 / by-task");
    world.execute("UPDATE sources SET enabled = false WHERE uid <> 'by-task'; DELETE FROM service_inventories; UPDATE sources SET previous_sha = NULL").await;
    deliver(&world, |message| message.org("5").without("metadata")).await;
    assert_eq!(owners(&world).await, "5 / by-task");
}

#[tokio::test]
async fn a_disabled_source_is_skipped() {
    let world = World::start().await;
    world.execute("INSERT INTO tenants (external_tenant) VALUES ('5'); INSERT INTO sources (tenant_id, uid, enabled) SELECT id, 'tower-1', false FROM tenants").await;
    assert_snapshot!(deliver(&world, |message| message.org("5")).await, @"");
    assert_eq!(owners(&world).await, "");
}

#[tokio::test]
async fn creating_tenants_and_sources_can_be_turned_off() {
    let world = World::with(&[("LONGSHORE_CREATE_TENANTS", "false")]).await;
    assert_snapshot!(deliver(&world, |message| message).await, @"rejected | Tenant | the tenant is unknown, and creating tenants is turned off");
    let world = World::with(&[("LONGSHORE_CREATE_SOURCES", "false")]).await;
    world.execute("INSERT INTO tenants (external_tenant) VALUES ('5318290'); INSERT INTO sources (tenant_id, uid, enabled) SELECT id, 'another', true FROM tenants").await;
    assert_snapshot!(deliver(&world, |message| message).await, @"rejected | Source | no source found; tried metadata.reporter, which is unknown, and creating sources is turned off");
    assert_eq!(owners(&world).await, "", "a message that names its source is never taken for another's");
}

#[tokio::test]
async fn the_persister_form_names_rows_which_must_belong_together() {
    let world = World::start().await;
    world
        .execute(
            "INSERT INTO tenants (id, external_tenant) VALUES (1, '5'), (2, '6');
             INSERT INTO sources (id, tenant_id, uid, enabled) VALUES (10, 1, 'mine', true), (20, 2, 'theirs', true)",
        )
        .await;
    let url = world.serve(archive().build());
    let mine = identity(json!({"account_number": "5"}));
    let messages = [
        Announcement::persister(&url, 1, 20), // somebody else's source
        Announcement::persister(&url, 3, 10), // no such tenant
        Announcement::persister(&url, 1, 11), // no such source
        Announcement::persister(&url, 2, 20).header("x-rh-identity", &mine), // somebody else's tenant
    ];
    assert!(world.deliver(&messages).await.is_empty());
    assert_snapshot!(world.outcomes().await, @r"
    rejected | Tenant | source 20 belongs to another tenant
    rejected | Tenant | the tenant is unknown, and the message names it by its id
    rejected | Source | no source found; tried source_id 11
    rejected | Tenant | message and identity name different tenants
    ");
    assert_eq!(owners(&world).await, "");
    let message =
        Announcement::persister(&url, 1, 10).header("x-rh-identity", &mine).header("x-rh-insights-request-id", "req-9");
    assert!(world.deliver(&[message]).await.is_empty());
    assert_eq!(owners(&world).await, "5 / mine");
    assert_eq!(world.value::<String>("SELECT request_id FROM refreshes").await, "req-9");
}

#[tokio::test]
async fn one_tenants_archive_never_touches_anothers_rows_even_with_the_same_ids() {
    let world = World::start().await;
    deliver(&world, |message| message.org("5").reporter("shared-uid")).await;
    let other = ArchiveBuilder::new().collection("inventories", [object::inventory(1).set("name", "Theirs")]);
    let empty = ArchiveBuilder::new().collection("inventories", Vec::<serde_json::Value>::new());
    for archive in [other, empty] {
        let message = world.announce(&archive).org("6").reporter("shared-uid");
        assert!(world.deliver(&[message]).await.is_empty());
    }
    let rows =
        "SELECT string_agg(t.external_tenant || ' ' || i.name || ' ' || (i.archived_at IS NULL), ', ' ORDER BY t.id)
                FROM service_inventories i JOIN tenants t ON t.id = i.tenant_id";
    assert_eq!(world.value::<String>(rows).await, "5 Lab true, 6 Theirs false");
}
