-- The oldest rows that wait, in order, until there are enough of them or of what they hold.
-- What is stored compressed counts with what it expands to.
-- $1 rows  $2 bytes  $3 keys and $4 families that are held back
WITH oldest AS MATERIALIZED (
  SELECT *, CASE WHEN pg_column_compression(event_data) IS NULL THEN pg_column_size(event_data)
                 ELSE octet_length(event_data::text) END AS size
  FROM outbox
  WHERE published_at IS NULL AND parked_at IS NULL AND key <> ALL ($3) AND family <> ALL ($4)
  ORDER BY id
  LIMIT $1
),
counted AS (
  SELECT *, sum(size) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) - size AS before
  FROM oldest
)
SELECT id, event_id, family, key, request_id, traceparent, type, target, target_name, entity_id, principal_data,
       event_data, created_at
FROM counted
WHERE before < $2
ORDER BY id
