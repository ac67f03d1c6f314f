-- The hosted side: consumers of this side's pools, what they were given, and the exports that tell others of it.

-- A consumer of a manifest type is a distributor: it takes entitlements in order to pass them on in a manifest.
CREATE TABLE {candlepin}.cp_consumer (
  id varchar(32) PRIMARY KEY,
  uuid varchar(255) NOT NULL UNIQUE,
  name varchar(255) NOT NULL,
  owner_id varchar(32) NOT NULL REFERENCES {candlepin}.cp_owner,
  type_id varchar(32) NOT NULL REFERENCES {candlepin}.cp_consumer_type,
  consumer_idcert_id varchar(32) NOT NULL REFERENCES {candlepin}.cp_id_cert,
  keypair_id varchar(32) NOT NULL REFERENCES {candlepin}.cp_key_pair,
  content_access_mode varchar(255),
  created timestamp,
  updated timestamp,
  UNIQUE (owner_id, name)
);
COMMENT ON COLUMN {candlepin}.cp_consumer.keypair_id IS 'all certificates of a consumer are for this one key';

-- None of these keys cascades: whoever deletes a pool says what becomes of its entitlements, and leaves no serial behind.
CREATE TABLE {candlepin}.cp_entitlement (
  id varchar(32) PRIMARY KEY,
  owner_id varchar(32) NOT NULL REFERENCES {candlepin}.cp_owner,
  consumer_id varchar(32) NOT NULL REFERENCES {candlepin}.cp_consumer,
  pool_id varchar(32) NOT NULL REFERENCES {candlepin}.cp_pool,
  quantity bigint NOT NULL CHECK (quantity > 0),
  created timestamp,
  updated timestamp
);
CREATE INDEX ON {candlepin}.cp_entitlement (consumer_id);
CREATE INDEX ON {candlepin}.cp_entitlement (pool_id);
CREATE TABLE {candlepin}.cp_ent_certificate (
  id varchar(32) PRIMARY KEY,
  entitlement_id varchar(32) NOT NULL UNIQUE REFERENCES {candlepin}.cp_entitlement,
  serial_id bigint NOT NULL UNIQUE REFERENCES {candlepin}.cp_cert_serial,
  cert bytea NOT NULL,
  digest bytea NOT NULL,
  created timestamp,
  updated timestamp
);
COMMENT ON COLUMN {candlepin}.cp_ent_certificate.digest IS
  'of what the certificate says: where that is not so any more, another one is issued';

-- A moment as manifests write it.
CREATE FUNCTION {longshore}.json_time(moment timestamp) RETURNS text LANGUAGE sql STABLE
  RETURN to_char(moment, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
-- The rows of a pool's products: the one that is sold, those that come with it, and the same for guests.
CREATE VIEW {candlepin}.cp_pool_product_rows AS
  SELECT id AS pool_id, 'sold' AS dtype, product_uuid FROM {candlepin}.cp_pool
  UNION ALL
  SELECT p.id, s.dtype, g.uuid
  FROM {candlepin}.cp_pool p
  JOIN (
    SELECT subscription_id, product_id, 'provided' AS dtype FROM {candlepin}.cp_subscription_products
    UNION ALL
    SELECT id, derivedproduct_id, 'derived' FROM {candlepin}.cp_subscription WHERE derivedproduct_id IS NOT NULL
    UNION ALL
    SELECT subscription_id, product_id, 'derived provided' FROM {candlepin}.cp_sub_derivedprods
  ) s ON s.subscription_id = p.subscriptionid
  -- Subscriptions are of imported products. Row by row, by the index: without statistics, which new tables have not, the
  -- planner would rather join all pools of an owner with all of its products.
  CROSS JOIN LATERAL (
    SELECT uuid FROM {candlepin}.cp_products
    WHERE owner_id = p.owner_id AND product_id = s.product_id AND managed
    OFFSET 0
  ) g
  UNION ALL
  SELECT p.id, 'provided', l.provided_product_uuid
  FROM {candlepin}.cp_pool p
  JOIN {candlepin}.cp_product_provided_products l ON l.product_uuid = p.product_uuid
  WHERE p.subscriptionid IS NULL
  UNION ALL
  SELECT p.id, 'derived', g.derived_product_uuid
  FROM {candlepin}.cp_pool p
  JOIN {candlepin}.cp_products g ON g.uuid = p.product_uuid
  WHERE p.subscriptionid IS NULL AND g.derived_product_uuid IS NOT NULL
  UNION ALL
  SELECT p.id, 'derived provided', l.provided_product_uuid
  FROM {candlepin}.cp_pool p
  JOIN {candlepin}.cp_products g ON g.uuid = p.product_uuid
  JOIN {candlepin}.cp_product_provided_products l ON l.product_uuid = g.derived_product_uuid
  WHERE p.subscriptionid IS NULL;

-- A certificate and its key are read by each request for an upstream consumer: in the row, rather than beside it, they
-- need no further lookups.
ALTER TABLE {candlepin}.cp_id_cert SET (toast_tuple_target = 8160);

-- Who issued a product's certificate, and how; null for those that came with a manifest, which are kept as they are.
ALTER TABLE {candlepin}.cp_product_certificates ADD COLUMN digest bytea;

-- Organisations, and IAM principals by their ARN, and what each may do for which owner.
ALTER TABLE {longshore}.grants DROP CONSTRAINT grants_permission_check;
ALTER TABLE {longshore}.grants ADD CONSTRAINT grants_permission_check
  CHECK (permission IN ('import', 'read', 'read-keys', 'undo', 'export', 'admin'));
COMMENT ON TABLE {longshore}.grants IS
  'what an organisation, or an IAM principal by its ARN, may do for an owner beyond what its own owner may';

-- One row an export: everything that a person would ask about it. Those that nobody asked for by Kafka have no record.
CREATE TABLE {longshore}.exports (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  owner_id varchar(32),
  consumer_uuid varchar(255) NOT NULL,
  request_id text NOT NULL DEFAULT '',
  principal text,
  topic text,
  kafka_partition int,
  kafka_offset bigint,
  record_time timestamp,
  started_at timestamp NOT NULL,
  finished_at timestamp NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('exported', 'failed')),
  attempts int NOT NULL DEFAULT 1,
  format text NOT NULL CHECK (format IN ('zip', 'tar')),
  location text,
  archive_bytes bigint,
  archive_sha256 text,
  entitlements bigint,
  error_kind text,
  error text,
  UNIQUE (topic, kafka_partition, kafka_offset, record_time)
);
CREATE INDEX ON {longshore}.exports (consumer_uuid, finished_at DESC);
COMMENT ON COLUMN {longshore}.exports.location IS 'where it was stored, s3://bucket/key; none when it was answered at once';

-- Databases of before, whose rows were taken over.
CREATE TABLE {longshore}.upgrades (
  set_aside text PRIMARY KEY,
  finished_at timestamp NOT NULL,
  report jsonb NOT NULL
);
COMMENT ON COLUMN {longshore}.upgrades.set_aside IS 'the schema that the old tables were moved into';
