-- Pages shift while a Tower is being collected, and then an object is on two of them. The newest stays; of equal ones
-- the last in the archive. $1 refresh
WITH repeated AS (
  SELECT source_ref FROM {staged} WHERE refresh = $1 GROUP BY source_ref HAVING count(*) > 1
),
ranked AS (
  SELECT s.ctid AS row, row_number() OVER (PARTITION BY s.source_ref ORDER BY {newest} s.seq DESC) AS rank
  FROM {staged} s
  JOIN repeated USING (source_ref)
  WHERE s.refresh = $1
)
DELETE FROM {staged} s USING ranked r WHERE s.ctid = r.row AND r.rank > 1
