-- migrate:up
CREATE TABLE settings (
    id bigserial PRIMARY KEY,
    use_imperial_units boolean NOT NULL DEFAULT false,
    inserted_at timestamp(0) NOT NULL,
    updated_at timestamp(0) NOT NULL
);

-- The one row that holds all settings. Times are UTC, rounded to whole seconds by the column type.
INSERT INTO settings (use_imperial_units, inserted_at, updated_at)
VALUES (
    false,
    statement_timestamp() AT TIME ZONE 'UTC',
    statement_timestamp() AT TIME ZONE 'UTC'
);

-- migrate:down
DROP TABLE settings;
