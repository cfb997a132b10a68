-- migrate:up
-- A charge cannot have zero or fewer phases: the number is unknown.
UPDATE charges SET charger_phases = NULL WHERE charger_phases <= 0;

ALTER TABLE charges ADD CONSTRAINT positive_charger_phases CHECK (charger_phases > 0);

-- migrate:down
-- The numbers that became unknown stay unknown.
ALTER TABLE charges DROP CONSTRAINT positive_charger_phases;
