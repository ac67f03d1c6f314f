-- The entitlements of a distributor, a row each: what its file says, but for its certificate, and that.
-- $1 consumer  $2 its owner as it is shown
WITH taken AS MATERIALIZED (
  SELECT e.id, e.quantity, e.created, e.updated, p.id AS pool_id, p.product_uuid, d.product_uuid AS derived_uuid,
         p.subscriptionid
  FROM cp_entitlement e
  JOIN cp_pool p ON p.id = e.pool_id
  LEFT JOIN cp_pool_product_rows d ON d.pool_id = p.id AND d.dtype = 'derived'
  WHERE e.consumer_id = $1
    -- A pool that follows from another one will follow from it again where the manifest is imported.
    AND NOT EXISTS (SELECT FROM cp_pool_attribute a WHERE a.pool_id = p.id AND a.name = 'pool_derived')
),
pool_attributes AS (
  SELECT pool_id, json_agg(json_build_object('name', name, 'value', value) ORDER BY name COLLATE "C") AS list
  FROM cp_pool_attribute WHERE pool_id IN (SELECT pool_id FROM taken) GROUP BY pool_id
),
attributes AS (
  SELECT product_uuid, json_agg(json_build_object('name', name, 'value', value) ORDER BY name COLLATE "C") AS list,
         max(value) FILTER (WHERE name = 'stacking_id') AS stack
  FROM cp_product_attributes
  WHERE product_uuid IN (SELECT product_uuid FROM taken UNION SELECT derived_uuid FROM taken)
  GROUP BY product_uuid
),
parts AS (
  SELECT l.pool_id, l.dtype,
         json_agg(json_build_object('productId', g.product_id, 'productName', g.name)
                  ORDER BY g.product_id COLLATE "C") AS list
  FROM cp_pool_product_rows l
  JOIN cp_products g ON g.uuid = l.product_uuid
  WHERE l.pool_id IN (SELECT pool_id FROM taken)
  GROUP BY l.pool_id, l.dtype
),
branding AS (
  SELECT subscription_id,
         json_agg(json_build_object('productId', product_id, 'name', name, 'type', type)
                  ORDER BY product_id COLLATE "C", type COLLATE "C", name COLLATE "C") AS list
  FROM cp_subscription_branding WHERE subscription_id IN (SELECT subscriptionid FROM taken) GROUP BY subscription_id
)
SELECT t.id,
       json_build_object(
         'id', t.id, 'quantity', t.quantity, 'startDate', json_time(p.startdate), 'endDate', json_time(p.enddate),
         'created', json_time(t.created), 'updated', json_time(t.updated),
         'pool', json_build_object(
           'id', p.id, 'type', p.type, 'owner', $2::json, 'activeSubscription', p.activesubscription,
           'quantity', p.quantity, 'consumed', p.quantity_consumed, 'exported', p.quantity_exported,
           'startDate', json_time(p.startdate), 'endDate', json_time(p.enddate),
           'contractNumber', p.contractnumber, 'accountNumber', p.accountnumber, 'orderNumber', p.ordernumber,
           'subscriptionId', p.subscriptionid, 'subscriptionSubKey', p.subscriptionsubkey,
           'upstreamPoolId', p.upstream_pool_id, 'upstreamEntitlementId', p.upstream_entitlement_id,
           'upstreamConsumerId', p.upstream_consumer_id, 'attributes', coalesce(pool_attributes.list, '[]'),
           'productId', g.product_id, 'productName', g.name, 'productAttributes', coalesce(a.list, '[]'),
           'providedProducts', coalesce(provided.list, '[]'), 'branding', coalesce(branding.list, '[]'),
           'stackId', a.stack, 'stacked', a.stack IS NOT NULL, 'sourceStackId', NULL,
           'derivedProductId', d.product_id, 'derivedProductName', d.name,
           'derivedProductAttributes', coalesce(of_derived.list, '[]'),
           'derivedProvidedProducts', coalesce(derived.list, '[]'),
           'calculatedAttributes', NULL, 'sourceEntitlement', NULL, 'restrictedToUsername', NULL,
           'created', json_time(p.created), 'updated', json_time(p.updated)
         )
       )::text AS document,
       c.id AS certificate_id, c.cert, json_time(c.created) AS certificate_created,
       json_time(c.updated) AS certificate_updated, n.x509_serial, n.revoked, n.collected,
       json_time(n.expiration) AS expiration, json_time(n.created) AS serial_created, json_time(n.updated) AS serial_updated
FROM taken t
JOIN cp_pool p ON p.id = t.pool_id
JOIN cp_products g ON g.uuid = t.product_uuid
LEFT JOIN cp_products d ON d.uuid = t.derived_uuid
LEFT JOIN pool_attributes ON pool_attributes.pool_id = t.pool_id
LEFT JOIN attributes a ON a.product_uuid = t.product_uuid
LEFT JOIN attributes of_derived ON of_derived.product_uuid = t.derived_uuid
LEFT JOIN parts provided ON provided.pool_id = t.pool_id AND provided.dtype = 'provided'
LEFT JOIN parts derived ON derived.pool_id = t.pool_id AND derived.dtype = 'derived provided'
LEFT JOIN branding ON branding.subscription_id = t.subscriptionid
LEFT JOIN cp_ent_certificate c ON c.entitlement_id = t.id
LEFT JOIN cp_cert_serial n ON n.id = c.serial_id
ORDER BY t.id COLLATE "C"
