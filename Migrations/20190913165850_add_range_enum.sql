-- migrate:up
CREATE TYPE "range" AS ENUM ('ideal', 'rated');

ALTER TABLE settings
    ADD COLUMN preferred_range "range" NOT NULL DEFAULT 'rated';

-- migrate:down
ALTER TABLE settings
    DROP COLUMN preferred_range;

DROP TYPE "range";
