-- Makes the lists of subscriptions what they are to be.
-- $1 subscriptions
WITH subscriptions AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset($1) AS (id text, provided text[], derived_provided text[], branding jsonb)
),
provided_gone AS (
  DELETE FROM cp_subscription_products l USING subscriptions s
  WHERE l.subscription_id = s.id AND l.product_id <> ALL (s.provided)
),
derived_gone AS (
  DELETE FROM cp_sub_derivedprods l USING subscriptions s
  WHERE l.subscription_id = s.id AND l.product_id <> ALL (s.derived_provided)
),
branding_gone AS (
  DELETE FROM cp_subscription_branding l USING subscriptions s
  WHERE l.subscription_id = s.id AND NOT EXISTS (
    SELECT FROM jsonb_array_elements(s.branding) b
    WHERE (b ->> 0, b ->> 1, b ->> 2) = (l.product_id, l.type, l.name)
  )
),
provided AS (
  INSERT INTO cp_subscription_products SELECT id, unnest(provided) FROM subscriptions ON CONFLICT DO NOTHING
),
derived AS (
  INSERT INTO cp_sub_derivedprods SELECT id, unnest(derived_provided) FROM subscriptions ON CONFLICT DO NOTHING
)
INSERT INTO cp_subscription_branding (subscription_id, product_id, type, name)
SELECT s.id, b ->> 0, b ->> 1, b ->> 2 FROM subscriptions s, jsonb_array_elements(s.branding) b
ON CONFLICT DO NOTHING
