-- migrate:up
ALTER TABLE cars ADD COLUMN marketing_name character varying(255);

-- migrate:down
ALTER TABLE cars DROP COLUMN marketing_name;
