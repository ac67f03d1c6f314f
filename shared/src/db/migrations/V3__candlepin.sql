-- The Candlepin tables, under the names and column names that the world knows them by. All times are UTC.
--
-- Ids are 32 hexadecimal digits, as Candlepin's are; products and content, by far the most rows, have native uuids, which
-- are half as long. Foreign keys stand where rows are few: on the tables of products and content they would cost more
-- than the rows themselves. What refers to those is written and deleted by the same statements.

-- One at a time: what all owners share.
CREATE TABLE {candlepin}.cp_consumer_type (
  id varchar(32) PRIMARY KEY,
  label varchar(255) NOT NULL UNIQUE,
  manifest boolean NOT NULL DEFAULT false,
  seeded boolean NOT NULL DEFAULT false,
  created timestamp,
  updated timestamp
);
COMMENT ON COLUMN {candlepin}.cp_consumer_type.seeded IS 'was here before any import, and is never removed by one';
INSERT INTO {candlepin}.cp_consumer_type (id, label, manifest, seeded) VALUES
  ('1000', 'system', false, true), ('1001', 'person', false, true), ('1002', 'domain', false, true),
  ('1003', 'candlepin', true, true), ('1004', 'hypervisor', false, true), ('1005', 'uebercert', false, true),
  ('1006', 'headpin', true, true), ('1007', 'katello', true, true);

CREATE TABLE {candlepin}.cp_rules (
  id varchar(32) PRIMARY KEY,
  rules_blob text NOT NULL,
  version varchar(20) NOT NULL,
  rulessource varchar(255),
  created timestamp,
  updated timestamp
);
COMMENT ON COLUMN {candlepin}.cp_rules.version IS '0 for rules of before 2013, which say none';

CREATE TABLE {candlepin}.cp_dist_version (
  id varchar(32) PRIMARY KEY,
  name varchar(255) NOT NULL UNIQUE,
  display_name varchar(255) NOT NULL,
  created timestamp,
  updated timestamp
);
CREATE TABLE {candlepin}.cp_dist_version_capability (
  dist_version_id varchar(32) NOT NULL REFERENCES {candlepin}.cp_dist_version ON DELETE CASCADE,
  name varchar(255) NOT NULL,
  PRIMARY KEY (dist_version_id, name)
);

CREATE TABLE {candlepin}.cp_cdn (
  id varchar(32) PRIMARY KEY,
  label varchar(255) NOT NULL UNIQUE,
  name varchar(255) NOT NULL,
  url varchar(255) NOT NULL,
  certificate_id varchar(32),
  created timestamp,
  updated timestamp
);

-- Certificates. Private keys are sealed; the key that opens them is named beside them, so that it can be replaced.
CREATE TABLE {candlepin}.cp_cert_serial (
  id bigint PRIMARY KEY,
  x509_serial bigint NOT NULL,
  expiration timestamp,
  revoked boolean NOT NULL DEFAULT false,
  collected boolean NOT NULL DEFAULT false,
  created timestamp,
  updated timestamp
);
COMMENT ON TABLE {candlepin}.cp_cert_serial IS
  'id is a number of this database, drawn for each imported certificate; x509_serial stands in the certificate';
CREATE TABLE {candlepin}.cp_id_cert (
  id varchar(32) PRIMARY KEY,
  cert bytea NOT NULL,
  privatekey bytea,
  privatekey_key_id varchar(64),
  digest bytea NOT NULL,
  serial_id bigint NOT NULL REFERENCES {candlepin}.cp_cert_serial,
  created timestamp,
  updated timestamp,
  CHECK ((privatekey IS NULL) = (privatekey_key_id IS NULL))
);
CREATE TABLE {candlepin}.cp_certificate (
  id varchar(32) PRIMARY KEY,
  cert bytea NOT NULL,
  privatekey bytea,
  privatekey_key_id varchar(64),
  digest bytea NOT NULL,
  subject_cn varchar(255),
  serial_id bigint NOT NULL REFERENCES {candlepin}.cp_cert_serial,
  created timestamp,
  updated timestamp,
  CHECK ((privatekey IS NULL) = (privatekey_key_id IS NULL))
);
COMMENT ON TABLE {candlepin}.cp_certificate IS 'entitlement certificates of the upstream consumer, one a subscription';
-- What is sealed cannot be compressed: do not try.
ALTER TABLE {candlepin}.cp_certificate ALTER privatekey SET STORAGE EXTERNAL;
ALTER TABLE {candlepin}.cp_id_cert ALTER privatekey SET STORAGE EXTERNAL;
CREATE INDEX ON {candlepin}.cp_certificate (serial_id);
CREATE INDEX ON {candlepin}.cp_id_cert (serial_id);
CREATE TABLE {candlepin}.cp_key_pair (
  id varchar(32) PRIMARY KEY,
  privatekey bytea,
  privatekey_key_id varchar(64),
  publickey bytea,
  created timestamp,
  updated timestamp
);

