-- Each owner with its upstream consumer, the consumers registered for it, and its newest import.
SELECT o.account, o.displayname, o.id,
       u.uuid AS upstream_uuid, u.name AS upstream_name,
       coalesce(r.uuids, '{}') AS registered,
       i.status, to_char(i.created, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS imported
FROM cp_owner o
LEFT JOIN cp_upstream_consumer u ON u.id = o.upstream_id
LEFT JOIN (
  SELECT owner_id, array_agg(uuid::text ORDER BY uuid COLLATE "C") AS uuids FROM upstream_registrations GROUP BY owner_id
) r ON r.owner_id = o.id
LEFT JOIN (
  -- By their sequence: times of creation are those of several machines.
  SELECT DISTINCT ON (owner_id) owner_id, status, created FROM cp_import_record ORDER BY owner_id, seq DESC
) i ON i.owner_id = o.id
-- By code points, so that the order does not depend on the database's language.
ORDER BY o.account COLLATE "C"
