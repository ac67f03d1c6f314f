ALTER TABLE cp_owner DROP upstream_uuid;
ALTER TABLE cp_rules ADD version varchar(20) NOT NULL DEFAULT '2.1';
ALTER TABLE cp_import_record DROP upstream_name, DROP webapp_prefix, DROP upstream_type;
CREATE TABLE cp_import_upstream_consumer (
  id varchar(32) PRIMARY KEY, uuid varchar(255) NOT NULL DEFAULT 'unknown', name varchar(255) NOT NULL DEFAULT 'unknown',
  owner_id varchar(32) NOT NULL, type_id varchar(32) NOT NULL REFERENCES cp_consumer_type,
  prefix_url_web varchar(255), prefix_url_api varchar(255), created timestamp, updated timestamp
);
ALTER TABLE cp_import_record ADD FOREIGN KEY (upstream_id) REFERENCES cp_import_upstream_consumer;
