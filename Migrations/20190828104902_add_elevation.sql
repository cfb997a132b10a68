-- migrate:up
ALTER TABLE positions RENAME COLUMN altitude TO elevation;

-- migrate:down
ALTER TABLE positions RENAME COLUMN elevation TO altitude;
