-- Writes new pools and changed ones. What clients have taken of a pool stays.
-- $1 pools  $2 owner  $3 now
INSERT INTO cp_pool AS p
  (id, owner_id, type, managed, product_uuid, quantity, startdate, enddate, subscriptionid, subscriptionsubkey,
   contractnumber, accountnumber, ordernumber, upstream_pool_id, upstream_entitlement_id, upstream_consumer_id, cdn_id,
   certificate_id, created, updated)
SELECT id, $2, type, true, product_uuid, quantity, startdate, enddate, subscriptionid, subscriptionsubkey,
       contractnumber, accountnumber, ordernumber, upstream_pool_id, upstream_entitlement_id, upstream_consumer_id, cdn_id,
       certificate_id, $3, $3
FROM jsonb_to_recordset($1) AS (
  id text, type text, product_uuid uuid, quantity bigint, startdate timestamp, enddate timestamp, subscriptionid text,
  subscriptionsubkey text, contractnumber text, accountnumber text, ordernumber text, upstream_pool_id text,
  upstream_entitlement_id text, upstream_consumer_id text, cdn_id text, certificate_id text
)
ON CONFLICT (id) DO UPDATE SET
  type = excluded.type, product_uuid = excluded.product_uuid, quantity = excluded.quantity,
  startdate = excluded.startdate, enddate = excluded.enddate, contractnumber = excluded.contractnumber,
  accountnumber = excluded.accountnumber, ordernumber = excluded.ordernumber,
  upstream_pool_id = excluded.upstream_pool_id, upstream_entitlement_id = excluded.upstream_entitlement_id,
  upstream_consumer_id = excluded.upstream_consumer_id, cdn_id = excluded.cdn_id,
  certificate_id = excluded.certificate_id, version = p.version + 1, updated = excluded.updated
