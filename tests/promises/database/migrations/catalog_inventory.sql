-- A database as the Catalog Inventory API leaves it: its tables, indexes by its names, and some rows. Two offerings
-- have the same source_ref, which the API's schema allows.

CREATE TABLE tenants (
  id bigserial PRIMARY KEY, name varchar, description text, external_tenant varchar NOT NULL,
  created_at timestamp(6) NOT NULL DEFAULT now(), updated_at timestamp(6) NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX index_tenants_on_external_tenant ON tenants (external_tenant);

CREATE TABLE sources (
  id bigserial PRIMARY KEY, name varchar NOT NULL DEFAULT '', uid varchar NOT NULL, tenant_id bigint NOT NULL,
  created_at timestamp(6) NOT NULL DEFAULT now(), updated_at timestamp(6) NOT NULL DEFAULT now(),
  refresh_state varchar, refresh_started_at timestamp, refresh_finished_at timestamp,
  last_successful_refresh_at timestamp, info jsonb, cloud_connector_id varchar, availability_status varchar,
  last_checked_at timestamp, last_available_at timestamp, enabled boolean DEFAULT false, refresh_task_id varchar,
  last_refresh_message varchar, previous_sha varchar, previous_size int, availability_message varchar
);
CREATE UNIQUE INDEX index_sources_on_tenant_id_and_uid ON sources (tenant_id, uid);

-- More columns than a refresh needs, and no key to sources.
CREATE TABLE tasks (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), tenant_id bigint NOT NULL, source_id bigint, name varchar,
  owner varchar, type varchar, status varchar, state varchar, message varchar, input jsonb, output jsonb,
  target_type varchar, target_source_ref varchar, controller_message_id varchar, completed_at timestamp,
  created_at timestamp(6) NOT NULL DEFAULT now(), updated_at timestamp(6) NOT NULL DEFAULT now()
);

CREATE TABLE service_credential_types (
  id bigserial PRIMARY KEY, tenant_id bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
  source_id bigint REFERENCES sources ON DELETE CASCADE, name varchar, description varchar, kind varchar,
  namespace varchar, source_ref varchar NOT NULL, created_at timestamp(6) NOT NULL, updated_at timestamp(6) NOT NULL,
  archived_at timestamp, source_created_at timestamp, source_deleted_at timestamp, last_seen_at timestamp,
  source_updated_at timestamp
);
CREATE UNIQUE INDEX index_service_credential_types_on_source_id_and_source_ref
  ON service_credential_types (source_id, source_ref);
CREATE INDEX index_service_credential_types_on_archived_at ON service_credential_types (archived_at);
CREATE INDEX index_service_credential_types_on_last_seen_at ON service_credential_types (last_seen_at);
CREATE INDEX index_service_credential_types_on_tenant_id ON service_credential_types (tenant_id);

CREATE TABLE service_credentials (
  id bigserial PRIMARY KEY, tenant_id bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
  source_id bigint REFERENCES sources ON DELETE CASCADE, source_ref varchar NOT NULL, name varchar, type_name varchar,
  description text, created_at timestamp(6) NOT NULL, updated_at timestamp(6) NOT NULL, archived_at timestamp,
  source_created_at timestamp, source_updated_at timestamp, last_seen_at timestamp, service_credential_type_id bigint
);
CREATE UNIQUE INDEX index_service_credentials_on_source_id_and_source_ref
  ON service_credentials (source_id, source_ref);
CREATE INDEX index_service_credentials_on_archived_at ON service_credentials (archived_at);
CREATE INDEX index_service_credentials_on_last_seen_at ON service_credentials (last_seen_at);
CREATE INDEX index_service_credentials_on_tenant_id ON service_credentials (tenant_id);
CREATE INDEX index_service_credentials_on_service_credential_type_id
  ON service_credentials (service_credential_type_id);

CREATE TABLE service_inventories (
  id bigserial PRIMARY KEY, tenant_id bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
  source_id bigint REFERENCES sources ON DELETE CASCADE, source_ref varchar NOT NULL, name varchar, description text,
  extra jsonb, created_at timestamp(6) NOT NULL, updated_at timestamp(6) NOT NULL, archived_at timestamp,
  source_created_at timestamp, source_updated_at timestamp, last_seen_at timestamp
);
CREATE UNIQUE INDEX index_service_inventories_on_source_id_and_source_ref
  ON service_inventories (source_id, source_ref);
CREATE INDEX index_service_inventories_on_archived_at ON service_inventories (archived_at);
CREATE INDEX index_service_inventories_on_last_seen_at ON service_inventories (last_seen_at);
CREATE INDEX index_service_inventories_on_tenant_id ON service_inventories (tenant_id);

