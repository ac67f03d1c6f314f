//! A full archive makes the inventory what Tower is.

use insta::assert_snapshot;
use longshore_tests::{ArchiveBuilder, World, object};

/// A bit of everything: two templates with an inventory, one with a survey, a workflow of both, credentials.
fn estate() -> ArchiveBuilder {
    ArchiveBuilder::new()
        // Surveys and nodes before what they point to: the order of entries is not defined.
        .survey("job_templates", 10, object::survey("Where to", [object::question("text", "target")]))
        .collection(
            "workflow_job_template_nodes",
            [
                object::node(100).set("workflow_job_template", 12).set("unified_job_template", 10).set("inventory", 33),
                object::node(101).set("workflow_job_template", 12).set("unified_job_template", 11).set("inventory", ()),
            ],
        )
        .collection(
            "job_templates",
            [
                object::job_template(10)
                    .set("name", "Deploy")
                    .set("inventory", "/api/v2/inventories/33/")
                    .set("survey_enabled", true),
                object::job_template(11).set("name", "Patch").set("inventory", 33).set("survey_enabled", false),
            ],
        )
        .collection(
            "workflow_job_templates",
            [object::workflow_job_template(12).set("name", "Deploy and patch").set("inventory", ())],
        )
        .collection("inventories", [object::inventory(33).set("name", "Production")])
        .collection("credential_types", [object::credential_type(1).set("name", "Machine").set("namespace", ())])
        .collection("credentials", [object::credential(7).set("name", "root").set("credential_type", 1)])
}

