//! What imports leave in the database, as text that a test compares.

use crate::World;

/// Random ids, in a text.
const IDS: &str = "'\\m[0-9a-f]{32}\\M'";

impl World {
    /// Rows of a query, a line each: `column=value | ..`, NULLs left out.
    pub async fn columns(&self, sql: &str) -> String {
        let sql = format!(
            "SELECT coalesce((SELECT string_agg(key || '=' || value, ' | ' ORDER BY n)
                              FROM json_each_text(row_to_json(t)) WITH ORDINALITY c (key, value, n)
                              WHERE value IS NOT NULL), '')
             FROM ({sql}) t"
        );
        self.list(&sql).await
    }

    /// The texts that a query finds, a line each.
    pub async fn list(&self, sql: &str) -> String {
        self.lines(sql, "SELECT '' WHERE false").await
    }

    /// All that imports have made of all owners, every column but times and ids of ours.
    pub async fn imported_rows(&self) -> String {
        let mut lines = Vec::new();
        for (name, sql) in [
            ("consumer", UPSTREAM),
            ("product", PRODUCTS),
            ("content", CONTENTS),
            ("subscription", SUBSCRIPTIONS),
            ("certificate", CERTIFICATES),
            ("pool", POOLS),
            ("rules", "SELECT version, rulessource AS source, md5(rules_blob) AS text FROM cp_rules"),
        ] {
            lines.extend(self.columns(sql).await.lines().map(|line| format!("{name}: {line}")));
        }
        lines.join("\n")
    }

    /// Events in order: target, type, name, id, keys of the data, names of what changed.
    pub async fn events_in_full(&self) -> String {
        let sql = format!(
            "SELECT concat_ws(' | ', target || ' ' || type, target_name, regexp_replace(entity_id, {IDS}, 'id'),
               (SELECT string_agg(k, ',' ORDER BY k) FROM jsonb_object_keys(event_data) k),
               'changed ' || (event_data ->> 'changed'))
             FROM outbox WHERE family = 'event' ORDER BY id"
        );
        self.list(&sql).await
    }

    /// Numbers of rows, of tables that have any: `table n`.
    pub async fn row_counts(&self) -> Vec<String> {
        let mut counts = Vec::new();
        for table in self.tables().await {
            let count: i64 = self.value(&format!("SELECT count(*) FROM {} t", events_only(&table))).await;
            if count > 0 {
                counts.push(format!("{table} {count}"));
            }
        }
        counts
    }

    /// The version of each row of each Candlepin table but these: equal for two moments between which nothing was written.
    pub async fn row_versions(&self, except: &[&str]) -> Vec<String> {
        let mut versions = Vec::new();
        for table in self.tables().await {
            let name = table.trim_start_matches("candlepin.");
            if name.starts_with("cp_") && !except.contains(&name) {
                let rows =
                    self.list(&format!("SELECT ctid::text || ' ' || xmin::text FROM {table} ORDER BY ctid")).await;
                versions.extend(rows.lines().map(|row| format!("{name} {row}")));
            }
        }
        versions
    }

    /// The columns of any table in which a text stands, as text or bytes.
    pub async fn where_is(&self, text: &str) -> Vec<String> {
        let sql = "SELECT table_schema || '.' || table_name, column_name::text, data_type::text
                   FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
                   WHERE table_schema IN ('candlepin', 'longshore', 'public') AND table_type = 'BASE TABLE'
                   ORDER BY 1, 2";
        let columns = self.client().query(sql, &[]).await.unwrap();
        let search = |row: &tokio_postgres::Row| {
            let (table, column, kind): (String, String, String) = (row.get(0), row.get(1), row.get(2));
            let found = match kind.as_str() {
                "bytea" => format!("position(convert_to($1, 'UTF8') IN {column}) > 0"),
                _ => format!("position($1 IN {column}::text) > 0"),
            };
            format!("SELECT '{table}.{column}' WHERE EXISTS (SELECT FROM {table} WHERE {found})")
        };
        let searches: Vec<String> = columns.iter().map(search).collect();
        let found = self.client().query(&searches.join(" UNION ALL "), &[&text]).await.unwrap();
        found.iter().map(|row| row.get(0)).collect()
    }

    async fn tables(&self) -> Vec<String> {
        let sql = "SELECT table_schema || '.' || table_name FROM information_schema.tables
                   WHERE table_schema IN ('candlepin', 'longshore') AND table_type = 'BASE TABLE'
                     AND table_name NOT LIKE '%history' ORDER BY 1";
        self.list(sql).await.lines().map(str::to_owned).collect()
    }
}

/// A table without what the platform was told: the same work, done again, tells of itself again.
pub(crate) fn events_only(table: &str) -> &str {
    if table == "longshore.outbox" { "(SELECT * FROM longshore.outbox WHERE family = 'event')" } else { table }
}

