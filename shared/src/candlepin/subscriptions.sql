-- What an owner's imports have made, each with its lists, sorted as the reader of manifests sorts them.
-- $1 owner
SELECT s.id, s.product_id, s.derivedproduct_id, s.quantity, s.startdate, s.enddate, s.contractnumber, s.accountnumber,
       s.ordernumber, s.upstream_pool_id, s.upstream_entitlement_id, s.upstream_consumer_id, s.certificate_id, s.cdn_id,
       s.source, c.digest AS certificate_digest, n.x509_serial,
       ARRAY(
         SELECT product_id::text FROM cp_subscription_products
         WHERE subscription_id = s.id ORDER BY product_id COLLATE "C"
       ) AS provided,
       ARRAY(
         SELECT product_id::text FROM cp_sub_derivedprods
         WHERE subscription_id = s.id ORDER BY product_id COLLATE "C"
       ) AS derived_provided,
       coalesce((
         SELECT jsonb_agg(jsonb_build_array(product_id, type, name)
                          ORDER BY product_id COLLATE "C", type COLLATE "C", name COLLATE "C")
         FROM cp_subscription_branding WHERE subscription_id = s.id
       ), '[]') AS branding
FROM cp_subscription s
LEFT JOIN cp_certificate c ON c.id = s.certificate_id
LEFT JOIN cp_cert_serial n ON n.id = c.serial_id
WHERE s.owner_id = $1 AND s.upstream_pool_id IS NOT NULL
ORDER BY s.id
