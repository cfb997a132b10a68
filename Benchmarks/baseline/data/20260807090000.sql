UPDATE charges SET charger_phases = NULL WHERE charger_phases <= 0;

ALTER TABLE charges ADD CONSTRAINT positive_charger_phases CHECK (charger_phases > 0);

