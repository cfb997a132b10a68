-- migrate:up
CREATE INDEX positions_drive_id_date_index ON positions (drive_id, date);

DROP INDEX positions_drive_id_index;

-- migrate:down
CREATE INDEX positions_drive_id_index ON positions (drive_id);

DROP INDEX positions_drive_id_date_index;
