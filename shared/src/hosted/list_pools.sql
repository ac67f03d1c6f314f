-- An owner's pools as JSON; one row of NULL where it has none.
-- $1 owner
SELECT CASE WHEN p.id IS NOT NULL THEN jsonb_build_object(
  'id', p.id, 'type', p.type, 'product', g.product_id, 'name', g.name, 'imported', p.managed,
  'quantity', p.quantity, 'consumed', p.quantity_consumed, 'exported', p.quantity_exported,
  'start', to_char(p.startdate, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'end', to_char(p.enddate, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
  'contract', p.contractnumber, 'account', p.accountnumber, 'order', p.ordernumber
) END
FROM cp_owner o
LEFT JOIN cp_pool p ON p.owner_id = o.id
LEFT JOIN cp_products g ON g.uuid = p.product_uuid
WHERE o.account = $1
ORDER BY g.product_id COLLATE "C", p.startdate, p.id
