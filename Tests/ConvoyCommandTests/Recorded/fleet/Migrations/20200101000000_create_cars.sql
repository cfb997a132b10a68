-- migrate:up
CREATE TABLE cars (id bigint PRIMARY KEY);
-- migrate:down
DROP TABLE cars;
