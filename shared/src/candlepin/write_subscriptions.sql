-- Writes new subscriptions and changed ones.
-- $1 subscriptions  $2 owner  $3 now
INSERT INTO cp_subscription
  (id, owner_id, product_id, derivedproduct_id, quantity, startdate, enddate, contractnumber, accountnumber, ordernumber,
   upstream_pool_id, upstream_entitlement_id, upstream_consumer_id, certificate_id, cdn_id, source, modified,
   created, updated)
SELECT id, $2, product_id, derivedproduct_id, quantity, startdate, enddate, contractnumber, accountnumber, ordernumber,
       upstream_pool_id, upstream_entitlement_id, upstream_consumer_id, certificate_id, cdn_id, decode(source, 'hex'),
       $3, $3, $3
FROM jsonb_to_recordset($1) AS (
  id text, product_id text, derivedproduct_id text, quantity bigint, startdate timestamp, enddate timestamp,
  contractnumber text, accountnumber text, ordernumber text, upstream_pool_id text, upstream_entitlement_id text,
  upstream_consumer_id text, certificate_id text, cdn_id text, source text
)
ON CONFLICT (id) DO UPDATE SET
  product_id = excluded.product_id, derivedproduct_id = excluded.derivedproduct_id, quantity = excluded.quantity,
  startdate = excluded.startdate, enddate = excluded.enddate, contractnumber = excluded.contractnumber,
  accountnumber = excluded.accountnumber, ordernumber = excluded.ordernumber,
  upstream_pool_id = excluded.upstream_pool_id, upstream_entitlement_id = excluded.upstream_entitlement_id,
  upstream_consumer_id = excluded.upstream_consumer_id, certificate_id = excluded.certificate_id,
  cdn_id = excluded.cdn_id, source = excluded.source,
  modified = excluded.modified, updated = excluded.updated
