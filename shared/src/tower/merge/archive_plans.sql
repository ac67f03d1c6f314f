-- Archives the plans whose template is archived, asks no survey any more, or has one without a spec; and those that
-- never had a template, once all templates are known.
-- $1 refresh  $2 source  $3 now  $4 whether all templates are known
WITH offering AS (
  SELECT source_ref,
         bool_and(archived_at IS NOT NULL) AS archived,
         bool_and(extra -> 'survey_enabled' = 'false') FILTER (WHERE archived_at IS NULL) AS disabled
  FROM service_offerings
  WHERE source_id = $2
  GROUP BY source_ref
)
UPDATE service_plans t
SET archived_at = $3, updated_at = $3, last_seen_at = $3
FROM (
  SELECT p.id
  FROM service_plans p
  LEFT JOIN offering o ON o.source_ref = p.source_ref
  LEFT JOIN staged_plans s ON s.refresh = $1 AND s.source_ref = p.source_ref
  WHERE p.source_id = $2
    AND p.archived_at IS NULL
    AND (o.archived
      OR o.disabled
      OR (s.source_ref IS NOT NULL AND s.create_json_schema IS NULL)
      OR ($4 AND o.source_ref IS NULL AND s.source_ref IS NULL))
) gone
WHERE t.source_id = $2 AND t.id = gone.id
