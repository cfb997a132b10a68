-- migrate:up
ALTER TABLE settings
    ADD COLUMN base_url varchar(255);

-- migrate:down
ALTER TABLE settings
    DROP COLUMN base_url;
