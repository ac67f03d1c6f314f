-- A consumer, whose owner the caller may export for.
-- $1 its uuid  $2 organisation or IAM principal  $3 what must have been granted, any one of these
SELECT c.id, c.uuid, c.name, o.id AS owner_id, o.account, t.label, t.manifest
FROM cp_consumer c
JOIN cp_owner o ON o.id = c.owner_id
JOIN cp_consumer_type t ON t.id = c.type_id
WHERE c.uuid = $1
  AND EXISTS (SELECT FROM grants g WHERE g.org = $2 AND g.owner_id = o.id AND g.permission = ANY($3))
