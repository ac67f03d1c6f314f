-- The Catalog Inventory tables that a refresh reads and writes, where they are missing. Names, types, indexes and
-- keys are those of the Catalog Inventory API's own schema, so that its API reads what is written here unchanged.
-- Where the tables exist nothing about them is changed.

CREATE TABLE IF NOT EXISTS {inventory}.tenants (
  id bigserial PRIMARY KEY,
  name varchar,
  description text,
  external_tenant varchar NOT NULL UNIQUE,
  created_at timestamp(6) NOT NULL DEFAULT now(),
  updated_at timestamp(6) NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS {inventory}.sources (
  id bigserial PRIMARY KEY,
  name varchar NOT NULL DEFAULT '',
  uid varchar NOT NULL,
  tenant_id bigint NOT NULL,
  created_at timestamp(6) NOT NULL DEFAULT now(),
  updated_at timestamp(6) NOT NULL DEFAULT now(),
  refresh_state varchar,
  refresh_started_at timestamp,
  refresh_finished_at timestamp,
  last_successful_refresh_at timestamp,
  info jsonb,
  cloud_connector_id varchar,
  availability_status varchar,
  last_checked_at timestamp,
  last_available_at timestamp,
  enabled boolean DEFAULT false,
  refresh_task_id varchar,
  last_refresh_message varchar,
  previous_sha varchar,
  previous_size int,
  availability_message varchar,
  UNIQUE (tenant_id, uid)
);

-- Only what finding the source of a refresh task needs.
CREATE TABLE IF NOT EXISTS {inventory}.tasks (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id bigint NOT NULL,
  source_id bigint REFERENCES {inventory}.sources ON DELETE SET NULL,
  name varchar,
  status varchar,
  state varchar,
  message varchar,
  output jsonb,
  created_at timestamp(6) NOT NULL DEFAULT now(),
  updated_at timestamp(6) NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS {inventory}.service_credential_types (
  id bigserial PRIMARY KEY,
  tenant_id bigint NOT NULL REFERENCES {inventory}.tenants ON DELETE CASCADE,
  source_id bigint REFERENCES {inventory}.sources ON DELETE CASCADE,
  name varchar,
  description varchar,
  kind varchar,
  namespace varchar,
  source_ref varchar NOT NULL,
  created_at timestamp(6) NOT NULL,
  updated_at timestamp(6) NOT NULL,
  archived_at timestamp,
  source_created_at timestamp,
  source_deleted_at timestamp,
  last_seen_at timestamp,
  source_updated_at timestamp,
  UNIQUE (source_id, source_ref)
);

CREATE TABLE IF NOT EXISTS {inventory}.service_credentials (
  id bigserial PRIMARY KEY,
  tenant_id bigint NOT NULL REFERENCES {inventory}.tenants ON DELETE CASCADE,
  source_id bigint REFERENCES {inventory}.sources ON DELETE CASCADE,
  source_ref varchar NOT NULL,
  name varchar,
  type_name varchar,
  description text,
  created_at timestamp(6) NOT NULL,
  updated_at timestamp(6) NOT NULL,
  archived_at timestamp,
  source_created_at timestamp,
  source_updated_at timestamp,
  last_seen_at timestamp,
  service_credential_type_id bigint,
  UNIQUE (source_id, source_ref)
);

CREATE TABLE IF NOT EXISTS {inventory}.service_inventories (
  id bigserial PRIMARY KEY,
  tenant_id bigint NOT NULL REFERENCES {inventory}.tenants ON DELETE CASCADE,
  source_id bigint REFERENCES {inventory}.sources ON DELETE CASCADE,
  source_ref varchar NOT NULL,
  name varchar,
  description text,
  extra jsonb,
  created_at timestamp(6) NOT NULL,
  updated_at timestamp(6) NOT NULL,
  archived_at timestamp,
  source_created_at timestamp,
  source_updated_at timestamp,
  last_seen_at timestamp,
  UNIQUE (source_id, source_ref)
);

-- No unique key on (source_id, source_ref), unlike all the others: a quirk of the API's schema.
CREATE TABLE IF NOT EXISTS {inventory}.service_offerings (
  id bigserial PRIMARY KEY,
  tenant_id bigint NOT NULL REFERENCES {inventory}.tenants ON DELETE CASCADE,
  source_id bigint REFERENCES {inventory}.sources ON DELETE CASCADE,
  source_ref varchar,
  name varchar,
  description text,
  extra jsonb,
  created_at timestamp(6) NOT NULL,
  updated_at timestamp(6) NOT NULL,
  source_deleted_at timestamp,
  source_created_at timestamp,
  archived_at timestamp,
  last_seen_at timestamp,
  display_name varchar,
  documentation_url varchar,
  long_description text,
  distributor varchar,
  support_url varchar,
  service_inventory_id bigint REFERENCES {inventory}.service_inventories ON DELETE SET NULL,
  source_updated_at timestamp
);

CREATE TABLE IF NOT EXISTS {inventory}.service_offering_nodes (
  id bigserial PRIMARY KEY,
  tenant_id bigint NOT NULL REFERENCES {inventory}.tenants ON DELETE CASCADE,
  source_id bigint NOT NULL REFERENCES {inventory}.sources ON DELETE CASCADE,
  service_inventory_id bigint REFERENCES {inventory}.service_inventories ON DELETE SET NULL,
  service_offering_id bigint REFERENCES {inventory}.service_offerings ON DELETE SET NULL,
  root_service_offering_id bigint REFERENCES {inventory}.service_offerings ON DELETE SET NULL,
  source_ref varchar NOT NULL,
  name varchar,
  extra jsonb,
  created_at timestamp(6) NOT NULL,
  updated_at timestamp(6) NOT NULL,
  archived_at timestamp,
  source_created_at timestamp,
  source_updated_at timestamp,
  last_seen_at timestamp,
  UNIQUE (source_id, source_ref)
);

CREATE TABLE IF NOT EXISTS {inventory}.service_plans (
  id bigserial PRIMARY KEY,
  tenant_id bigint NOT NULL REFERENCES {inventory}.tenants ON DELETE CASCADE,
  source_id bigint NOT NULL REFERENCES {inventory}.sources ON DELETE CASCADE,
  source_ref varchar NOT NULL,
  name varchar,
  description text,
  service_offering_id bigint,
  extra jsonb,
  created_at timestamp(6) NOT NULL,
  updated_at timestamp(6) NOT NULL,
  source_deleted_at timestamp,
  source_created_at timestamp,
  create_json_schema jsonb,
  update_json_schema jsonb,
  archived_at timestamp,
  last_seen_at timestamp,
  source_updated_at timestamp,
  UNIQUE (source_id, source_ref)
);

-- The API's indexes, where there is none on that column yet.
DO $indexes$
DECLARE
  wanted record;
BEGIN
  FOR wanted IN
    SELECT t.name AS table_name, c.name AS column_name
    FROM (VALUES
      ('service_credential_types', '{archived_at,last_seen_at,tenant_id}'::text[]),
      ('service_credentials', '{archived_at,last_seen_at,tenant_id,service_credential_type_id}'),
      ('service_inventories', '{archived_at,last_seen_at,tenant_id}'),
      ('service_offerings', '{archived_at,last_seen_at,tenant_id,service_inventory_id,source_deleted_at}'),
      ('service_offering_nodes',
       '{archived_at,last_seen_at,tenant_id,service_inventory_id,service_offering_id,root_service_offering_id}'),
      ('service_plans', '{archived_at,last_seen_at,tenant_id,service_offering_id,source_deleted_at}')
    ) AS t(name, columns), unnest(t.columns) AS c(name)
    WHERE NOT EXISTS (
      SELECT FROM pg_index i
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
      WHERE i.indrelid = format('{inventory}.%I', t.name)::regclass AND a.attname = c.name AND i.indnatts = 1
    )
  LOOP
    EXECUTE format('CREATE INDEX ON {inventory}.%I (%I)', wanted.table_name, wanted.column_name);
  END LOOP;
END
$indexes$;
