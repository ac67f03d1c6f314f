SELECT s.*, '' AS unlinked
  FROM staged_credential_types s
  WHERE s.refresh = $1
