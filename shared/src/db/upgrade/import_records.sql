-- The history, in its order. Whose manifest it was stood in the record itself: nowhere at first, since May 2012 by uuid and
-- name, since June 2012 with type and web prefix; since September 2013 it stands in a table of its own.
WITH record AS (
  SELECT i.*, here.id AS here_owner,
         coalesce(s.uuid, CASE WHEN s.id IS NULL THEN nullif(btrim(i.upstream_id), '') END) AS uuid,
         coalesce(s.name, nullif(btrim(i.upstream_name), '')) AS name,
         coalesce(t.r ->> 'label', nullif(btrim(i.upstream_type), '')) AS type_label,
         coalesce(s.prefix_url_web, i.webapp_prefix) AS prefix_url_web,
         s.prefix_url_api, s.content_access_mode
  FROM {cp_import_record} r
  CROSS JOIN jsonb_to_record(r.r) AS i (
    id text, owner_id text, status int, statusmessage text, generated_by text, generated_date timestamp, file_name text,
    upstream_id text, upstream_name text, upstream_type text, webapp_prefix text, created timestamp, updated timestamp
  )
  JOIN {cp_owner} o ON o.r ->> 'id' = i.owner_id
  JOIN cp_owner here ON here.account = o.r ->> 'account'
  LEFT JOIN (
    SELECT s.* FROM {cp_import_upstream_consumer} t, jsonb_to_record(t.r) AS s (
      id text, uuid text, name text, type_id text, prefix_url_web text, prefix_url_api text, content_access_mode text
    )
  ) s ON s.id = i.upstream_id
  LEFT JOIN {cp_consumer_type} t ON t.r ->> 'id' = s.type_id
), snapshot AS (
  INSERT INTO cp_import_upstream_consumer
    (id, uuid, name, owner_id, type_id, type_label, prefix_url_web, prefix_url_api, content_access_mode, created, updated)
  SELECT r.id, coalesce(r.uuid, 'unknown'), coalesce(r.name, 'unknown'), r.here_owner, t.id, r.type_label,
         r.prefix_url_web, r.prefix_url_api, r.content_access_mode, r.created, r.updated
  FROM record r
  LEFT JOIN cp_consumer_type t ON t.label = r.type_label
  WHERE r.uuid IS NOT NULL OR r.name IS NOT NULL
  RETURNING id
)
INSERT INTO cp_import_record
  (id, owner_id, status, statusmessage, generated_by, generated_date, file_name, upstream_id, created, updated)
SELECT r.id, r.here_owner, coalesce(r.status, 1), r.statusmessage, r.generated_by, r.generated_date, r.file_name, s.id,
       r.created, r.updated
FROM record r
LEFT JOIN snapshot s ON s.id = r.id
ORDER BY r.created NULLS FIRST, r.id
