-- Rows are kept for 90 days: longer than Kafka keeps records, so that one that is delivered again is always known. Each row
-- that is written takes the oldest ones with it that are over, whosever they are; what another one is about to take is left
-- to it.
WITH oldest AS (SELECT id FROM exports ORDER BY id LIMIT 100),
over AS (
  SELECT o.id FROM exports o JOIN oldest USING (id)
  WHERE o.finished_at < $10::timestamp - interval '90 days'
    AND ((o.topic, o.kafka_partition, o.kafka_offset, o.record_time) = ($1, $2, $3, $4)) IS NOT TRUE
  FOR UPDATE OF o SKIP LOCKED
),
gone AS (DELETE FROM exports g USING over WHERE g.id = over.id)
-- A record that is delivered again after a failure keeps its row; one that was exported keeps what was written then.
INSERT INTO exports AS x
  (topic, kafka_partition, kafka_offset, record_time, owner_id, consumer_uuid, request_id, principal, started_at,
   finished_at, outcome, format, location, archive_bytes, archive_sha256, entitlements, error_kind, error)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
ON CONFLICT (topic, kafka_partition, kafka_offset, record_time) DO UPDATE SET
  owner_id = excluded.owner_id, consumer_uuid = excluded.consumer_uuid, request_id = excluded.request_id,
  principal = excluded.principal, started_at = excluded.started_at, finished_at = excluded.finished_at,
  outcome = excluded.outcome, format = excluded.format, location = excluded.location,
  archive_bytes = excluded.archive_bytes, archive_sha256 = excluded.archive_sha256,
  entitlements = excluded.entitlements, error_kind = excluded.error_kind, error = excluded.error,
  attempts = x.attempts + 1
WHERE x.outcome = 'failed'
