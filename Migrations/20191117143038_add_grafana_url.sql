-- migrate:up
ALTER TABLE settings
    ADD COLUMN grafana_url varchar(255);

-- migrate:down
ALTER TABLE settings
    DROP COLUMN grafana_url;
