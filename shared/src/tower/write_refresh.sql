-- A record that is delivered again after a failure keeps its row; one that was applied keeps what was written then.
INSERT INTO refreshes AS r
  (tenant_id, source_id, request_id, topic, kafka_partition, kafka_offset, record_time, requested_at, started_at, finished_at,
   outcome, mode, archive_sha256, archive_bytes, expanded_bytes, entries, ignored_entries, bad_objects,
   ignored_objects, stats, warnings, warning_count, seconds, error_kind, error)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)
ON CONFLICT (topic, kafka_partition, kafka_offset, record_time) DO UPDATE SET
  tenant_id = excluded.tenant_id, source_id = excluded.source_id, request_id = excluded.request_id,
  requested_at = excluded.requested_at,
  started_at = excluded.started_at, finished_at = excluded.finished_at, outcome = excluded.outcome,
  mode = excluded.mode, archive_sha256 = excluded.archive_sha256, archive_bytes = excluded.archive_bytes,
  expanded_bytes = excluded.expanded_bytes, entries = excluded.entries, ignored_entries = excluded.ignored_entries,
  bad_objects = excluded.bad_objects, ignored_objects = excluded.ignored_objects, stats = excluded.stats,
  warnings = excluded.warnings, warning_count = excluded.warning_count, seconds = excluded.seconds,
  error_kind = excluded.error_kind, error = excluded.error, attempts = r.attempts + 1
WHERE r.outcome = 'failed'
