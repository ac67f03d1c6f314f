-- The newest rules. Text that is a number is that of a large object, not rules.
SELECT o.id, o.rules_blob, o.version, o.created, o.updated
FROM {cp_rules} t
CROSS JOIN jsonb_to_record(t.r) AS o (id text, rules_blob text, version text, created timestamp, updated timestamp)
WHERE o.rules_blob !~ '^[0-9]*$'
ORDER BY coalesce(o.updated, o.created) DESC NULLS LAST, o.id DESC
LIMIT 1
