-- The oldest rows that wait, in order, until there are enough of them or of what they hold.
-- $1 rows  $2 bytes  $3 keys that are held back
WITH oldest AS MATERIALIZED (
  SELECT *, pg_column_size(event_data) AS size
  FROM outbox
  WHERE published_at IS NULL AND parked_at IS NULL AND key <> ALL ($3)
  ORDER BY id
  LIMIT $1
),
counted AS (
  SELECT *, sum(size) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) - size AS before
  FROM oldest
)
SELECT id, event_id, family, key, request_id, type, target, target_name, entity_id, principal_data, event_data, created_at
FROM counted
WHERE before < $2
ORDER BY id
