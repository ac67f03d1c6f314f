-- Brings one table up to what was staged for it. {braces} are filled in per table by merge/mod.rs.
-- $1 refresh  $2 source  $3 tenant  $4 now  $5 whether the archive is older than the last one applied
WITH
-- What the archive says, under the table's own column names, links resolved. `unlinked` names targets that are not
-- there, `newer` (over t and s) says whether an older archive may still change the row.
staged AS (
  {staged}
),
-- What is there and differs. An older archive changes only what is live and older than its own object.
differing AS (
  SELECT t.id, t.archived_at IS NOT NULL AS returned, s.*
  FROM staged s
  JOIN {table} t ON t.source_id = $2 AND t.source_ref = s.source_ref
  WHERE (t.archived_at IS NOT NULL OR ({t.columns}) IS DISTINCT FROM ({s.columns}))
    AND (NOT $5 OR (t.archived_at IS NULL AND {newer}))
),
updated AS (
  UPDATE {table} t
  SET ({columns}) = ROW ({d.columns}), archived_at = NULL, updated_at = $4, last_seen_at = $4
  FROM differing d
  WHERE t.id = d.id
  RETURNING d.returned
),
added AS (
  INSERT INTO {table} (tenant_id, source_id, source_ref, created_at, updated_at, last_seen_at, {columns})
  SELECT $3, $2, s.source_ref, $4, $4, $4, {s.columns}
  FROM staged s
  WHERE NOT $5
    AND NOT EXISTS (SELECT FROM {table} t WHERE t.source_id = $2 AND t.source_ref = s.source_ref)
  RETURNING 1
)
SELECT (SELECT count(*) FROM staged) AS staged,
       (SELECT count(*) FROM added) AS added,
       (SELECT count(*) FROM updated WHERE NOT returned) AS updated,
       (SELECT count(*) FROM updated WHERE returned) AS returned,
       (SELECT count(*) FROM staged WHERE unlinked <> '') AS unlinked,
       ARRAY(SELECT source_ref || ' -> ' || unlinked FROM staged WHERE unlinked <> '' LIMIT 10) AS unlinked_sample
