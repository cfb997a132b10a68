-- migrate:up
CREATE UNIQUE INDEX cars_vin_index ON cars (vin);

-- migrate:down
DROP INDEX cars_vin_index;
