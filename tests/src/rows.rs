//! Rows as text: what a person would compare.

use tokio_postgres::Client;

/// Each live or archived object on a line, links by `source_ref`: `offering | 10 | Deploy | inventory 3 | live`.
const READABLE: &str = "
  SELECT line FROM (
    SELECT 1 AS kind, length(source_ref) AS len, source_ref, concat_ws(' | ', 'credential_type', source_ref, name, kind, namespace, state(archived_at)) AS line
      FROM service_credential_types
    UNION ALL
    SELECT 2, length(c.source_ref), c.source_ref, concat_ws(' | ', 'credential', c.source_ref, c.name, 'type ' || t.source_ref, state(c.archived_at))
      FROM service_credentials c LEFT JOIN service_credential_types t ON t.id = c.service_credential_type_id
    UNION ALL
    SELECT 3, length(source_ref), source_ref, concat_ws(' | ', 'inventory', source_ref, name, state(archived_at)) FROM service_inventories
    UNION ALL
    SELECT 4, length(o.source_ref), o.source_ref, concat_ws(' | ', 'offering', o.source_ref, o.name, 'inventory ' || i.source_ref, state(o.archived_at))
      FROM service_offerings o LEFT JOIN service_inventories i ON i.id = o.service_inventory_id
    UNION ALL
    SELECT 5, length(n.source_ref), n.source_ref, concat_ws(' | ', 'node', n.source_ref, 'workflow ' || r.source_ref, 'runs ' || o.source_ref, 'inventory ' || i.source_ref, state(n.archived_at))
      FROM service_offering_nodes n LEFT JOIN service_offerings r ON r.id = n.root_service_offering_id
      LEFT JOIN service_offerings o ON o.id = n.service_offering_id LEFT JOIN service_inventories i ON i.id = n.service_inventory_id
    UNION ALL
    SELECT 6, length(p.source_ref), p.source_ref, concat_ws(' | ', 'plan', p.source_ref, p.name, 'of ' || o.source_ref, state(p.archived_at))
      FROM service_plans p LEFT JOIN service_offerings o ON o.id = p.service_offering_id
  ) lines ORDER BY kind, len, source_ref, line";

const STATE: &str = "CREATE OR REPLACE FUNCTION state(archived_at timestamp) RETURNS text LANGUAGE sql
  AS $$ SELECT CASE WHEN archived_at IS NULL THEN 'live' ELSE 'archived' END $$";

/// Everything that a refresh may write, without ids and times of ours, links by `source_ref`: for comparing databases.
const COMPLETE: &str = "
  SELECT to_jsonb(x) - '{id,created_at,updated_at,last_seen_at,service_credential_type_id,service_inventory_id,
         service_offering_id,root_service_offering_id}'::text[]
         || jsonb_build_object('archived_at', x.archived_at IS NOT NULL)
         || jsonb_build_object('links', ARRAY[
              (SELECT source_ref FROM service_credential_types k WHERE k.id = (to_jsonb(x) ->> 'service_credential_type_id')::bigint),
              (SELECT source_ref FROM service_inventories k WHERE k.id = (to_jsonb(x) ->> 'service_inventory_id')::bigint),
              (SELECT source_ref FROM service_offerings k WHERE k.id = (to_jsonb(x) ->> 'service_offering_id')::bigint),
              (SELECT source_ref FROM service_offerings k WHERE k.id = (to_jsonb(x) ->> 'root_service_offering_id')::bigint)])
    AS row FROM {table} x ORDER BY source_id, source_ref, id";

/// What the source says about itself, without times of ours.
const SOURCES: &str = "
  SELECT to_jsonb(s) - '{id,tenant_id,created_at,updated_at,refresh_started_at,refresh_finished_at}'::text[] AS row
  FROM sources s ORDER BY uid";

const TABLES: [&str; 6] = [
    "service_credential_types",
    "service_credentials",
    "service_inventories",
    "service_offerings",
    "service_offering_nodes",
    "service_plans",
];

pub async fn readable(client: &Client) -> String {
    client.batch_execute(STATE).await.unwrap();
    let rows = client.query(READABLE, &[]).await.unwrap();
    rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
}

pub async fn complete(client: &Client) -> Vec<String> {
    let mut lines = Vec::new();
    for table in TABLES {
        for row in client.query(&COMPLETE.replace("{table}", table), &[]).await.unwrap() {
            lines.push(format!("{table} {}", row.get::<_, serde_json::Value>(0)));
        }
    }
    for row in client.query(SOURCES, &[]).await.unwrap() {
        lines.push(format!("sources {}", row.get::<_, serde_json::Value>(0)));
    }
    lines
}
