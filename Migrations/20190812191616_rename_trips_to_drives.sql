-- migrate:up
-- The sequence, the other indexes and the other constraints of the table keep trips in their names, as in TeslaMate.
ALTER TABLE trips RENAME TO drives;

ALTER TABLE positions RENAME COLUMN trip_id TO drive_id;

ALTER TABLE positions RENAME CONSTRAINT positions_trip_id_fkey TO positions_drive_id_fkey;

ALTER INDEX positions_trip_id_index RENAME TO positions_drive_id_index;

-- migrate:down
ALTER INDEX positions_drive_id_index RENAME TO positions_trip_id_index;

ALTER TABLE positions RENAME CONSTRAINT positions_drive_id_fkey TO positions_trip_id_fkey;

ALTER TABLE positions RENAME COLUMN drive_id TO trip_id;

ALTER TABLE drives RENAME TO trips;
