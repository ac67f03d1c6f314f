-- Makes the attributes of pools what they are to be.
-- $1 pools
WITH pools AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset($1) AS (id text, attributes jsonb)
),
gone AS (
  DELETE FROM cp_pool_attribute a USING pools p WHERE a.pool_id = p.id AND NOT p.attributes ? a.name
)
INSERT INTO cp_pool_attribute (pool_id, name, value)
SELECT p.id, a.key, a.value FROM pools p, jsonb_each_text(p.attributes) a
ON CONFLICT (pool_id, name) DO UPDATE SET value = excluded.value
