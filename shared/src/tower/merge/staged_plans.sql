-- One row a template. `id` is null when it is archived. Templates have been merged before.
  WITH offering AS (
    SELECT source_ref, min(id) FILTER (WHERE archived_at IS NULL) AS id,
           bool_and(extra -> 'survey_enabled' = 'false') FILTER (WHERE archived_at IS NULL) AS disabled,
           max(last_seen_at) AS last_seen_at
    FROM service_offerings
    WHERE source_id = $2
    GROUP BY source_ref
  )
  -- A survey counts unless its template is archived or asks no survey.
  SELECT s.*, '{}'::jsonb AS extra, o.id AS service_offering_id,
         coalesce(o.last_seen_at = $4, false) AS template_written,
         CASE WHEN o.id IS NULL THEN 'template ' || s.source_ref ELSE '' END AS unlinked
  FROM staged_plans s
  LEFT JOIN offering o ON o.source_ref = s.source_ref
  WHERE s.refresh = $1
    AND s.create_json_schema IS NOT NULL
    AND (o.source_ref IS NULL OR o.id IS NOT NULL)
    AND o.disabled IS NOT TRUE