-- Owners, and whom they import from.
CREATE TABLE {candlepin}.cp_owner (
  id varchar(32) PRIMARY KEY,
  account varchar(255) NOT NULL UNIQUE,
  displayname varchar(255) NOT NULL,
  contentprefix varchar(255),
  defaultservicelevel varchar(255),
  parent_owner varchar(32) REFERENCES {candlepin}.cp_owner,
  upstream_id varchar(32),
  last_refreshed timestamp,
  last_content_update timestamp,
  created timestamp,
  updated timestamp
);
COMMENT ON COLUMN {candlepin}.cp_owner.account IS 'the owner''s key';
CREATE TABLE {candlepin}.cp_upstream_consumer (
  id varchar(32) PRIMARY KEY,
  uuid varchar(255) NOT NULL UNIQUE,
  name varchar(255) NOT NULL,
  created timestamp,
  updated timestamp,
  owner_id varchar(32) NOT NULL REFERENCES {candlepin}.cp_owner,
  type_id varchar(32) NOT NULL REFERENCES {candlepin}.cp_consumer_type,
  consumer_idcert_id varchar(32) REFERENCES {candlepin}.cp_id_cert,
  keypair_id varchar(32) REFERENCES {candlepin}.cp_key_pair,
  prefix_url_web varchar(255),
  prefix_url_api varchar(255),
  content_access_mode varchar(255)
);
ALTER TABLE {candlepin}.cp_owner ADD FOREIGN KEY (upstream_id) REFERENCES {candlepin}.cp_upstream_consumer;

-- What was imported, and when.
CREATE TABLE {candlepin}.cp_export_metadata (
  id varchar(32) PRIMARY KEY,
  type varchar(255) NOT NULL,
  exported timestamp NOT NULL,
  owner_id varchar(32) NOT NULL REFERENCES {candlepin}.cp_owner,
  archive_sha256 text,
  created timestamp,
  updated timestamp,
  UNIQUE (owner_id, type)
);
CREATE TABLE {candlepin}.cp_import_upstream_consumer (
  id varchar(32) PRIMARY KEY,
  uuid varchar(255) NOT NULL DEFAULT 'unknown',
  name varchar(255) NOT NULL DEFAULT 'unknown',
  owner_id varchar(32) NOT NULL,
  type_id varchar(32) REFERENCES {candlepin}.cp_consumer_type ON DELETE SET NULL,
  type_label varchar(255),
  prefix_url_web varchar(255),
  prefix_url_api varchar(255),
  content_access_mode varchar(255),
  created timestamp,
  updated timestamp
);
CREATE TABLE {candlepin}.cp_import_record (
  id varchar(32) PRIMARY KEY,
  seq bigint GENERATED ALWAYS AS IDENTITY,
  owner_id varchar(32) NOT NULL REFERENCES {candlepin}.cp_owner,
  status int NOT NULL,
  statusmessage varchar(255),
  generated_by varchar(255),
  generated_date timestamp,
  file_name varchar(255),
  upstream_id varchar(255) REFERENCES {candlepin}.cp_import_upstream_consumer,
  created timestamp,
  updated timestamp
);
COMMENT ON COLUMN {candlepin}.cp_import_record.status IS
  '0 success, 1 failure, 2 undone, 3 success with a warning';
CREATE INDEX ON {candlepin}.cp_import_record (owner_id, seq DESC);

