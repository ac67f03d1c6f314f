-- Owners, under their ids; one that was made here meanwhile stays.
WITH o AS (
  SELECT o.* FROM {cp_owner} t, jsonb_to_record(t.r) AS o (
    id text, account text, displayname text, contentprefix text, defaultservicelevel text, parent_owner text,
    last_refreshed timestamp, last_content_update timestamp, created timestamp, updated timestamp
  )
)
INSERT INTO cp_owner (id, account, displayname, contentprefix, defaultservicelevel, parent_owner, last_refreshed,
                      last_content_update, created, updated)
SELECT o.id, o.account, coalesce(o.displayname, o.account), o.contentprefix, o.defaultservicelevel,
       coalesce(here.id, parent.id), o.last_refreshed, o.last_content_update, o.created, o.updated
FROM o
LEFT JOIN o parent ON parent.id = o.parent_owner
LEFT JOIN cp_owner here ON here.account = parent.account
ON CONFLICT (account) DO NOTHING
