-- How things stand, as one JSON object. Tables of the inventory are only estimated: they may be large.
-- $1 now
SELECT jsonb_build_object(
  'inventory', (
    SELECT jsonb_object_agg(c.relname, c.reltuples::bigint)
    FROM pg_class c
    WHERE c.oid = ANY (ARRAY['tenants', 'sources', 'service_credential_types', 'service_credentials',
      'service_inventories', 'service_offerings', 'service_offering_nodes', 'service_plans']::regclass[])
  ),
  'owners', (SELECT count(*) FROM cp_owner),
  'largest_owners', (
    -- Those with the most pools, at most a hundred.
    SELECT coalesce(jsonb_agg(to_jsonb(l) ORDER BY l.pools DESC, l.owner COLLATE "C"), '[]')
    FROM (
      SELECT o.account AS owner,
             (SELECT count(*) FROM cp_products t WHERE t.owner_id = o.id) AS products,
             (SELECT count(*) FROM cp_contents t WHERE t.owner_id = o.id) AS contents,
             (SELECT count(*) FROM cp_subscription t WHERE t.owner_id = o.id) AS subscriptions,
             coalesce(p.pools, 0) AS pools,
             (SELECT count(*) FROM cp_consumer t WHERE t.owner_id = o.id) AS distributors,
             (SELECT count(*) FROM cp_consumer c JOIN cp_entitlement t ON t.consumer_id = c.id
              WHERE c.owner_id = o.id) AS entitlements
      FROM cp_owner o
      LEFT JOIN (SELECT owner_id, count(*) AS pools FROM cp_pool GROUP BY owner_id) p ON p.owner_id = o.id
      ORDER BY coalesce(p.pools, 0) DESC, o.account COLLATE "C" LIMIT 100
    ) l
  ),
  'refreshes', (
    SELECT jsonb_build_object('newest', to_char(max(finished_at), 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'failed_in_a_day',
      count(*) FILTER (WHERE outcome = 'failed' AND finished_at > $1::timestamp - interval '1 day')) FROM refreshes
  ),
  'imports', (
    SELECT jsonb_build_object('newest', to_char(max(finished_at), 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'failed_in_a_day',
      count(*) FILTER (WHERE outcome = 'failed' AND finished_at > $1 - interval '1 day')) FROM imports
  ),
  'exports', (
    SELECT jsonb_build_object('newest', to_char(max(finished_at), 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'failed_in_a_day',
      count(*) FILTER (WHERE outcome = 'failed' AND finished_at > $1 - interval '1 day')) FROM exports
  ),
  'failures', (
    SELECT coalesce(jsonb_agg(jsonb_set(to_jsonb(f), '{at}', to_jsonb(to_char(f.at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))) ORDER BY f.at DESC), '[]')
    FROM (
      SELECT 'refresh' AS what, finished_at AS at, error_kind AS kind, error, request_id FROM refreshes
      WHERE outcome = 'failed'
      UNION ALL
      SELECT 'import', finished_at, error_kind, error, request_id FROM imports WHERE outcome = 'failed'
      UNION ALL
      SELECT 'export', finished_at, error_kind, error, request_id FROM exports WHERE outcome = 'failed'
      ORDER BY at DESC LIMIT 10
    ) f
  ),
  'outbox', (
    SELECT jsonb_build_object('waiting', count(*),
      'oldest_seconds', greatest(0, extract(epoch FROM $1 - min(created_at)))::bigint)
    FROM outbox WHERE published_at IS NULL AND parked_at IS NULL
  ),
  'parked', (
    SELECT jsonb_build_object('number', count(*), 'newest', to_char(max(parked_at), 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
      'reason', (array_agg(parked_reason ORDER BY parked_at DESC, id DESC))[1])
    FROM outbox WHERE parked_at IS NOT NULL
  ),
  'rejected', (
    SELECT jsonb_build_object('newest', to_char(max(newest), 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'by_kind', coalesce(jsonb_object_agg(kind, number), '{}'))
    FROM (SELECT kind, count(*) AS number, max(rejected_at) AS newest FROM rejected_records GROUP BY kind) k
  )
)
