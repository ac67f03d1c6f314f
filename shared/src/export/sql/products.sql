-- Every product that a distributor's entitlements need, a row each: what its file says, and its certificate.
-- $1 consumer
WITH RECURSIVE parts (whole, part) AS (
  SELECT product_uuid, provided_product_uuid FROM cp_product_provided_products
  UNION ALL
  SELECT uuid, derived_product_uuid FROM cp_products WHERE derived_product_uuid IS NOT NULL
),
wanted (uuid) AS (
  SELECT l.product_uuid
  FROM cp_pool_product_rows l
  WHERE l.pool_id IN (SELECT pool_id FROM cp_entitlement WHERE consumer_id = $1)
  UNION
  -- What is nested in a product has a file of its own.
  SELECT p.part FROM wanted w JOIN parts p ON p.whole = w.uuid
),
-- Of two products of one id the imported one counts: there is one file.
products AS MATERIALIZED (
  SELECT DISTINCT ON (g.product_id) g.*
  FROM wanted w JOIN cp_products g USING (uuid)
  ORDER BY g.product_id, g.managed DESC
),
attributes AS (
  SELECT product_uuid, json_agg(json_build_object('name', name, 'value', value) ORDER BY name COLLATE "C") AS list
  FROM cp_product_attributes WHERE product_uuid IN (SELECT uuid FROM products) GROUP BY product_uuid
),
contents AS (
  SELECT l.product_uuid,
         json_agg(json_build_object(
           'enabled', l.enabled,
           'content', json_build_object(
             'id', c.content_id, 'uuid', c.uuid, 'type', c.type, 'label', c.label, 'name', c.name, 'vendor', c.vendor,
             'contentUrl', c.contenturl, 'gpgUrl', c.gpgurl, 'requiredTags', c.requiredtags,
             'releaseVersion', c.releasever, 'arches', c.arches, 'metadataExpiration', c.metadataexpire,
             'modifiedProductIds', coalesce(c.modified_product_ids, '{}')
           )
         ) ORDER BY c.content_id COLLATE "C") AS list
  FROM cp_product_contents l
  JOIN cp_contents c ON c.uuid = l.content_uuid
  WHERE l.product_uuid IN (SELECT uuid FROM products)
  GROUP BY l.product_uuid
),
dependent AS (
  SELECT product_uuid, json_agg(product_id ORDER BY product_id COLLATE "C") AS list
  FROM cp_product_dependent_products WHERE product_uuid IN (SELECT uuid FROM products) GROUP BY product_uuid
),
reliance AS (
  SELECT product_uuid, json_agg(product_id ORDER BY product_id COLLATE "C") AS list
  FROM cp_product_reliance WHERE product_uuid IN (SELECT uuid FROM products) GROUP BY product_uuid
),
-- Nested is no more than what leads to the other's file.
provided AS (
  SELECT l.product_uuid,
         json_agg(json_build_object('id', g.product_id, 'name', g.name) ORDER BY g.product_id COLLATE "C") AS list
  FROM cp_product_provided_products l
  JOIN cp_products g ON g.uuid = l.provided_product_uuid
  WHERE l.product_uuid IN (SELECT uuid FROM products)
  GROUP BY l.product_uuid
)
SELECT g.product_id,
       json_build_object(
         'id', g.product_id, 'uuid', g.uuid, 'name', g.name, 'multiplier', g.multiplier,
         'attributes', coalesce(attributes.list, '[]'), 'productContent', coalesce(contents.list, '[]'),
         'dependentProductIds', coalesce(dependent.list, '[]'), 'reliesOn', coalesce(reliance.list, '[]'),
         'providedProducts', coalesce(provided.list, '[]'),
         'derivedProduct', CASE WHEN d.uuid IS NOT NULL THEN json_build_object('id', d.product_id, 'name', d.name) END
       )::text AS document,
       certificate.cert
FROM products g
LEFT JOIN cp_products d ON d.uuid = g.derived_product_uuid
LEFT JOIN attributes ON attributes.product_uuid = g.uuid
LEFT JOIN contents ON contents.product_uuid = g.uuid
LEFT JOIN dependent ON dependent.product_uuid = g.uuid
LEFT JOIN reliance ON reliance.product_uuid = g.uuid
LEFT JOIN provided ON provided.product_uuid = g.uuid
-- The world has certificates of products whose id is a number.
LEFT JOIN cp_product_certificates certificate ON certificate.product_uuid = g.uuid AND g.product_id ~ '^[0-9]+$'
ORDER BY g.product_id COLLATE "C"
