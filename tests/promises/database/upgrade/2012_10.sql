ALTER TABLE cp_import_record ADD file_name varchar(255);
CREATE TABLE cp_upstream_consumer (
  id varchar(32) PRIMARY KEY, uuid varchar(255) NOT NULL, name varchar(255) NOT NULL, owner_id varchar(32) NOT NULL,
  type_id varchar(32) NOT NULL, consumer_idcert_id varchar(32), prefix_url_web varchar(255),
  prefix_url_api varchar(255), created timestamp, updated timestamp
);
ALTER TABLE cp_owner ADD upstream_id varchar(32) REFERENCES cp_upstream_consumer;
