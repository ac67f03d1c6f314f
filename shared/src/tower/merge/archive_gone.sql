-- Archives what is live and not among {present}: the staged rows of a full archive, the id files of an incremental one.
-- $1 refresh  $2 source  $3 now
UPDATE {table} t
SET archived_at = $3, updated_at = $3, last_seen_at = $3
WHERE t.source_id = $2
  AND t.archived_at IS NULL
  {of_these_types}
  AND NOT EXISTS (SELECT FROM {present} s WHERE s.refresh = $1 {of_these_collections} AND s.source_ref = t.source_ref)
