-- Deletes products with all that belongs to them, and tells which contents they had.
-- $1 products
WITH
attributes AS (DELETE FROM cp_product_attributes WHERE product_uuid = ANY($1)),
dependent AS (DELETE FROM cp_product_dependent_products WHERE product_uuid = ANY($1)),
reliance AS (DELETE FROM cp_product_reliance WHERE product_uuid = ANY($1)),
provided AS (DELETE FROM cp_product_provided_products WHERE product_uuid = ANY($1)),
certificates AS (DELETE FROM cp_product_certificates WHERE product_uuid = ANY($1)),
products AS (DELETE FROM cp_products WHERE uuid = ANY($1)),
contents AS (DELETE FROM cp_product_contents WHERE product_uuid = ANY($1) RETURNING content_uuid)
SELECT DISTINCT content_uuid FROM contents
