-- migrate:up
-- One open state per car.
CREATE UNIQUE INDEX "states_car_id__end_date_IS_NULL_index" ON states (car_id, (end_date IS NULL))
    WHERE end_date IS NULL;

-- Nothing may end before it started. An open row passes.
ALTER TABLE states
    ADD CONSTRAINT positive_duration CHECK (end_date >= start_date);

ALTER TABLE updates
    ADD CONSTRAINT positive_duration CHECK (end_date >= start_date);

-- migrate:down
ALTER TABLE updates
    DROP CONSTRAINT positive_duration;

ALTER TABLE states
    DROP CONSTRAINT positive_duration;

DROP INDEX "states_car_id__end_date_IS_NULL_index";
