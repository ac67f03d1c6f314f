SELECT s.*, '' AS unlinked
  FROM staged_inventories s
  WHERE s.refresh = $1
