-- An owner's imported products, each with the few facts that subscriptions and pools need.
-- $1 owner
SELECT p.product_id, p.uuid, p.name, p.digest, p.source, p.created,
       d.product_id AS derived,
       l.value AS virt_limit,
       o.value AS virt_only,
       coalesce(g.provided, '{}') AS provided
FROM cp_products p
LEFT JOIN cp_products d ON d.uuid = p.derived_product_uuid
LEFT JOIN cp_product_attributes l ON l.product_uuid = p.uuid AND l.name = 'virt_limit'
LEFT JOIN cp_product_attributes o ON o.product_uuid = p.uuid AND o.name = 'virt_only'
LEFT JOIN (
  SELECT k.product_uuid, array_agg(q.product_id::text) AS provided
  FROM cp_product_provided_products k
  JOIN cp_products q ON q.uuid = k.provided_product_uuid
  WHERE q.owner_id = $1
  GROUP BY k.product_uuid
) g ON g.product_uuid = p.uuid
WHERE p.owner_id = $1 AND p.managed