CREATE TABLE service_offerings (
  id bigserial PRIMARY KEY, tenant_id bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
  source_id bigint REFERENCES sources ON DELETE CASCADE, source_ref varchar, name varchar, description text,
  extra jsonb, created_at timestamp(6) NOT NULL, updated_at timestamp(6) NOT NULL, source_deleted_at timestamp,
  source_created_at timestamp, archived_at timestamp, last_seen_at timestamp, display_name varchar,
  documentation_url varchar, long_description text, distributor varchar, support_url varchar,
  service_inventory_id bigint REFERENCES service_inventories ON DELETE SET NULL, source_updated_at timestamp
);
CREATE INDEX index_service_offerings_on_archived_at ON service_offerings (archived_at);
CREATE INDEX index_service_offerings_on_last_seen_at ON service_offerings (last_seen_at);
CREATE INDEX index_service_offerings_on_tenant_id ON service_offerings (tenant_id);
CREATE INDEX index_service_offerings_on_service_inventory_id ON service_offerings (service_inventory_id);
CREATE INDEX index_service_offerings_on_source_deleted_at ON service_offerings (source_deleted_at);

CREATE TABLE service_offering_nodes (
  id bigserial PRIMARY KEY, tenant_id bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
  source_id bigint NOT NULL REFERENCES sources ON DELETE CASCADE,
  service_inventory_id bigint REFERENCES service_inventories ON DELETE SET NULL,
  service_offering_id bigint REFERENCES service_offerings ON DELETE SET NULL,
  root_service_offering_id bigint REFERENCES service_offerings ON DELETE SET NULL, source_ref varchar NOT NULL,
  name varchar, extra jsonb, created_at timestamp(6) NOT NULL, updated_at timestamp(6) NOT NULL, archived_at timestamp,
  source_created_at timestamp, source_updated_at timestamp, last_seen_at timestamp
);
CREATE UNIQUE INDEX index_service_offering_nodes_on_source_id_and_source_ref
  ON service_offering_nodes (source_id, source_ref);
CREATE INDEX index_service_offering_nodes_on_archived_at ON service_offering_nodes (archived_at);
CREATE INDEX index_service_offering_nodes_on_last_seen_at ON service_offering_nodes (last_seen_at);
CREATE INDEX index_service_offering_nodes_on_tenant_id ON service_offering_nodes (tenant_id);
CREATE INDEX index_service_offering_nodes_on_service_inventory_id ON service_offering_nodes (service_inventory_id);
CREATE INDEX index_service_offering_nodes_on_service_offering_id ON service_offering_nodes (service_offering_id);
CREATE INDEX index_service_offering_nodes_on_root_service_offering_id
  ON service_offering_nodes (root_service_offering_id);

CREATE TABLE service_plans (
  id bigserial PRIMARY KEY, tenant_id bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
  source_id bigint NOT NULL REFERENCES sources ON DELETE CASCADE, source_ref varchar NOT NULL, name varchar,
  description text, service_offering_id bigint, extra jsonb, created_at timestamp(6) NOT NULL,
  updated_at timestamp(6) NOT NULL, source_deleted_at timestamp, source_created_at timestamp, create_json_schema jsonb,
  update_json_schema jsonb, archived_at timestamp, last_seen_at timestamp, source_updated_at timestamp
);
CREATE UNIQUE INDEX index_service_plans_on_source_id_and_source_ref ON service_plans (source_id, source_ref);
CREATE INDEX index_service_plans_on_archived_at ON service_plans (archived_at);
CREATE INDEX index_service_plans_on_last_seen_at ON service_plans (last_seen_at);
CREATE INDEX index_service_plans_on_tenant_id ON service_plans (tenant_id);
CREATE INDEX index_service_plans_on_service_offering_id ON service_plans (service_offering_id);
CREATE INDEX index_service_plans_on_source_deleted_at ON service_plans (source_deleted_at);

-- The API's own, which a refresh has nothing to do with.
CREATE TABLE service_offering_icons (id bigserial PRIMARY KEY, tenant_id bigint NOT NULL, data text);

INSERT INTO tenants (external_tenant) VALUES ('5318290');
INSERT INTO sources (name, uid, tenant_id, enabled, previous_sha) VALUES ('Tower', 'tower-1', 1, true, 'abc');
INSERT INTO tasks (tenant_id, source_id, name, owner, state) VALUES (1, 1, 'FullRefresh', 'somebody', 'pending');
INSERT INTO service_inventories (tenant_id, source_id, source_ref, name, extra, created_at, updated_at)
  VALUES (1, 1, '33', 'Production', '{"kind": ""}', '2021-01-01', '2021-01-01');
INSERT INTO service_offerings (tenant_id, source_id, source_ref, name, extra, created_at, updated_at, display_name)
  VALUES (1, 1, '10', 'Deploy', '{"type": "job_template"}', '2021-01-01', '2021-01-01', 'Deploy it'),
         (1, 1, '10', 'Deploy', '{"type": "job_template"}', '2021-01-02', '2021-01-02', NULL),
         (1, 1, NULL, 'Of no template', NULL, '2021-01-03', '2021-01-03', NULL);
INSERT INTO service_offering_nodes
    (tenant_id, source_id, source_ref, service_offering_id, root_service_offering_id, created_at, updated_at)
  VALUES (1, 1, '100', 1, 2, '2021-01-01', '2021-01-01');
INSERT INTO service_plans (tenant_id, source_id, source_ref, name, service_offering_id, created_at, updated_at)
  VALUES (1, 1, '10', 'Where to', 1, '2021-01-01', '2021-01-01');
