-- migrate:up
ALTER TABLE positions
    ADD COLUMN inside_temp double precision;

ALTER TABLE trips
    ADD COLUMN inside_temp_avg double precision;

-- migrate:down
ALTER TABLE trips
    DROP COLUMN inside_temp_avg;

ALTER TABLE positions
    DROP COLUMN inside_temp;
