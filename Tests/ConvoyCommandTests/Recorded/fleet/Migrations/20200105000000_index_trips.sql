-- migrate:up transaction:false
CREATE INDEX CONCURRENTLY IF NOT EXISTS trips_by_car ON trips (car_id);
-- migrate:down transaction:false
DROP INDEX CONCURRENTLY IF EXISTS trips_by_car;
