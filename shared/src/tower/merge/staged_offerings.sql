SELECT s.*, i.id AS service_inventory_id,
         CASE WHEN s.inventory_ref IS NOT NULL AND i.id IS NULL THEN 'inventory ' || s.inventory_ref ELSE '' END AS unlinked
  FROM staged_offerings s
  LEFT JOIN service_inventories i
    ON i.source_id = $2 AND i.source_ref = s.inventory_ref AND i.archived_at IS NULL
  WHERE s.refresh = $1