-- Products and content belong to the owner that imported them. `managed`: it came with a manifest; others were made here
-- and are not touched by imports. `digest`: what an import last wrote, so that the next one knows what has changed without
-- reading it; `source`: the digest of the packed file that it was read from.
CREATE TABLE {candlepin}.cp_contents (
  uuid uuid PRIMARY KEY,
  owner_id varchar(32) NOT NULL,
  content_id text NOT NULL,
  managed boolean NOT NULL,
  label text NOT NULL,
  name text NOT NULL,
  type text NOT NULL,
  vendor text NOT NULL,
  contenturl text,
  gpgurl text,
  requiredtags text,
  releasever text,
  arches text,
  metadataexpire bigint,
  modified_product_ids text[],
  digest bytea,
  created timestamp,
  updated timestamp,
  UNIQUE (owner_id, content_id, managed)
);
CREATE TABLE {candlepin}.cp_products (
  uuid uuid PRIMARY KEY,
  owner_id varchar(32) NOT NULL,
  product_id varchar(32) NOT NULL,
  managed boolean NOT NULL,
  name text NOT NULL,
  multiplier bigint,
  derived_product_uuid uuid,
  digest bytea,
  source bytea,
  created timestamp,
  updated timestamp,
  UNIQUE (owner_id, product_id, managed)
);
CREATE TABLE {candlepin}.cp_product_attributes (
  product_uuid uuid NOT NULL, name text NOT NULL, value text, PRIMARY KEY (product_uuid, name)
);
CREATE TABLE {candlepin}.cp_product_contents (
  product_uuid uuid NOT NULL, content_uuid uuid NOT NULL, enabled boolean NOT NULL,
  PRIMARY KEY (product_uuid, content_uuid)
);
CREATE TABLE {candlepin}.cp_product_dependent_products (
  product_uuid uuid NOT NULL, product_id text NOT NULL, PRIMARY KEY (product_uuid, product_id)
);
CREATE TABLE {candlepin}.cp_product_reliance (
  product_uuid uuid NOT NULL, product_id text NOT NULL, PRIMARY KEY (product_uuid, product_id)
);
CREATE TABLE {candlepin}.cp_product_provided_products (
  product_uuid uuid NOT NULL, provided_product_uuid uuid NOT NULL, PRIMARY KEY (product_uuid, provided_product_uuid)
);
CREATE TABLE {candlepin}.cp_product_certificates (
  product_uuid uuid PRIMARY KEY, cert bytea NOT NULL, x509_serial bigint NOT NULL, expiration timestamp NOT NULL
);

-- Subscriptions: what the upstream consumer is entitled to. Product ids are those of the owner's managed products.
CREATE TABLE {candlepin}.cp_subscription (
  id varchar(32) PRIMARY KEY,
  owner_id varchar(32) NOT NULL REFERENCES {candlepin}.cp_owner,
  product_id varchar(32) NOT NULL,
  derivedproduct_id varchar(32),
  quantity bigint NOT NULL,
  startdate timestamp NOT NULL,
  enddate timestamp NOT NULL,
  contractnumber varchar(255),
  accountnumber varchar(255),
  ordernumber varchar(255),
  upstream_pool_id varchar(255),
  upstream_entitlement_id varchar(255),
  upstream_consumer_id varchar(255),
  certificate_id varchar(32) REFERENCES {candlepin}.cp_certificate,
  cdn_id varchar(32) REFERENCES {candlepin}.cp_cdn,
  source bytea,
  modified timestamp,
  created timestamp,
  updated timestamp
);
CREATE INDEX ON {candlepin}.cp_subscription (owner_id);
CREATE INDEX ON {candlepin}.cp_subscription (certificate_id);
CREATE TABLE {candlepin}.cp_subscription_products (
  subscription_id varchar(32) NOT NULL REFERENCES {candlepin}.cp_subscription ON DELETE CASCADE,
  product_id varchar(32) NOT NULL,
  PRIMARY KEY (subscription_id, product_id)
);
CREATE TABLE {candlepin}.cp_sub_derivedprods (
  subscription_id varchar(32) NOT NULL REFERENCES {candlepin}.cp_subscription ON DELETE CASCADE,
  product_id varchar(32) NOT NULL,
  PRIMARY KEY (subscription_id, product_id)
);
CREATE TABLE {candlepin}.cp_subscription_branding (
  subscription_id varchar(32) NOT NULL REFERENCES {candlepin}.cp_subscription ON DELETE CASCADE,
  product_id varchar(32) NOT NULL,
  type varchar(32) NOT NULL,
  name varchar(255) NOT NULL,
  PRIMARY KEY (subscription_id, product_id, type, name)
);

-- Pools: what consumers of this side are entitled from. `managed`: made from a subscription by an import. The product's
-- key is checked at COMMIT, because a product that changed is deleted and written again under its uuid.
CREATE TABLE {candlepin}.cp_pool (
  id varchar(32) PRIMARY KEY,
  owner_id varchar(32) NOT NULL REFERENCES {candlepin}.cp_owner,
  type varchar(32) NOT NULL,
  managed boolean NOT NULL,
  activesubscription boolean NOT NULL DEFAULT true,
  product_uuid uuid NOT NULL REFERENCES {candlepin}.cp_products DEFERRABLE INITIALLY DEFERRED,
  quantity bigint NOT NULL,
  quantity_consumed bigint NOT NULL DEFAULT 0,
  quantity_exported bigint NOT NULL DEFAULT 0,
  startdate timestamp NOT NULL,
  enddate timestamp NOT NULL,
  subscriptionid varchar(32) REFERENCES {candlepin}.cp_subscription,
  subscriptionsubkey varchar(255),
  contractnumber varchar(255),
  accountnumber varchar(255),
  ordernumber varchar(255),
  upstream_pool_id varchar(255),
  upstream_entitlement_id varchar(255),
  upstream_consumer_id varchar(255),
  cdn_id varchar(32) REFERENCES {candlepin}.cp_cdn,
  certificate_id varchar(32) REFERENCES {candlepin}.cp_certificate,
  version int NOT NULL DEFAULT 0,
  created timestamp,
  updated timestamp,
  UNIQUE (subscriptionid, subscriptionsubkey)
);
CREATE INDEX ON {candlepin}.cp_pool (owner_id);
CREATE INDEX ON {candlepin}.cp_pool (product_uuid);
CREATE INDEX ON {candlepin}.cp_pool (certificate_id);
CREATE TABLE {candlepin}.cp_pool_attribute (
  pool_id varchar(32) NOT NULL REFERENCES {candlepin}.cp_pool ON DELETE CASCADE,
  name varchar(255) NOT NULL,
  value varchar(255),
  PRIMARY KEY (pool_id, name)
);

