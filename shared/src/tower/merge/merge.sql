-- Brings one table up to what was staged for it. {braces} are filled in per table by merge/mod.rs.
-- $1 refresh  $2 source  $3 tenant  $4 now  $5 whether the archive is older than the last one applied
WITH
-- What the archive says, under the table's own column names, links resolved, beside the row that is there. `unlinked`
-- names targets that are not there, `newer` says whether an older archive may still change the row. Only what is to be
-- written or told is carried on: most refreshes find most rows unchanged.
-- The condition after the join leaves out rows that are not to be touched where a table may hold an object twice.
-- An older archive adds nothing, and changes only what is live and older than its own object.
noteworthy AS (
  SELECT *
  FROM (
    SELECT t.id,
           t.archived_at IS NOT NULL AS returned,
           CASE
             WHEN t.id IS NULL THEN NOT $5
             ELSE (t.archived_at IS NOT NULL OR ({t.columns}) IS DISTINCT FROM ({s.columns}))
               AND (NOT $5 OR (t.archived_at IS NULL AND {newer}))
           END AS differs,
           s.source_ref, s.unlinked, {s.columns}
    FROM (
      {staged}
    ) s
    LEFT JOIN {table} t ON t.source_id = $2 AND t.source_ref = s.source_ref {and_eligible}
  ) compared
  WHERE differs OR unlinked <> ''
),
updated AS (
  UPDATE {table} t
  SET ({columns}) = ROW ({n.columns}), archived_at = NULL, updated_at = $4, last_seen_at = $4
  FROM noteworthy n
  WHERE n.differs AND t.source_id = $2 AND t.id = n.id
  RETURNING n.returned
),
added AS (
  INSERT INTO {table} (tenant_id, source_id, source_ref, created_at, updated_at, last_seen_at, {columns})
  SELECT $3, $2, n.source_ref, $4, $4, $4, {n.columns}
  FROM noteworthy n
  WHERE n.differs AND n.id IS NULL
  RETURNING 1
)
SELECT (SELECT count(*) FROM {staged_table} WHERE refresh = $1) AS staged,
       (SELECT count(*) FROM added) AS added,
       (SELECT count(*) FROM updated WHERE NOT returned) AS updated,
       (SELECT count(*) FROM updated WHERE returned) AS returned,
       (SELECT count(*) FROM noteworthy WHERE unlinked <> '') AS unlinked,
       ARRAY(SELECT source_ref || ' -> ' || unlinked FROM noteworthy WHERE unlinked <> '' LIMIT 10) AS unlinked_sample
