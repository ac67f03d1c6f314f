-- A distributor, with what a manifest says of it, its identity certificate, and the key of all its certificates.
-- $1 its uuid
SELECT c.id, c.uuid, c.name, t.label AS type_label, t.manifest, o.id AS owner_id, o.account,
       i.id AS certificate_id, i.cert, i.privatekey, i.privatekey_key_id,
       json_time(i.created) AS certificate_created, json_time(i.updated) AS certificate_updated,
       n.x509_serial, n.revoked, n.collected, json_time(n.expiration) AS expiration,
       json_time(n.created) AS serial_created, json_time(n.updated) AS serial_updated,
       k.id AS key_id, k.privatekey AS key_sealed, k.privatekey_key_id AS key_sealed_by,
       json_time(c.created) AS created, json_time(c.updated) AS updated, c.content_access_mode,
       json_build_object('id', t.id, 'label', t.label, 'manifest', t.manifest) AS type,
       -- Not whom the owner imports from: that has a private key.
       json_build_object(
         'id', o.id, 'key', o.account, 'displayName', o.displayname, 'contentPrefix', o.contentprefix,
         'defaultServiceLevel', o.defaultservicelevel, 'parentOwner', NULL, 'created', json_time(o.created),
         'updated', json_time(o.updated)
       ) AS owner
FROM cp_consumer c
JOIN cp_consumer_type t ON t.id = c.type_id
JOIN cp_owner o ON o.id = c.owner_id
JOIN cp_id_cert i ON i.id = c.consumer_idcert_id
JOIN cp_cert_serial n ON n.id = i.serial_id
JOIN cp_key_pair k ON k.id = c.keypair_id
WHERE c.uuid = $1
