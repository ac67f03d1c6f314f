-- Writes content sets that are made here.
-- $1 contents  $2 owner  $3 now
INSERT INTO cp_contents AS c
  (uuid, owner_id, content_id, managed, label, name, type, vendor, contenturl, gpgurl, requiredtags, releasever, arches,
   metadataexpire, modified_product_ids, created, updated)
SELECT gen_random_uuid(), $2, n.id, false, n.label, n.name, n.type, n.vendor, n.url, n.gpg_url, n.required_tags, n.release,
       n.arches, n.metadata_expire, n.modified_product_ids, $3, $3
FROM jsonb_to_recordset($1) AS n (
  id text, type text, label text, name text, vendor text, url text, gpg_url text, required_tags text, release text,
  arches text, metadata_expire bigint, modified_product_ids text[]
)
ON CONFLICT (owner_id, content_id, managed) DO UPDATE SET
  label = excluded.label, name = excluded.name, type = excluded.type, vendor = excluded.vendor,
  contenturl = excluded.contenturl, gpgurl = excluded.gpgurl, requiredtags = excluded.requiredtags,
  releasever = excluded.releasever, arches = excluded.arches, metadataexpire = excluded.metadataexpire,
  modified_product_ids = excluded.modified_product_ids, updated = excluded.updated
