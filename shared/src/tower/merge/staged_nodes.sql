-- One row a template: its table has no unique key.
  WITH offering AS (
    SELECT source_ref, min(id) AS id
    FROM service_offerings
    WHERE source_id = $2 AND archived_at IS NULL
    GROUP BY source_ref
  )
  SELECT s.*, o.id AS service_offering_id, r.id AS root_service_offering_id, i.id AS service_inventory_id,
         concat_ws(', ',
           CASE WHEN o.id IS NULL THEN 'template ' || s.offering_ref END,
           CASE WHEN r.id IS NULL THEN 'workflow ' || s.root_ref END,
           CASE WHEN s.inventory_ref IS NOT NULL AND i.id IS NULL THEN 'inventory ' || s.inventory_ref END
         ) AS unlinked
  FROM staged_nodes s
  LEFT JOIN offering o ON o.source_ref = s.offering_ref
  LEFT JOIN offering r ON r.source_ref = s.root_ref
  LEFT JOIN service_inventories i
    ON i.source_id = $2 AND i.source_ref = s.inventory_ref AND i.archived_at IS NULL
  WHERE s.refresh = $1
