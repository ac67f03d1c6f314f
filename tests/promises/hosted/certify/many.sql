-- 1,500 products, a thousand of them with 40 content sets each and a certificate; 2,000 subscriptions with ten products
-- each, a pool of each, an entitlement of each.
INSERT INTO cp_products (uuid, owner_id, product_id, managed, name, digest)
SELECT gen_random_uuid(), '5318290', CASE WHEN n <= 500 THEN 'SKU-' || n ELSE n::text END, true, 'Name', sha256(n::text::bytea)
FROM generate_series(1, 1500) n;
INSERT INTO cp_product_certificates (product_uuid, cert, x509_serial, expiration)
SELECT uuid, '', 1, '2036-01-01' FROM cp_products;
INSERT INTO cp_contents (uuid, owner_id, content_id, managed, label, name, type, vendor)
SELECT gen_random_uuid(), '5318290', n::text, true, 'l', 'n', 'yum', 'v' FROM generate_series(1, 40000) n;
INSERT INTO cp_product_contents (product_uuid, content_uuid, enabled)
SELECT p.uuid, c.uuid, true
FROM (SELECT uuid, product_id::int - 501 AS number FROM cp_products WHERE product_id ~ '^[0-9]+$') p
JOIN (SELECT uuid, (content_id::int - 1) / 40 AS number FROM cp_contents) c USING (number);
INSERT INTO cp_subscription (id, owner_id, product_id, quantity, startdate, enddate)
SELECT 's' || n, '5318290', 'SKU-' || (n % 500 + 1), 10, '2026-01-01', '2036-01-01' FROM generate_series(1, 2000) n;
INSERT INTO cp_subscription_products (subscription_id, product_id)
SELECT DISTINCT 's' || n, (501 + (n * 7 + m * 13) % 1000)::text FROM generate_series(1, 2000) n, generate_series(1, 10) m;
INSERT INTO cp_pool
  (id, owner_id, type, managed, product_uuid, quantity, startdate, enddate, subscriptionid, subscriptionsubkey)
SELECT 'p' || n, '5318290', 'NORMAL', true, g.uuid, 10, '2026-01-01', '2036-01-01', 's' || n, 'master'
FROM generate_series(1, 2000) n JOIN cp_products g ON g.product_id = 'SKU-' || (n % 500 + 1);
INSERT INTO cp_entitlement (id, owner_id, consumer_id, pool_id, quantity)
SELECT 'e' || n, '5318290', (SELECT id FROM cp_consumer), 'p' || n, 3 FROM generate_series(1, 2000) n;
