-- An owner's upstream consumer with its identity, and what the caller was granted for the owner. One row where there is such
-- an owner; without an upstream consumer the columns of one are null. The private key leaves the database only for a caller
-- who may read it.
-- $1 owner's key  $2 caller  $3 permissions of which one is needed to read keys
SELECT o.account, o.id AS owner_id, g.granted,
       u.id, u.uuid, u.name, u.prefix_url_api, u.prefix_url_web, u.content_access_mode, u.created, u.updated,
       t.id AS type_id, t.label AS type_label, t.manifest AS type_manifest,
       c.id AS cert_id, c.cert, c.created AS cert_created, c.updated AS cert_updated,
       CASE WHEN g.granted && $3 THEN c.privatekey END AS privatekey, c.privatekey_key_id,
       s.id AS serial_id, s.x509_serial, s.expiration, s.revoked, s.created AS serial_created, s.updated AS serial_updated
FROM cp_owner o
CROSS JOIN LATERAL (
  SELECT ARRAY(SELECT permission FROM grants WHERE owner_id = o.id AND org = $2) AS granted OFFSET 0
) g
LEFT JOIN cp_upstream_consumer u ON u.id = o.upstream_id
LEFT JOIN cp_consumer_type t ON t.id = u.type_id
LEFT JOIN cp_id_cert c ON c.id = u.consumer_idcert_id
LEFT JOIN cp_cert_serial s ON s.id = c.serial_id
WHERE o.account = $1
