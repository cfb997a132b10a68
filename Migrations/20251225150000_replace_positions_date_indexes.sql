-- migrate:up
DROP INDEX IF EXISTS positions_date_index;

DROP INDEX IF EXISTS positions_drive_id_date_index;

CREATE INDEX positions_date_index ON positions USING brin (date);

CREATE INDEX positions_drive_id_date_index ON positions USING brin (drive_id, date);

-- migrate:down
DROP INDEX IF EXISTS positions_drive_id_date_index;

DROP INDEX IF EXISTS positions_date_index;

CREATE INDEX positions_drive_id_date_index ON positions (drive_id, date);

CREATE INDEX positions_date_index ON positions (date);
