-- Products that what was made here needs: those of pools, those of its own products, and what all of these bring along.
-- $1 owner  $2 products that would go
WITH RECURSIVE used (uuid) AS (
  SELECT start.uuid FROM (
    SELECT product_uuid AS uuid FROM cp_pool WHERE product_uuid = ANY($2)
    UNION ALL
    SELECT uuid FROM cp_products WHERE owner_id = $1 AND NOT managed
  ) start
  UNION
  SELECT brought.uuid
  FROM used u
  CROSS JOIN LATERAL (
    SELECT provided_product_uuid AS uuid FROM cp_product_provided_products WHERE product_uuid = u.uuid
    UNION ALL
    SELECT derived_product_uuid FROM cp_products WHERE uuid = u.uuid AND derived_product_uuid IS NOT NULL
  ) brought
)
SELECT uuid FROM used WHERE uuid = ANY($2)
