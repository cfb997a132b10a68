-- migrate:up
CREATE INDEX "positions_car_id_date__ideal_battery_range_km_IS_NOT_NULL_index"
    ON positions (car_id, date, (ideal_battery_range_km IS NOT NULL))
    WHERE ideal_battery_range_km IS NOT NULL;

-- migrate:down
DROP INDEX "positions_car_id_date__ideal_battery_range_km_IS_NOT_NULL_index";
