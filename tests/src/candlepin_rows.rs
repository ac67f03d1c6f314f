//! All rows of the Candlepin tables as lines, for comparing databases.

use std::fmt::Write as _;
use tokio_postgres::Client;

/// What a column that refers to a row says in its place. The owner's tables have no foreign keys everywhere, so a row that
/// is not there shows as `nobody`.
const REFERENCES: &str = "
  CREATE OR REPLACE FUNCTION pg_temp.owner_of(text) RETURNS text LANGUAGE sql
    AS $$ SELECT account::text FROM cp_owner WHERE id = $1 $$;
  CREATE OR REPLACE FUNCTION pg_temp.product(uuid) RETURNS text LANGUAGE sql
    AS $$ SELECT concat_ws(' ', owner_id, product_id, managed) FROM cp_products WHERE uuid = $1 $$;
  CREATE OR REPLACE FUNCTION pg_temp.content(uuid) RETURNS text LANGUAGE sql
    AS $$ SELECT concat_ws(' ', owner_id, content_id, managed) FROM cp_contents WHERE uuid = $1 $$;
  CREATE OR REPLACE FUNCTION pg_temp.subscription(text) RETURNS text LANGUAGE sql
    AS $$ SELECT concat_ws(' ', owner_id, upstream_pool_id, upstream_entitlement_id) FROM cp_subscription WHERE id = $1 $$;
  CREATE OR REPLACE FUNCTION pg_temp.pool(text) RETURNS text LANGUAGE sql
    AS $$ SELECT concat_ws(' ', pg_temp.subscription(subscriptionid), subscriptionsubkey) FROM cp_pool WHERE id = $1 $$;
  CREATE OR REPLACE FUNCTION pg_temp.certificate(text) RETURNS text LANGUAGE sql
    AS $$ SELECT encode(digest, 'hex') FROM cp_certificate WHERE id = $1 $$;
  CREATE OR REPLACE FUNCTION pg_temp.id_cert(text) RETURNS text LANGUAGE sql
    AS $$ SELECT encode(digest, 'hex') FROM cp_id_cert WHERE id = $1 $$;
  CREATE OR REPLACE FUNCTION pg_temp.serial(bigint) RETURNS text LANGUAGE sql
    AS $$ SELECT x509_serial::text FROM cp_cert_serial WHERE id = $1 $$;
  CREATE OR REPLACE FUNCTION pg_temp.consumer_type(text) RETURNS text LANGUAGE sql
    AS $$ SELECT label::text FROM cp_consumer_type WHERE id = $1 $$;
  CREATE OR REPLACE FUNCTION pg_temp.cdn(text) RETURNS text LANGUAGE sql
    AS $$ SELECT label::text FROM cp_cdn WHERE id = $1 $$;
  CREATE OR REPLACE FUNCTION pg_temp.dist_version(text) RETURNS text LANGUAGE sql
    AS $$ SELECT name::text FROM cp_dist_version WHERE id = $1 $$;
  CREATE OR REPLACE FUNCTION pg_temp.upstream(text) RETURNS text LANGUAGE sql
    AS $$ SELECT uuid::text FROM cp_upstream_consumer WHERE id = $1 $$;
  CREATE OR REPLACE FUNCTION pg_temp.snapshot(text) RETURNS text LANGUAGE sql
    AS $$ SELECT uuid::text FROM cp_import_upstream_consumer WHERE id = $1 $$";

/// Rows that nobody refers to any more, and rows that refer to nobody, by what they are.
const ORPHANS: [(&str, &str); 12] = [
    (
        "certificates without a subscription",
        "SELECT count(*) FROM cp_certificate c
         WHERE NOT EXISTS (SELECT FROM cp_subscription s WHERE s.certificate_id = c.id)",
    ),
    (
        "serials without a certificate",
        "SELECT count(*) FROM cp_cert_serial n
         WHERE NOT EXISTS (SELECT FROM cp_certificate c WHERE c.serial_id = n.id)
           AND NOT EXISTS (SELECT FROM cp_id_cert c WHERE c.serial_id = n.id)
           AND NOT EXISTS (SELECT FROM cp_ent_certificate c WHERE c.serial_id = n.id)",
    ),
    (
        "identity certificates without a consumer",
        "SELECT count(*) FROM cp_id_cert c
         WHERE NOT EXISTS (SELECT FROM cp_upstream_consumer u WHERE u.consumer_idcert_id = c.id)
           AND NOT EXISTS (SELECT FROM cp_consumer u WHERE u.consumer_idcert_id = c.id)",
    ),
    (
        "key pairs without a consumer",
        "SELECT count(*) FROM cp_key_pair k WHERE NOT EXISTS (SELECT FROM cp_consumer u WHERE u.keypair_id = k.id)",
    ),
    (
        "pools that do not say what is taken from them",
        "SELECT count(*) FROM cp_pool p
         WHERE p.quantity_consumed <> (SELECT coalesce(sum(e.quantity), 0) FROM cp_entitlement e WHERE e.pool_id = p.id)",
    ),
    (
        "upstream consumers without an owner that is linked to them",
        "SELECT count(*) FROM cp_upstream_consumer u
         WHERE NOT EXISTS (SELECT FROM cp_owner o WHERE o.id = u.owner_id AND o.upstream_id = u.id)",
    ),
    (
        "contents without a product",
        "SELECT count(*) FROM cp_contents c
         WHERE NOT EXISTS (SELECT FROM cp_product_contents l JOIN cp_products p ON p.uuid = l.product_uuid
                           WHERE l.content_uuid = c.uuid AND p.owner_id = c.owner_id)",
    ),
    (
        "links to contents that are not there",
        "SELECT count(*) FROM cp_product_contents l
         WHERE NOT EXISTS (SELECT FROM cp_contents c WHERE c.uuid = l.content_uuid)",
    ),
    (
        "parts of products that are not there",
        "SELECT count(*) FROM (
           SELECT product_uuid FROM cp_product_attributes UNION ALL SELECT product_uuid FROM cp_product_contents
           UNION ALL SELECT product_uuid FROM cp_product_dependent_products
           UNION ALL SELECT product_uuid FROM cp_product_reliance
           UNION ALL SELECT product_uuid FROM cp_product_provided_products
           UNION ALL SELECT provided_product_uuid FROM cp_product_provided_products
           UNION ALL SELECT product_uuid FROM cp_product_certificates
           UNION ALL SELECT derived_product_uuid FROM cp_products WHERE derived_product_uuid IS NOT NULL
         ) parts WHERE NOT EXISTS (SELECT FROM cp_products p WHERE p.uuid = parts.product_uuid)",
    ),
    (
        "subscriptions of products that are not there",
        "SELECT count(*) FROM cp_subscription s
         WHERE NOT EXISTS (SELECT FROM cp_products p WHERE p.owner_id = s.owner_id AND p.product_id = s.product_id)",
    ),
    ("pools without a subscription", "SELECT count(*) FROM cp_pool WHERE managed AND subscriptionid IS NULL"),
    (
        "snapshots without an entry of the history",
        "SELECT count(*) FROM cp_import_upstream_consumer u
         WHERE NOT EXISTS (SELECT FROM cp_import_record r WHERE r.upstream_id = u.id)",
    ),
];

