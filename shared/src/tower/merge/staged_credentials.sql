SELECT s.*, k.id AS service_credential_type_id,
         CASE WHEN k.id IS NULL THEN 'credential type ' || s.type_ref ELSE '' END AS unlinked
  FROM staged_credentials s
  LEFT JOIN service_credential_types k
    ON k.source_id = $2 AND k.source_ref = s.type_ref AND k.archived_at IS NULL
  WHERE s.refresh = $1
