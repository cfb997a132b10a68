-- migrate:up
-- convoy:admin
-- Needs the owner of both extensions, and a superuser since earthdistance is not a trusted extension. CASCADE takes with
-- it everything that depends on either of them, objects made by users included.
DROP EXTENSION cube CASCADE;

CREATE EXTENSION cube WITH SCHEMA public;

CREATE EXTENSION earthdistance WITH SCHEMA public;

-- migrate:down
-- convoy:irreversible what earlier migrations had changed in the functions of the geo extensions, and whatever else depended on them, was dropped with them