-- The products that come with a pool: its subscription's; those of its product where it has none.
CREATE VIEW {candlepin}.cp_pool_products AS
  SELECT p.id AS pool_id, s.product_id, s.dtype
  FROM {candlepin}.cp_pool p
  JOIN (
    SELECT subscription_id, product_id, 'provided' AS dtype FROM {candlepin}.cp_subscription_products
    UNION ALL
    SELECT subscription_id, product_id, 'derived' FROM {candlepin}.cp_sub_derivedprods
  ) s ON s.subscription_id = p.subscriptionid
  UNION ALL
  SELECT p.id, g.product_id, 'provided'
  FROM {candlepin}.cp_pool p
  JOIN {candlepin}.cp_product_provided_products l ON l.product_uuid = p.product_uuid
  JOIN {candlepin}.cp_products g ON g.uuid = l.provided_product_uuid
  WHERE p.subscriptionid IS NULL;

-- Which consumer is registered for which owner, and whose uploads an owner accepts beside its own.
CREATE TABLE {longshore}.upstream_registrations (
  uuid varchar(255) PRIMARY KEY,
  owner_id varchar(32) NOT NULL REFERENCES {candlepin}.cp_owner ON DELETE CASCADE,
  created_at timestamp NOT NULL
);
CREATE TABLE {longshore}.grants (
  org text NOT NULL,
  owner_id varchar(32) NOT NULL REFERENCES {candlepin}.cp_owner ON DELETE CASCADE,
  permission text NOT NULL CHECK (permission IN ('import')),
  created_at timestamp NOT NULL,
  PRIMARY KEY (org, owner_id, permission)
);
COMMENT ON TABLE {longshore}.grants IS 'what an organisation may do for an owner that is not its own';
CREATE INDEX ON {longshore}.grants (owner_id);

-- Which owner's last import brought or used a consumer type: one that nobody uses any more is removed.
CREATE TABLE {longshore}.consumer_type_uses (
  owner_id varchar(32) NOT NULL REFERENCES {candlepin}.cp_owner ON DELETE CASCADE,
  type_id varchar(32) NOT NULL REFERENCES {candlepin}.cp_consumer_type,
  PRIMARY KEY (owner_id, type_id)
);
CREATE INDEX ON {longshore}.consumer_type_uses (type_id);

-- One row an import: everything that a person would ask about it. A record that is delivered again after a failure keeps
-- its row; one that was imported already leaves none.
CREATE TABLE {longshore}.imports (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  owner_id varchar(32),
  request_id text NOT NULL DEFAULT '',
  topic text NOT NULL,
  kafka_partition int NOT NULL,
  kafka_offset bigint NOT NULL,
  record_time timestamp NOT NULL,
  started_at timestamp NOT NULL,
  finished_at timestamp NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('imported', 'already imported', 'failed')),
  attempts int NOT NULL DEFAULT 1,
  import_record_id varchar(32),
  upstream_uuid text,
  manifest_created timestamp,
  signed_by text,
  archive_sha256 text,
  archive_bytes bigint,
  expanded_bytes bigint,
  entries bigint,
  stats jsonb NOT NULL DEFAULT '{}',
  warnings jsonb NOT NULL DEFAULT '[]',
  warning_count bigint NOT NULL DEFAULT 0,
  conflicts text[] NOT NULL DEFAULT '{}',
  seconds jsonb NOT NULL DEFAULT '{}',
  error_kind text,
  error text,
  UNIQUE (topic, kafka_partition, kafka_offset, record_time)
);
CREATE INDEX ON {longshore}.imports (owner_id, finished_at DESC);
CREATE INDEX ON {longshore}.imports (request_id) WHERE request_id <> '';
COMMENT ON COLUMN {longshore}.imports.stats IS 'adds, updates, deletes, unchanged of each kind of object';
COMMENT ON COLUMN {longshore}.imports.seconds IS 'duration of each phase';
