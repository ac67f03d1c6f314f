-- Deletes contents that no product of their owner has any more.
-- $1 contents that a product has lost  $2 owner
DELETE FROM cp_contents c
WHERE c.uuid = ANY($1) AND c.managed
  AND NOT EXISTS (
    SELECT FROM cp_product_contents l JOIN cp_products p ON p.uuid = l.product_uuid
    WHERE p.owner_id = $2 AND l.content_uuid = c.uuid
  )