/// What a column is compared by; `None`: it is different each time.
fn compared(table: &str, column: &str) -> Option<String> {
    let reference = |function: &str| {
        Some(format!("CASE WHEN {column} IS NOT NULL THEN coalesce(pg_temp.{function}({column}), 'nobody') END"))
    };
    match (table, column) {
        ("cp_upstream_consumer" | "cp_import_upstream_consumer", "uuid") => Some(column.into()),
        (_, "id" | "uuid" | "seq" | "created" | "updated" | "modified" | "last_refreshed" | "last_content_update") => {
            None
        }
        // Sealed with another nonce each time.
        (_, "privatekey") => Some("privatekey IS NOT NULL".into()),
        (_, "owner_id") => reference("owner_of"),
        (_, "product_uuid" | "derived_product_uuid" | "provided_product_uuid") => reference("product"),
        (_, "content_uuid") => reference("content"),
        (_, "subscription_id" | "subscriptionid") => reference("subscription"),
        (_, "pool_id") => reference("pool"),
        (_, "certificate_id") => reference("certificate"),
        (_, "consumer_idcert_id") => reference("id_cert"),
        (_, "serial_id") => reference("serial"),
        (_, "type_id") => reference("consumer_type"),
        (_, "cdn_id") => reference("cdn"),
        (_, "dist_version_id") => reference("dist_version"),
        ("cp_owner", "upstream_id") => reference("upstream"),
        ("cp_import_record", "upstream_id") => reference("snapshot"),
        _ => Some(column.into()),
    }
}

/// Every row of every table, ours and the events included. Ids, uuids, and our times left out or replaced by what they
/// stand for.
pub async fn complete(client: &Client) -> Vec<String> {
    client.batch_execute(REFERENCES).await.unwrap();
    let columns = "SELECT c.table_name::text, c.column_name::text FROM information_schema.columns c
                   JOIN information_schema.tables t USING (table_schema, table_name)
                   WHERE c.table_schema = 'candlepin' AND t.table_type = 'BASE TABLE'
                   ORDER BY c.table_name, c.ordinal_position";
    let mut tables: Vec<(String, String)> = Vec::new();
    for row in client.query(columns, &[]).await.unwrap() {
        let (table, column): (String, String) = (row.get(0), row.get(1));
        if tables.last().is_none_or(|(last, _)| *last != table) {
            tables.push((table.clone(), String::new()));
        }
        if let (Some((_, list)), Some(compared)) = (tables.last_mut(), compared(&table, &column)) {
            let separator = if list.is_empty() { "" } else { ", " };
            write!(list, "{separator}'{column}', {compared}").unwrap();
        }
    }
    let mut lines = Vec::new();
    for (table, columns) in tables {
        // The history has an order; other tables are sorted.
        let order = if table == "cp_import_record" { "seq" } else { "1" };
        let sql =
            format!("SELECT '{table} ' || jsonb_build_object({columns})::text AS line FROM {table} ORDER BY {order}");
        lines.extend(texts(client, &sql).await);
    }
    lines.extend(texts(client, OURS).await);
    lines.extend(texts(client, EVENTS).await);
    lines
}

const OURS: &str = "
  SELECT 'imports ' || (to_jsonb(i) - '{id,started_at,finished_at,attempts,seconds,import_record_id}'::text[])::text
  FROM imports i ORDER BY id";

/// In their order. Ids of subscriptions and pools are new each time.
const EVENTS: &str = "
  SELECT 'outbox ' || jsonb_build_array(key, type, target, target_name, principal_data, request_id,
                                        event_data - 'subscriptionId')::text
  FROM outbox WHERE family = 'event' ORDER BY id";

/// Rows that nobody refers to, a line each kind; nothing when there are none.
pub async fn orphans(client: &Client) -> String {
    let mut found = Vec::new();
    for (what, sql) in ORPHANS {
        let count: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
        if count > 0 {
            found.push(format!("{count} {what}"));
        }
    }
    found.join("\n")
}

async fn texts(client: &Client, sql: &str) -> Vec<String> {
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}
