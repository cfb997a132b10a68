-- migrate:up
CREATE INDEX positions_date_index ON positions (date);

CREATE INDEX charges_date_index ON charges (date);

-- migrate:down
DROP INDEX charges_date_index;

DROP INDEX positions_date_index;