const UPSTREAM: &str = "
  SELECT o.account AS owner, u.uuid, u.name, t.label AS type, u.prefix_url_web AS web, u.prefix_url_api AS api,
         u.content_access_mode AS mode, s.x509_serial AS serial, s.expiration AS expires, i.privatekey_key_id AS sealed
  FROM cp_upstream_consumer u JOIN cp_owner o ON o.upstream_id = u.id AND o.id = u.owner_id
  JOIN cp_consumer_type t ON t.id = u.type_id LEFT JOIN cp_id_cert i ON i.id = u.consumer_idcert_id
  LEFT JOIN cp_cert_serial s ON s.id = i.serial_id ORDER BY o.account";

const PRODUCTS: &str = "
  SELECT p.product_id AS id, p.name, p.managed, p.multiplier,
         (SELECT string_agg(a.name || ':' || coalesce(a.value, ''), ',' ORDER BY a.name)
          FROM cp_product_attributes a WHERE a.product_uuid = p.uuid) AS attributes,
         (SELECT string_agg(c.content_id || CASE WHEN l.enabled THEN '' ELSE ' off' END, ',' ORDER BY c.content_id)
          FROM cp_product_contents l JOIN cp_contents c ON c.uuid = l.content_uuid
          WHERE l.product_uuid = p.uuid) AS contents,
         (SELECT string_agg(d.product_id, ',' ORDER BY d.product_id)
          FROM cp_product_dependent_products d WHERE d.product_uuid = p.uuid) AS dependent,
         (SELECT string_agg(r.product_id, ',' ORDER BY r.product_id)
          FROM cp_product_reliance r WHERE r.product_uuid = p.uuid) AS relies_on,
         (SELECT string_agg(q.product_id, ',' ORDER BY q.product_id)
          FROM cp_product_provided_products l JOIN cp_products q ON q.uuid = l.provided_product_uuid
          WHERE l.product_uuid = p.uuid) AS provided,
         (SELECT d.product_id FROM cp_products d WHERE d.uuid = p.derived_product_uuid) AS derived,
         (SELECT x509_serial || ' until ' || expiration
          FROM cp_product_certificates c WHERE c.product_uuid = p.uuid) AS certificate
  FROM cp_products p JOIN cp_owner o ON o.id = p.owner_id ORDER BY o.account, p.product_id, p.managed";

const CONTENTS: &str = "
  SELECT content_id AS id, label, c.name, type, vendor, contenturl AS url, gpgurl AS gpg, requiredtags AS tags,
         releasever AS release, arches, metadataexpire AS expire, modified_product_ids AS modifies
  FROM cp_contents c JOIN cp_owner o ON o.id = c.owner_id ORDER BY o.account, content_id";

const SUBSCRIPTIONS: &str = "
  SELECT s.product_id AS product, s.quantity, s.startdate AS from, s.enddate AS to, s.contractnumber AS contract,
         s.accountnumber AS account, s.ordernumber AS order, s.upstream_pool_id AS pool,
         s.upstream_entitlement_id AS entitlement, s.upstream_consumer_id AS consumer, s.derivedproduct_id AS derived,
         (SELECT string_agg(l.product_id, ',' ORDER BY l.product_id)
          FROM cp_subscription_products l WHERE l.subscription_id = s.id) AS provided,
         (SELECT string_agg(l.product_id, ',' ORDER BY l.product_id)
          FROM cp_sub_derivedprods l WHERE l.subscription_id = s.id) AS derived_provided,
         (SELECT string_agg(concat_ws(' ', b.product_id, b.type, b.name), ',' ORDER BY b.product_id)
          FROM cp_subscription_branding b WHERE b.subscription_id = s.id) AS branding,
         c.subject_cn AS certificate, n.label AS cdn
  FROM cp_subscription s JOIN cp_owner o ON o.id = s.owner_id LEFT JOIN cp_certificate c ON c.id = s.certificate_id
  LEFT JOIN cp_cdn n ON n.id = s.cdn_id ORDER BY o.account, s.upstream_entitlement_id, s.quantity";

const CERTIFICATES: &str = "
  SELECT c.subject_cn AS cn, s.x509_serial AS serial, s.expiration AS expires, c.privatekey_key_id AS sealed
  FROM cp_certificate c JOIN cp_cert_serial s ON s.id = c.serial_id ORDER BY c.subject_cn, s.x509_serial";

const POOLS: &str = "
  SELECT g.product_id AS product, p.type, p.managed, p.activesubscription AS active, p.quantity,
         p.quantity_consumed AS consumed, p.quantity_exported AS exported, p.startdate AS from, p.enddate AS to,
         p.subscriptionsubkey AS key, p.contractnumber AS contract, p.accountnumber AS account, p.ordernumber AS order,
         p.upstream_pool_id AS pool, p.upstream_entitlement_id AS entitlement, p.upstream_consumer_id AS consumer,
         n.label AS cdn, c.subject_cn AS certificate,
         (SELECT string_agg(a.name || ':' || a.value, ',' ORDER BY a.name)
          FROM cp_pool_attribute a WHERE a.pool_id = p.id) AS attributes
  FROM cp_pool p JOIN cp_products g ON g.uuid = p.product_uuid JOIN cp_owner o ON o.id = p.owner_id
  LEFT JOIN cp_cdn n ON n.id = p.cdn_id LEFT JOIN cp_certificate c ON c.id = p.certificate_id
  ORDER BY o.account, g.product_id, p.quantity, p.subscriptionsubkey";
