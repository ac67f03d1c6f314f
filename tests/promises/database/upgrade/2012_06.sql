ALTER TABLE cp_import_record ADD webapp_prefix varchar(255), ADD upstream_type varchar(255);
