-- The smallest key of all owners that an organisation is connected with, or the organisation itself.
--
-- Two records may be for one owner when their organisations both reach it, and which owner a record is for stands in its
-- archive, which is read later. So everything that hangs together by grants is handled in order: an owner, the
-- organisations that reach it, their other owners, and so on. One name for both ends, because an organisation reaches the
-- owner whose key it is.
-- $1 organisation  $2 permissions, any of which does
WITH RECURSIVE hops (here, there) AS (
  SELECT g.org, o.account::text FROM grants g JOIN cp_owner o ON o.id = g.owner_id WHERE g.permission = ANY ($2)
  UNION ALL
  SELECT o.account::text, g.org FROM grants g JOIN cp_owner o ON o.id = g.owner_id WHERE g.permission = ANY ($2)
),
reached (name) AS (
  SELECT $1::text
  UNION
  SELECT h.there FROM reached r JOIN hops h ON h.here = r.name
)
-- By code points, so that every process finds the same one.
SELECT coalesce((SELECT min(o.account COLLATE "C") FROM reached r JOIN cp_owner o ON o.account = r.name), $1)
