-- Links owners to their upstream consumers, and says for each owner whom it named, and whether it is linked.
--
-- Whom an owner imports from is what Candlepin itself went by: the row that it is linked to, else `upstream_uuid`. Only where
-- both say nothing the newest import that succeeded and was not undone counts. The history tells name, type and web prefix.
WITH imported AS (
  SELECT i.owner_id, i.seq, i.id, s.uuid, nullif(s.name, 'unknown') AS name, s.type_label, s.prefix_url_web,
         s.prefix_url_api, s.content_access_mode, i.created, i.updated,
         row_number() OVER (PARTITION BY i.owner_id ORDER BY i.seq DESC) AS age,
         row_number() OVER (PARTITION BY i.owner_id, s.uuid ORDER BY i.seq DESC) AS age_of_uuid
  FROM cp_import_record i
  JOIN cp_import_upstream_consumer s ON s.id = i.upstream_id
  WHERE i.status IN (0, 3) AND s.uuid <> 'unknown'
), owner AS (
  SELECT here.id, here.account, o.r ->> 'upstream_id' AS upstream_id,
         nullif(btrim(o.r ->> 'upstream_uuid'), '') AS upstream_uuid,
         -- Since October 2012 `upstream_uuid` is not written any more, so an undo leaves it as it was.
         undone AND o.r ? 'upstream_id' AS is_stale, undone
  FROM {cp_owner} o
  JOIN cp_owner here ON here.account = o.r ->> 'account'
  CROSS JOIN LATERAL (
    SELECT coalesce(bool_or(status = 2), false) AS undone FROM (
      SELECT status FROM cp_import_record WHERE owner_id = here.id AND status <> 1 ORDER BY seq DESC LIMIT 1
    ) newest
  ) u
  WHERE here.upstream_id IS NULL
), candidate AS (
  SELECT 1 AS rank, o.id AS owner_id, u.id, u.uuid, u.name, t.r ->> 'label' AS type_label, u.prefix_url_web,
         u.prefix_url_api, u.content_access_mode, u.created, u.updated
  FROM owner o
  JOIN {cp_upstream_consumer} r ON r.r ->> 'id' = o.upstream_id
  CROSS JOIN jsonb_to_record(r.r) AS u (
    id text, uuid text, name text, type_id text, prefix_url_web text, prefix_url_api text, content_access_mode text,
    created timestamp, updated timestamp
  )
  LEFT JOIN {cp_consumer_type} t ON t.r ->> 'id' = u.type_id
  UNION ALL
  SELECT 2, o.id, i.id, o.upstream_uuid, i.name, i.type_label, i.prefix_url_web, i.prefix_url_api,
         i.content_access_mode, i.created, i.updated
  FROM owner o
  LEFT JOIN imported i ON i.owner_id = o.id AND i.uuid = o.upstream_uuid AND i.age_of_uuid = 1
  WHERE o.upstream_uuid IS NOT NULL AND NOT o.is_stale
  UNION ALL
  SELECT 3, o.id, i.id, i.uuid, i.name, i.type_label, i.prefix_url_web, i.prefix_url_api, i.content_access_mode,
         i.created, i.updated
  FROM owner o
  JOIN imported i ON i.owner_id = o.id AND i.age = 1
  WHERE NOT o.undone
), found AS (
  SELECT DISTINCT ON (owner_id) * FROM candidate ORDER BY owner_id, rank
), ranked AS (
  -- A consumer belongs to one owner: the one whose link is the surest, then the newest.
  SELECT f.*, row_number() OVER (PARTITION BY f.uuid ORDER BY f.rank, f.created DESC NULLS LAST, f.owner_id) = 1
              AND NOT EXISTS (SELECT FROM cp_upstream_consumer u WHERE u.uuid = f.uuid) AS wins
  FROM found f
), stored AS (
  INSERT INTO cp_upstream_consumer
    (id, uuid, name, owner_id, type_id, prefix_url_web, prefix_url_api, content_access_mode, created, updated)
  SELECT coalesce(r.id, replace(gen_random_uuid()::text, '-', '')), r.uuid, coalesce(r.name, r.uuid), r.owner_id,
         coalesce(t.id, usual.id), r.prefix_url_web, r.prefix_url_api, r.content_access_mode, r.created, r.updated
  FROM ranked r
  LEFT JOIN cp_consumer_type t ON t.label = r.type_label
  JOIN cp_consumer_type usual ON usual.label = 'candlepin'
  WHERE r.wins
  RETURNING id, owner_id
), linked AS (
  UPDATE cp_owner o SET upstream_id = s.id FROM stored s WHERE s.owner_id = o.id
)
SELECT o.account, r.uuid, r.wins, CASE WHEN r.rank < 3 AND i.uuid <> r.uuid THEN i.uuid END AS imported
FROM ranked r
JOIN owner o ON o.id = r.owner_id
LEFT JOIN imported i ON i.owner_id = r.owner_id AND i.age = 1
ORDER BY o.account
