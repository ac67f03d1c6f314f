-- An owner's upstream consumer with its identity, and what the caller was granted for the owner. One row where there is such
-- an owner; without an upstream consumer the columns of one are null.
-- $1 owner's key  $2 caller
SELECT o.account, o.id AS owner_id,
       ARRAY(SELECT g.permission FROM grants g WHERE g.owner_id = o.id AND g.org = $2) AS granted,
       u.id, u.uuid, u.name, u.prefix_url_api, u.prefix_url_web, u.content_access_mode, u.created, u.updated,
       t.id AS type_id, t.label AS type_label, t.manifest AS type_manifest,
       c.id AS cert_id, c.cert, c.privatekey, c.privatekey_key_id, c.created AS cert_created, c.updated AS cert_updated,
       s.id AS serial_id, s.x509_serial, s.expiration, s.revoked, s.created AS serial_created, s.updated AS serial_updated
FROM cp_owner o
LEFT JOIN cp_upstream_consumer u ON u.id = o.upstream_id
LEFT JOIN cp_consumer_type t ON t.id = u.type_id
LEFT JOIN cp_id_cert c ON c.id = u.consumer_idcert_id
LEFT JOIN cp_cert_serial s ON s.id = c.serial_id
WHERE o.account = $1
