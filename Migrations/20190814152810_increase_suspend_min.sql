-- migrate:up
ALTER TABLE settings
    ALTER COLUMN suspend_min SET DEFAULT 21;

-- Anything shorter is raised to the new minimum, 0 and negative values included.
UPDATE settings
SET suspend_min = 21
WHERE suspend_min < 21;

-- migrate:down
-- Left as it is, as in TeslaMate: the default stays 21, and the former shorter times are not known any more.