#[tokio::test]
async fn everything_is_stored_and_linked_whatever_the_order_of_entries() {
    let world = World::start().await;
    world.apply(&estate()).await;
    assert_snapshot!(world.rows().await, @r"
    credential_type | 1 | Machine | ssh |  | live
    credential | 7 | root | type 1 | live
    inventory | 33 | Production | live
    offering | 10 | Deploy | inventory 33 | live
    offering | 11 | Patch | inventory 33 | live
    offering | 12 | Deploy and patch | live
    node | 100 | workflow 12 | runs 10 | inventory 33 | live
    node | 101 | workflow 12 | runs 11 | live
    plan | 10 | Where to | of 10 | live
    ");
    assert_snapshot!(world.outcomes().await, @"applied | full");
    assert_snapshot!(world.warnings().await, @"");
}

#[tokio::test]
async fn columns_and_extra_are_those_of_the_catalog_inventory() {
    let world = World::start().await;
    world.apply(&estate()).await;
    let template: serde_json::Value = world
        .value("SELECT to_jsonb(o) - '{id,tenant_id,source_id,created_at,updated_at,last_seen_at,service_inventory_id}'::text[] FROM service_offerings o WHERE source_ref = '10'")
        .await;
    insta::assert_snapshot!(format!("{template:#}"), @r#"
    {
      "archived_at": null,
      "description": "Patches the web servers",
      "display_name": null,
      "distributor": null,
      "documentation_url": null,
      "extra": {
        "ask_credential_on_launch": false,
        "ask_diff_mode_on_launch": false,
        "ask_inventory_on_launch": false,
        "ask_job_type_on_launch": false,
        "ask_limit_on_launch": false,
        "ask_skip_tags_on_launch": false,
        "ask_tags_on_launch": false,
        "ask_variables_on_launch": false,
        "ask_verbosity_on_launch": false,
        "survey_enabled": true,
        "type": "job_template"
      },
      "long_description": null,
      "name": "Deploy",
      "source_created_at": "2021-03-04T09:15:30.123456",
      "source_deleted_at": null,
      "source_ref": "10",
      "source_updated_at": "2023-11-20T16:42:01.654321",
      "support_url": null
    }
    "#);
    let inventory: serde_json::Value =
        world.value("SELECT extra FROM service_inventories WHERE source_ref = '33'").await;
    insta::assert_snapshot!(inventory, @r#"{"inventory_sources_with_failures":0,"kind":"","organization_id":1,"pending_deletion":false,"type":"inventory","variables":"---\nregion: emea\n"}"#);
    let node: serde_json::Value =
        world.value("SELECT extra FROM service_offering_nodes WHERE source_ref = '100'").await;
    insta::assert_snapshot!(node, @r#"{"unified_job_type":"job"}"#);
    let form: serde_json::Value =
        world.value("SELECT create_json_schema FROM service_plans WHERE source_ref = '10'").await;
    insta::assert_snapshot!(format!("{form:#}"), @r#"
    {
      "schema": {
        "description": "What the job needs to know",
        "fields": [
          {
            "component": "text-field",
            "initialValue": "",
            "isRequired": false,
            "label": "Value of target?",
            "name": "target",
            "validate": [
              {
                "threshold": 0,
                "type": "min-length-validator"
              },
              {
                "threshold": 1024,
                "type": "max-length-validator"
              }
            ]
          }
        ],
        "title": "Where to"
      },
      "schemaType": "default"
    }
    "#);
}

#[tokio::test]
async fn unchanged_rows_are_not_rewritten_and_changed_ones_are() {
    let world = World::start().await;
    world.apply(&estate()).await;
    let versions = "SELECT array_agg(source_ref || ' ' || xmin::text ORDER BY id) FROM service_offerings";
    let before: Vec<String> = world.value(versions).await;
    // The same objects in an archive that differs by a byte.
    world.apply(&estate().variant(1)).await;
    assert_eq!(world.value::<Vec<String>>(versions).await, before);
    assert_snapshot!(world.value::<String>("SELECT last_refresh_message FROM sources").await, @"No updates");

    let renamed = object::job_template(11).set("name", "Patch all").set("survey_enabled", false);
    let kept = object::job_template(10)
        .set("name", "Deploy")
        .set("inventory", "/api/v2/inventories/33/")
        .set("survey_enabled", true);
    world.apply(&ArchiveBuilder::new().collection("job_templates", [kept, renamed])).await;
    let after: Vec<String> = world.value(versions).await;
    let changed: Vec<&String> = after.iter().filter(|row| !before.contains(row)).collect();
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert!(changed[0].starts_with("11 "));
    assert_snapshot!(world.value::<String>("SELECT last_refresh_message FROM sources").await, @"service_offering: updates=1");
}

#[tokio::test]
async fn what_is_gone_is_archived_with_its_plan_and_returns_under_its_own_id() {
    let world = World::start().await;
    world.apply(&estate()).await;
    let ids = "SELECT array_agg(id ORDER BY id) FROM service_offerings";
    let before: Vec<i64> = world.value(ids).await;
    let gone = ArchiveBuilder::new()
        .collection(
            "job_templates",
            [object::job_template(11).set("name", "Patch").set("inventory", 33).set("survey_enabled", false)],
        )
        .collection("workflow_job_template_nodes", Vec::<serde_json::Value>::new())
        .collection("credentials", Vec::<serde_json::Value>::new());
    world.apply(&gone).await;
    assert_snapshot!(world.rows().await, @r"
    credential_type | 1 | Machine | ssh |  | live
    credential | 7 | root | type 1 | archived
    inventory | 33 | Production | live
    offering | 10 | Deploy | inventory 33 | archived
    offering | 11 | Patch | inventory 33 | live
    offering | 12 | Deploy and patch | live
    node | 100 | workflow 12 | runs 10 | inventory 33 | archived
    node | 101 | workflow 12 | runs 11 | archived
    plan | 10 | Where to | of 10 | archived
    ");
    assert_snapshot!(world.warnings().await, @r"
    credential_types | nothing of it is archived: it is not in the archive
    inventories | nothing of it is archived: it is not in the archive
    workflow_job_templates | nothing of it is archived: it is not in the archive
    ");
    world.apply(&estate().variant(2)).await;
    assert_snapshot!(world.rows().await, @r"
    credential_type | 1 | Machine | ssh |  | live
    credential | 7 | root | type 1 | live
    inventory | 33 | Production | live
    offering | 10 | Deploy | inventory 33 | live
    offering | 11 | Patch | inventory 33 | live
    offering | 12 | Deploy and patch | live
    node | 100 | workflow 12 | runs 10 | inventory 33 | live
    node | 101 | workflow 12 | runs 11 | live
    plan | 10 | Where to | of 10 | live
    ");
    assert_eq!(world.value::<Vec<i64>>(ids).await, before);
    assert_snapshot!(world.value::<String>("SELECT last_refresh_message FROM sources").await, @r"
    credentials: adds=1
    service_offering: adds=1
    service_offering_nodes: adds=2
    service_plans: adds=1
    ");
}

#[tokio::test]
async fn incomplete_collections_archive_nothing_and_say_why() {
    let world = World::start().await;
    world.apply(&estate()).await;
    let template = || object::job_template(11).set("name", "Patch").set("survey_enabled", false);
    let incomplete = ArchiveBuilder::new()
        .collection("job_templates", [template()])
        .count("job_templates", 2)
        .page("inventories", 2, longshore_devkit::archive::list_response(0, vec![]))
        .collection("credential_types", [object::credential_type(1), object::credential_type(1)]);
    world.apply(&incomplete).await;
    assert_snapshot!(world.rows().await, @r"
    credential_type | 1 | Credential type 1 | ssh | ssh | live
    credential | 7 | root | type 1 | live
    inventory | 33 | Production | live
    offering | 10 | Deploy | inventory 33 | live
    offering | 11 | Patch | live
    offering | 12 | Deploy and patch | live
    node | 100 | workflow 12 | runs 10 | inventory 33 | live
    node | 101 | workflow 12 | runs 11 | live
    plan | 10 | Where to | of 10 | live
    ");
    assert_snapshot!(world.warnings().await, @r"
    service_credential_types | objects are there more than once; the newest counts
    credential_types | nothing of it is archived: something is listed more than once
    credentials | nothing of it is archived: it is not in the archive
    inventories | nothing of it is archived: page 1 of at least 2 is missing
    job_templates | nothing of it is archived: 1 of 2 are there
    workflow_job_templates | nothing of it is archived: it is not in the archive
    workflow_job_template_nodes | nothing of it is archived: it is not in the archive
    ");
}

#[tokio::test]
async fn the_three_spellings_of_names_and_the_workers_quirks_mean_the_same() {
    use longshore_devkit::archive::Spelling;
    let mut seen = Vec::new();
    for spelling in [Spelling::LeadingSlash, Spelling::Plain, Spelling::DotSlash] {
        let world = World::start().await;
        world.apply(&estate().spelling(spelling).worker_quirks().raw("notes/readme.md", "ignored")).await;
        seen.push(world.rows().await);
        assert_eq!(world.value::<i64>("SELECT ignored_entries FROM refreshes").await, 1);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}

#[tokio::test]
async fn ids_above_two_to_the_53rd_and_a_large_tower_are_kept_exactly() {
    let world = World::start().await;
    let id = (1 << 53) + 1;
    let archive = ArchiveBuilder::new().collection("inventories", [object::inventory(id + 2)]).collection(
        "job_templates",
        [object::job_template(id).set("inventory", format!("/api/v2/inventories/{}/", id + 2))],
    );
    world.apply(&archive).await;
    assert_snapshot!(world.rows().await, @r"
    inventory | 9007199254740995 | Inventory 9007199254740995 | live
    offering | 9007199254740993 | Job template 9007199254740993 | inventory 9007199254740995 | live
    ");
}

#[tokio::test]
async fn a_refresh_leaves_a_row_an_event_and_no_staging() {
    let world = World::start().await;
    world.apply(&estate()).await;
    let row: serde_json::Value = world
        .value("SELECT to_jsonb(r) - '{id,tenant_id,source_id,started_at,finished_at,seconds,archive_sha256,archive_bytes,expanded_bytes}'::text[] FROM refreshes r")
        .await;
    insta::assert_snapshot!(format!("{row:#}"), @r#"
    {
      "attempts": 1,
      "bad_objects": 0,
      "entries": 7,
      "error": null,
      "error_kind": null,
      "ignored_entries": 0,
      "ignored_objects": 0,
      "kafka_offset": 0,
      "kafka_partition": 0,
      "mode": "full",
      "outcome": "applied",
      "record_time": "2026-01-01T00:00:00",
      "request_id": "req-1",
      "requested_at": "2026-01-01T00:00:00",
      "stats": {
        "service_credential_types": {
          "adds": 1,
          "deletes": 0,
          "unchanged": 0,
          "updates": 0
        },
        "service_credentials": {
          "adds": 1,
          "deletes": 0,
          "unchanged": 0,
          "updates": 0
        },
        "service_inventories": {
          "adds": 1,
          "deletes": 0,
          "unchanged": 0,
          "updates": 0
        },
        "service_offering_nodes": {
          "adds": 2,
          "deletes": 0,
          "unchanged": 0,
          "updates": 0
        },
        "service_offerings": {
          "adds": 3,
          "deletes": 0,
          "unchanged": 0,
          "updates": 0
        },
        "service_plans": {
          "adds": 1,
          "deletes": 0,
          "unchanged": 0,
          "updates": 0
        }
      },
      "topic": "platform.upload.catalog",
      "warning_count": 0,
      "warnings": []
    }
    "#);
    let event: serde_json::Value = world
        .value(
            "SELECT to_jsonb(e) - '{id,event_id,created_at,entity_id,parked_at,parked_reason}'::text[]
             FROM outbox e WHERE family = 'event'",
        )
        .await;
    insta::assert_snapshot!(format!("{event:#}"), @r#"
    {
      "event_data": {
        "mode": "full",
        "stats": {
          "credential_types": {
            "adds": 1,
            "deletes": 0,
            "updates": 0
          },
          "credentials": {
            "adds": 1,
            "deletes": 0,
            "updates": 0
          },
          "inventories": {
            "adds": 1,
            "deletes": 0,
            "updates": 0
          },
          "service_offering": {
            "adds": 3,
            "deletes": 0,
            "updates": 0
          },
          "service_offering_nodes": {
            "adds": 2,
            "deletes": 0,
            "updates": 0
          },
          "service_plans": {
            "adds": 1,
            "deletes": 0,
            "updates": 0
          }
        }
      },
      "family": "event",
      "key": "tenant/5318290",
      "principal_data": null,
      "published_at": null,
      "request_id": "req-1",
      "target": "INVENTORY_REFRESH",
      "target_name": "tower-1",
      "traceparent": null,
      "type": "MODIFIED"
    }
    "#);
    let staged = "SELECT (SELECT count(*) FROM staged_offerings) + (SELECT count(*) FROM staged_nodes) + (SELECT count(*) FROM staged_ids)";
    assert_eq!(world.value::<i64>(staged).await, 0);
    let source: serde_json::Value =
        world.value("SELECT jsonb_build_object('state', refresh_state, 'at', last_successful_refresh_at, 'sha', length(previous_sha), 'size', previous_size > 0) FROM sources").await;
    insta::assert_snapshot!(source, @r#"{"at":"2026-01-01T00:00:00","sha":64,"size":true,"state":"Done"}"#);
}
