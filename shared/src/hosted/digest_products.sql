-- Digests what was made here of an owner's products, all that belongs to each included, and tells which are not what they
-- were. Their certificates go, so that others are issued.
-- $1 owner  $2 now
WITH contents AS (
  SELECT l.product_uuid,
         jsonb_agg(to_jsonb(c) - '{created,updated}'::text[] || jsonb_build_object('enabled', l.enabled)
                   ORDER BY c.content_id, c.uuid) AS said
  FROM cp_products p
  JOIN cp_product_contents l ON l.product_uuid = p.uuid
  JOIN cp_contents c ON c.uuid = l.content_uuid
  WHERE p.owner_id = $1 AND NOT p.managed
  GROUP BY l.product_uuid
),
said AS (
  SELECT p.uuid, sha256(convert_to(jsonb_build_array(
    p.name, p.multiplier,
    (SELECT jsonb_object_agg(a.name, a.value) FROM cp_product_attributes a WHERE a.product_uuid = p.uuid),
    (SELECT jsonb_agg(r.provided_product_uuid ORDER BY r.provided_product_uuid)
     FROM cp_product_provided_products r WHERE r.product_uuid = p.uuid),
    p.derived_product_uuid, c.said
  )::text, 'UTF8')) AS digest
  FROM cp_products p
  LEFT JOIN contents c ON c.product_uuid = p.uuid
  WHERE p.owner_id = $1 AND NOT p.managed
),
changed AS (
  UPDATE cp_products p SET digest = s.digest, updated = $2
  FROM said s WHERE s.uuid = p.uuid AND p.digest IS DISTINCT FROM s.digest
  RETURNING p.uuid, p.product_id, p.name
),
certificates AS (
  DELETE FROM cp_product_certificates WHERE product_uuid IN (SELECT uuid FROM changed)
)
SELECT product_id, name FROM changed ORDER BY product_id
