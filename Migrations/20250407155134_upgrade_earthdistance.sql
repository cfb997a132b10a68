-- migrate:up
-- convoy:admin earthdistance
-- Needs the owner of the extension. Only a notice where it has the server's newest version already.
ALTER EXTENSION earthdistance UPDATE;

-- migrate:down
-- convoy:irreversible which version of earthdistance was installed before is not recorded, and extensions cannot be downgraded
