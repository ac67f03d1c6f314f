-- Statements that move all `cp_*` relations of schema $1 into schema $2. Indexes go with their tables, and so do sequences
-- that belong to a column.
SELECT format('ALTER %s %I.%I SET SCHEMA %I', kind, $1, c.relname, $2)
FROM pg_class c
JOIN (VALUES
  ('r'::"char", 'TABLE'), ('p', 'TABLE'), ('f', 'FOREIGN TABLE'), ('v', 'VIEW'), ('m', 'MATERIALIZED VIEW'),
  ('S', 'SEQUENCE')
) k (relkind, kind) ON k.relkind = c.relkind
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname LIKE 'cp\_%'
  AND NOT EXISTS (
    SELECT FROM pg_depend d
    WHERE c.relkind = 'S' AND d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
      AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
  )
ORDER BY c.relname
