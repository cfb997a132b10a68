-- migrate:up
ALTER TABLE cars
    ADD COLUMN exterior_color text,
    ADD COLUMN spoiler_type text,
    ADD COLUMN wheel_type text;

-- migrate:down
ALTER TABLE cars
    DROP COLUMN exterior_color,
    DROP COLUMN spoiler_type,
    DROP COLUMN wheel_type;
