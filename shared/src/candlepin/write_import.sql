-- Rows are kept for 90 days: longer than Kafka keeps records, so that one that is delivered again is always known. Each row
-- that is written takes the oldest ones with it that are over, whosever they are; what another one is about to take is left
-- to it.
WITH oldest AS (SELECT id FROM imports ORDER BY id LIMIT 100),
over AS (
  SELECT o.id FROM imports o JOIN oldest USING (id)
  WHERE o.finished_at < $8::timestamp - interval '90 days'
    AND ((o.topic, o.kafka_partition, o.kafka_offset, o.record_time) = ($1, $2, $3, $4)) IS NOT TRUE
  FOR UPDATE OF o SKIP LOCKED
),
gone AS (DELETE FROM imports g USING over WHERE g.id = over.id)
-- A record that is delivered again after a failure keeps its row; one that was imported keeps what was written then.
INSERT INTO imports AS i
  (topic, kafka_partition, kafka_offset, record_time, owner_id, request_id, started_at, finished_at, outcome,
   import_record_id, upstream_uuid, manifest_created, signed_by, archive_sha256, archive_bytes, expanded_bytes, entries,
   stats, warnings, warning_count, conflicts, seconds, error_kind, error)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)
ON CONFLICT (topic, kafka_partition, kafka_offset, record_time) DO UPDATE SET
  owner_id = excluded.owner_id, request_id = excluded.request_id, started_at = excluded.started_at,
  finished_at = excluded.finished_at, outcome = excluded.outcome, import_record_id = excluded.import_record_id,
  upstream_uuid = excluded.upstream_uuid, manifest_created = excluded.manifest_created, signed_by = excluded.signed_by,
  archive_sha256 = excluded.archive_sha256, archive_bytes = excluded.archive_bytes,
  expanded_bytes = excluded.expanded_bytes, entries = excluded.entries, stats = excluded.stats,
  warnings = excluded.warnings, warning_count = excluded.warning_count, conflicts = excluded.conflicts,
  seconds = excluded.seconds, error_kind = excluded.error_kind, error = excluded.error, attempts = i.attempts + 1
WHERE i.outcome = 'failed'
