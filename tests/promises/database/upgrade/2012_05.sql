ALTER TABLE cp_import_record
  ADD generated_by varchar(255), ADD generated_date timestamp, ADD upstream_name varchar(255),
  ADD upstream_id varchar(255);
