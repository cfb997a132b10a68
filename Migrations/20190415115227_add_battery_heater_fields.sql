-- migrate:up
ALTER TABLE positions
    ADD COLUMN battery_heater boolean,
    ADD COLUMN battery_heater_on boolean,
    ADD COLUMN battery_heater_no_power boolean;

ALTER TABLE charges
    ADD COLUMN battery_heater boolean,
    ADD COLUMN battery_heater_no_power boolean;

-- migrate:down
ALTER TABLE charges
    DROP COLUMN battery_heater,
    DROP COLUMN battery_heater_no_power;

ALTER TABLE positions
    DROP COLUMN battery_heater,
    DROP COLUMN battery_heater_on,
    DROP COLUMN battery_heater_no_power;
