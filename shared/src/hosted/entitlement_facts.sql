-- What the certificates of entitlements state, but for what their products say themselves.
-- $1 entitlements
SELECT e.id, e.quantity, u.uuid AS consumer, o.account AS owner,
       p.quantity AS pool_quantity, p.startdate, p.enddate, p.contractnumber, p.accountnumber, p.ordernumber,
       p.subscriptionid, v.value AS virt_only, p.product_uuid,
       ARRAY(
         SELECT r.product_uuid FROM cp_pool_product_rows r
         WHERE r.pool_id = p.id AND r.dtype = 'provided' AND r.product_uuid <> p.product_uuid
       ) AS provided
FROM cp_entitlement e
JOIN cp_pool p ON p.id = e.pool_id
JOIN cp_consumer u ON u.id = e.consumer_id
JOIN cp_owner o ON o.id = u.owner_id
LEFT JOIN cp_pool_attribute v ON v.pool_id = p.id AND v.name = 'virt_only'
WHERE e.id = ANY($1)
