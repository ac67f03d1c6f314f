-- Gives a product its content sets, and takes others away.
-- $1 contents  $2 owner  $3 product
WITH wanted AS MATERIALIZED (
  SELECT c.uuid, n.enabled
  FROM jsonb_to_recordset($1) AS n (id text, enabled boolean)
  JOIN cp_contents c ON c.owner_id = $2 AND c.content_id = n.id AND NOT c.managed
),
gone AS (
  DELETE FROM cp_product_contents WHERE product_uuid = $3 AND content_uuid NOT IN (SELECT uuid FROM wanted)
)
INSERT INTO cp_product_contents (product_uuid, content_uuid, enabled)
SELECT $3, uuid, enabled FROM wanted
ON CONFLICT (product_uuid, content_uuid) DO UPDATE SET enabled = excluded.enabled
