-- migrate:up
ALTER TABLE drives
    DROP COLUMN "consumption_kWh",
    DROP COLUMN "consumption_kWh_100km";

-- migrate:down
-- convoy:irreversible The two consumption columns of drives are dropped with their values, which are stored nowhere else.
