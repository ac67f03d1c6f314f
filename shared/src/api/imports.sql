-- An owner's history, newest first, and what the caller was granted for the owner. At least one row where there is such an
-- owner; without a history the columns of an entry are null.
-- $1 owner's key  $2 caller  $3 number of entries
SELECT o.account, o.id AS owner_id,
       ARRAY(SELECT g.permission FROM grants g WHERE g.owner_id = o.id AND g.org = $2) AS granted,
       r.id, r.status, r.statusmessage, r.file_name, r.generated_by, r.generated_date, r.created, r.updated,
       u.id AS upstream_id, u.uuid, u.name, u.prefix_url_api, u.prefix_url_web, u.content_access_mode,
       u.created AS upstream_created, u.updated AS upstream_updated,
       t.id AS type_id, coalesce(t.label, u.type_label) AS type_label, t.manifest AS type_manifest
FROM cp_owner o
LEFT JOIN LATERAL (SELECT * FROM cp_import_record WHERE owner_id = o.id ORDER BY seq DESC LIMIT $3) r ON true
LEFT JOIN cp_import_upstream_consumer u ON u.id = r.upstream_id
LEFT JOIN cp_consumer_type t ON t.id = u.type_id
WHERE o.account = $1
ORDER BY r.seq DESC
