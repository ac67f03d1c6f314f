-- What all owners share, a row a file: its folder, its name, what it says.
SELECT * FROM (
  SELECT 'consumer_types' AS folder, label AS name,
         json_build_object('id', id, 'label', label, 'manifest', manifest)::text AS document
  FROM cp_consumer_type
  UNION ALL
  SELECT 'distributor_version', v.name,
         json_build_object(
           'id', v.id, 'name', v.name, 'displayName', v.display_name,
           'capabilities', coalesce((
             SELECT json_agg(json_build_object('id', NULL, 'name', c.name) ORDER BY c.name COLLATE "C")
             FROM cp_dist_version_capability c WHERE c.dist_version_id = v.id
           ), '[]'),
           'created', json_time(v.created), 'updated', json_time(v.updated)
         )::text
  FROM cp_dist_version v
  UNION ALL
  -- Without its certificate, which has a private key.
  SELECT 'content_delivery_network', label,
         json_build_object(
           'id', id, 'label', label, 'name', name, 'url', url, 'certificate', NULL,
           'created', json_time(created), 'updated', json_time(updated)
         )::text
  FROM cp_cdn
) files
ORDER BY folder COLLATE "C", name COLLATE "C"
