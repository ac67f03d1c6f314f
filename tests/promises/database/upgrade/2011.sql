-- The tables of the first shape that an upgrade meets, as far as it reads them, and some that it only moves.
CREATE TABLE cp_owner (
  id varchar(32) PRIMARY KEY, account varchar(255) NOT NULL UNIQUE, displayname varchar(255) NOT NULL,
  contentprefix varchar(255), defaultservicelevel varchar(255), upstream_uuid varchar(255) UNIQUE,
  parent_owner varchar(32) REFERENCES cp_owner, created timestamp, updated timestamp
);
CREATE TABLE cp_consumer_type (
  id varchar(32) PRIMARY KEY, label varchar(255) NOT NULL UNIQUE, manifest char(1) NOT NULL,
  created timestamp, updated timestamp
);
INSERT INTO cp_consumer_type (id, label, manifest) VALUES
  ('1000', 'system', 'N'), ('1001', 'person', 'N'), ('1002', 'domain', 'N'), ('1003', 'candlepin', 'Y'),
  ('1006', 'sam', 'Y'), ('2000', 'branch office', 'N');
CREATE TABLE cp_export_metadata (
  id varchar(32) PRIMARY KEY, type varchar(255) NOT NULL, exported timestamp NOT NULL,
  owner_id varchar(32) REFERENCES cp_owner, created timestamp, updated timestamp
);
CREATE TABLE cp_import_record (
  id varchar(32) PRIMARY KEY, owner_id varchar(32) NOT NULL REFERENCES cp_owner, status int NOT NULL,
  statusmessage varchar(255), created timestamp, updated timestamp
);
CREATE TABLE cp_rules (id varchar(32) PRIMARY KEY, rules_blob text, created timestamp, updated timestamp);
INSERT INTO cp_rules (id, rules_blob, updated) VALUES
  ('r1', 'old();', '2011-01-01'), ('r2', 'newer();', '2012-01-01');
CREATE TABLE cp_subscription (
  id varchar(32) PRIMARY KEY, owner_id varchar(32) NOT NULL REFERENCES cp_owner, product_id varchar(255) NOT NULL,
  quantity bigint NOT NULL
);
CREATE TABLE cp_event (id bigserial PRIMARY KEY, target varchar(255));
CREATE SEQUENCE cp_job_number;
CREATE VIEW cp_consumers AS SELECT id, account FROM cp_owner;
CREATE TABLE databasechangelog (id varchar(63) NOT NULL);
