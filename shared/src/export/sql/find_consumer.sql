-- A consumer, with what has been granted for its owner.
-- $1 its uuid  $2 organisation or IAM principal
SELECT c.id, c.uuid, c.name, o.id AS owner_id, o.account, t.label, t.manifest,
       ARRAY(SELECT g.permission FROM grants g WHERE g.owner_id = o.id AND g.org = $2) AS granted
FROM cp_consumer c
JOIN cp_owner o ON o.id = c.owner_id
JOIN cp_consumer_type t ON t.id = c.type_id
WHERE c.uuid = $1
