-- `record_time` is Kafka's time of the record (1970 where the broker has none). It tells records apart that have the same
-- place: a topic that was made again counts its offsets from 0, and two clusters may have topics of one name.

-- One row a refresh: everything that a person would ask about it. A record that is delivered again after a failure
-- keeps its row; one that was applied already leaves none.
CREATE TABLE {longshore}.refreshes (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id bigint NOT NULL,
  source_id bigint NOT NULL,
  request_id text NOT NULL DEFAULT '',
  topic text NOT NULL,
  kafka_partition int NOT NULL,
  kafka_offset bigint NOT NULL,
  record_time timestamp NOT NULL,
  requested_at timestamp,
  started_at timestamp NOT NULL,
  finished_at timestamp NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('applied', 'superseded', 'failed')),
  mode text CHECK (mode IN ('full', 'incremental', 'older incremental')),
  attempts int NOT NULL DEFAULT 1,
  archive_sha256 text,
  archive_bytes bigint,
  expanded_bytes bigint,
  entries bigint,
  ignored_entries bigint,
  bad_objects bigint,
  ignored_objects bigint,
  stats jsonb NOT NULL DEFAULT '{}',
  warnings jsonb NOT NULL DEFAULT '[]',
  warning_count bigint NOT NULL DEFAULT 0,
  seconds jsonb NOT NULL DEFAULT '{}',
  error_kind text,
  error text,
  UNIQUE (topic, kafka_partition, kafka_offset, record_time)
);
CREATE INDEX ON {longshore}.refreshes (source_id, finished_at DESC);
CREATE INDEX ON {longshore}.refreshes (request_id) WHERE request_id <> '';
COMMENT ON COLUMN {longshore}.refreshes.stats IS 'adds, updates, deletes, unchanged of each table';
COMMENT ON COLUMN {longshore}.refreshes.warnings IS 'the first warnings, each {"what", "where", "count"}; warning_count has all';
COMMENT ON COLUMN {longshore}.refreshes.seconds IS 'duration of each phase';

-- Records that can never succeed. Never holds keys, identities or the record itself.
CREATE TABLE {longshore}.rejected_records (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic text NOT NULL,
  kafka_partition int NOT NULL,
  kafka_offset bigint NOT NULL,
  record_time timestamp NOT NULL,
  request_id text NOT NULL DEFAULT '',
  kind text NOT NULL,
  reason text NOT NULL,
  kept_at text,
  rejected_at timestamp NOT NULL,
  UNIQUE (topic, kafka_partition, kafka_offset, record_time)
);
COMMENT ON COLUMN {longshore}.rejected_records.kept_at IS 'where the record itself is: an s3:// URL or a queue';

-- Events, written in the transaction that makes the change and published afterwards, in order of id for one key.
CREATE TABLE {longshore}.outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id uuid NOT NULL UNIQUE,
  key text NOT NULL,
  type text NOT NULL CHECK (type IN ('CREATED', 'MODIFIED', 'DELETED', 'EXPIRED')),
  target text NOT NULL,
  target_name text,
  entity_id text,
  principal_data jsonb,
  request_id text,
  event_data jsonb NOT NULL,
  created_at timestamp NOT NULL,
  published_at timestamp
);
CREATE INDEX ON {longshore}.outbox (id) WHERE published_at IS NULL;

-- Staging: what an archive holds, as rows of the refresh that read it, gone before it commits. Unlogged: a crash rolls
-- the refresh back and may take these along. No index: they are read whole. `seq` is the order in the archive.
CREATE UNLOGGED TABLE {longshore}.staged_credential_types (
  refresh uuid NOT NULL, seq bigint NOT NULL, source_ref text NOT NULL, name text, description text, kind text,
  namespace text, source_created_at timestamp, source_updated_at timestamp
);
CREATE UNLOGGED TABLE {longshore}.staged_credentials (
  refresh uuid NOT NULL, seq bigint NOT NULL, source_ref text NOT NULL, name text, description text, type_ref text,
  source_created_at timestamp, source_updated_at timestamp
);
CREATE UNLOGGED TABLE {longshore}.staged_inventories (
  refresh uuid NOT NULL, seq bigint NOT NULL, source_ref text NOT NULL, name text, description text, extra jsonb,
  source_created_at timestamp, source_updated_at timestamp
);
CREATE UNLOGGED TABLE {longshore}.staged_offerings (
  refresh uuid NOT NULL, seq bigint NOT NULL, source_ref text NOT NULL, name text, description text, extra jsonb,
  inventory_ref text, source_created_at timestamp, source_updated_at timestamp
);
CREATE UNLOGGED TABLE {longshore}.staged_nodes (
  refresh uuid NOT NULL, seq bigint NOT NULL, source_ref text NOT NULL, extra jsonb, offering_ref text, root_ref text,
  inventory_ref text, source_created_at timestamp, source_updated_at timestamp
);
-- A survey without a schema says that its template has none.
CREATE UNLOGGED TABLE {longshore}.staged_plans (
  refresh uuid NOT NULL, seq bigint NOT NULL, source_ref text NOT NULL, name text, description text,
  create_json_schema jsonb
);
-- What the id files of an incremental archive list: the ids that still exist.
CREATE UNLOGGED TABLE {longshore}.staged_ids (
  refresh uuid NOT NULL, collection text NOT NULL, source_ref text NOT NULL
);

-- Forms are compressed when they are staged and moved as they are. lz4 takes half the time of PostgreSQL's own method;
-- a server without it keeps its own.
DO $lz4$
BEGIN
  EXECUTE 'ALTER TABLE {longshore}.staged_plans ALTER create_json_schema SET COMPRESSION lz4';
  EXECUTE 'ALTER TABLE {longshore}.staged_inventories ALTER extra SET COMPRESSION lz4';
EXCEPTION WHEN feature_not_supported OR syntax_error THEN
  NULL;
END
$lz4$;

-- They are empty between refreshes but for dead rows: vacuum by count, not by a share of nothing.
DO $staging$
DECLARE
  staged text;
BEGIN
  FOREACH staged IN ARRAY '{credential_types,credentials,inventories,offerings,nodes,plans,ids}'::text[] LOOP
    EXECUTE format('ALTER TABLE {longshore}.%I SET (autovacuum_vacuum_scale_factor = 0,
      autovacuum_vacuum_threshold = 5000, autovacuum_analyze_threshold = 2000000000)', 'staged_' || staged);
  END LOOP;
END
$staging$;

-- Every refresh joins by this pair. Not unique: the API's own table allows repeats, and some databases have them.
CREATE INDEX IF NOT EXISTS longshore_service_offerings_source_ref ON {inventory}.service_offerings (source_id, source_ref);
