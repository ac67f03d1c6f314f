-- When the manifest was made that was imported last. Imports that ran at once have left two of a kind: the newer counts.
INSERT INTO cp_export_metadata (id, type, exported, owner_id, created, updated)
SELECT DISTINCT ON (here.id, m.type) m.id, m.type, m.exported, here.id, m.created, m.updated
FROM {cp_export_metadata} t
CROSS JOIN jsonb_to_record(t.r) AS m (
  id text, type text, exported timestamp, owner_id text, created timestamp, updated timestamp
)
JOIN {cp_owner} o ON o.r ->> 'id' = m.owner_id
JOIN cp_owner here ON here.account = o.r ->> 'account'
WHERE m.type IS NOT NULL AND m.exported IS NOT NULL
ORDER BY here.id, m.type, m.exported DESC, m.id
ON CONFLICT (owner_id, type) DO NOTHING
