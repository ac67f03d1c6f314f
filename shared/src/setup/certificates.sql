-- Identity certificates of upstream consumers that are over, or will be soon, and whether that is told for the first time.
-- $1 now  $2 what ends before that ends soon
WITH ending AS (
  SELECT o.account AS owner, u.id, u.uuid, u.name, c.serial_id, s.expiration, s.expiration <= $1 AS over
  FROM cp_upstream_consumer u
  JOIN cp_owner o ON o.id = u.owner_id
  JOIN cp_id_cert c ON c.id = u.consumer_idcert_id
  JOIN cp_cert_serial s ON s.id = c.serial_id
  WHERE s.expiration < $2
),
told AS (
  INSERT INTO expiry_notices (serial_id, over, told_at)
  SELECT serial_id, over, $1 FROM ending
  ON CONFLICT DO NOTHING
  RETURNING serial_id, over
),
-- Certificates that were replaced meanwhile.
forgotten AS (
  DELETE FROM expiry_notices n WHERE NOT EXISTS (SELECT FROM cp_cert_serial s WHERE s.id = n.serial_id)
)
SELECT ending.*, told.serial_id IS NOT NULL AS is_new
FROM ending LEFT JOIN told USING (serial_id, over)
ORDER BY expiration, owner COLLATE "C"
