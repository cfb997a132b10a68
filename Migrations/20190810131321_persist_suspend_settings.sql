-- migrate:up
ALTER TABLE settings
    ADD COLUMN suspend_min integer NOT NULL DEFAULT 12,
    ADD COLUMN suspend_after_idle_min integer NOT NULL DEFAULT 15;

-- migrate:down
ALTER TABLE settings
    DROP COLUMN suspend_min,
    DROP COLUMN suspend_after_idle_min;
