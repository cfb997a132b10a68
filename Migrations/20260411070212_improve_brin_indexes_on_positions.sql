-- migrate:up
DROP INDEX IF EXISTS positions_date_index;

DROP INDEX IF EXISTS positions_drive_id_date_index;

CREATE INDEX positions_date_timestamp_minmax_multi_ops_index
    ON positions USING brin (date timestamp_minmax_multi_ops)
    WITH (autosummarize = true, pages_per_range = 64);

CREATE INDEX positions_drive_id_date_timestamp_minmax_multi_ops_index
    ON positions USING brin (drive_id, date timestamp_minmax_multi_ops)
    WITH (autosummarize = true, pages_per_range = 64);

-- migrate:down
-- BRIN indexes as they were before. TeslaMate's own way down makes btree indexes of these names instead.
DROP INDEX IF EXISTS positions_drive_id_date_timestamp_minmax_multi_ops_index;

DROP INDEX IF EXISTS positions_date_timestamp_minmax_multi_ops_index;

CREATE INDEX positions_drive_id_date_index ON positions USING brin (drive_id, date);

CREATE INDEX positions_date_index ON positions USING brin (date);
