-- The owner that the first lookup with a result finds, and whether the organisation may act for it.
-- $1 consumer uuid or NULL  $2 named key or NULL  $3 organisation  $4 permissions, any of which does
WITH found (lookup, owner_id) AS (
  SELECT 1, owner_id FROM upstream_registrations WHERE uuid = $1
  UNION ALL
  SELECT 2, id FROM cp_owner WHERE account = $2
  UNION ALL
  -- Where an owner is named, nothing is guessed: one that is unknown is never taken for another.
  SELECT 3, o.id FROM cp_upstream_consumer u JOIN cp_owner o ON o.upstream_id = u.id WHERE u.uuid = $1 AND $2 IS NULL
  UNION ALL
  SELECT 4, id FROM cp_owner WHERE account = $3 AND $2 IS NULL
)
SELECT f.lookup, o.id, o.account, o.displayname,
       u.id AS upstream_id, u.uuid AS upstream_uuid, u.name AS upstream_name,
       o.account = $3
         OR EXISTS (SELECT FROM grants g WHERE g.org = $3 AND g.owner_id = o.id AND g.permission = ANY ($4)) AS allowed
FROM found f
JOIN cp_owner o ON o.id = f.owner_id
LEFT JOIN cp_upstream_consumer u ON u.id = o.upstream_id
ORDER BY f.lookup, o.account COLLATE "C"
LIMIT 1
