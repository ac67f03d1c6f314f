-- Consumer types, by label: those that are here stay. Which of two ids an extension of Candlepin used for which label was
-- not the same everywhere, so one that is taken is not used again.
INSERT INTO cp_consumer_type (id, label, manifest, created, updated)
SELECT CASE WHEN here.id IS NULL THEN o.id ELSE replace(gen_random_uuid()::text, '-', '') END,
       o.label, coalesce(lower(o.manifest) IN ('y', 'true'), false), o.created, o.updated
FROM {cp_consumer_type} t
CROSS JOIN jsonb_to_record(t.r) AS o (id text, label text, manifest text, created timestamp, updated timestamp)
LEFT JOIN cp_consumer_type here ON here.id = o.id
WHERE o.label IS NOT NULL
ON CONFLICT (label) DO NOTHING
