-- migrate:up
CREATE TABLE trips (id bigint PRIMARY KEY, car_id bigint REFERENCES cars (id));
-- Time enough to be killed in, where there is such a table.
SELECT pg_sleep(3) FROM pg_catalog.pg_tables WHERE tablename = 'slow';
-- migrate:down
DROP TABLE trips;
