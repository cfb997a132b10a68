-- migrate:up
CREATE TYPE unit_of_pressure AS ENUM ('bar', 'psi');

ALTER TABLE settings ADD COLUMN unit_of_pressure unit_of_pressure NOT NULL DEFAULT 'bar';

-- migrate:down
ALTER TABLE settings DROP COLUMN unit_of_pressure;

DROP TYPE unit_of_pressure;
