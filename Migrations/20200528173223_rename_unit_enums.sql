-- migrate:up
ALTER TYPE length RENAME TO unit_of_length;

ALTER TYPE temperature RENAME TO unit_of_temperature;

-- migrate:down
ALTER TYPE unit_of_temperature RENAME TO temperature;

ALTER TYPE unit_of_length RENAME TO length;
