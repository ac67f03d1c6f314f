-- A consumer's entitlements without a certificate, and those whose certificate no longer says the truth.
-- $1 consumer  $2 the entitlement, or NULL for all  $3 who issues, and how
WITH held AS MATERIALIZED (
  SELECT e.id, e.pool_id, e.quantity, c.digest
  FROM cp_entitlement e
  LEFT JOIN cp_ent_certificate c ON c.entitlement_id = e.id
  WHERE e.consumer_id = $1 AND ($2::text IS NULL OR e.id = $2)
),
pools AS MATERIALIZED (
  -- Numbered, because ids are slow to sort by.
  SELECT row_number() OVER () AS number, p.* FROM cp_pool p WHERE p.id IN (SELECT pool_id FROM held)
),
-- A product's digest covers its attributes and its content sets. One that was made by hand has none: then its name counts.
products AS (
  SELECT p.number, sha256(string_agg(coalesce(g.digest, convert_to(g.name, 'UTF8')), '' ORDER BY g.uuid)) AS digest
  FROM pools p
  JOIN cp_pool_product_rows r ON r.pool_id = p.id AND r.dtype IN ('sold', 'provided')
  JOIN cp_products g ON g.uuid = r.product_uuid
  GROUP BY p.number
),
stated AS (
  SELECT h.id, h.digest AS before,
         sha256($3 || g.digest || convert_to(jsonb_build_array(
           o.account, u.uuid, h.quantity, p.quantity, p.startdate, p.enddate, p.contractnumber, p.accountnumber,
           p.ordernumber, p.subscriptionid, p.product_uuid, v.value
         )::text, 'UTF8')) AS digest
  FROM held h
  JOIN pools p ON p.id = h.pool_id
  JOIN products g ON g.number = p.number
  JOIN cp_consumer u ON u.id = $1
  JOIN cp_owner o ON o.id = u.owner_id
  LEFT JOIN cp_pool_attribute v ON v.pool_id = p.id AND v.name = 'virt_only'
)
SELECT id, digest FROM stated WHERE before IS DISTINCT FROM digest ORDER BY id
