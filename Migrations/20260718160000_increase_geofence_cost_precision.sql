-- migrate:up
ALTER TABLE charging_processes ALTER COLUMN cost TYPE numeric(14, 2);

ALTER TABLE geofences
    ALTER COLUMN cost_per_unit TYPE numeric(9, 4),
    ALTER COLUMN session_fee TYPE numeric(14, 2);

-- migrate:down
-- Refuses if a price or a cost has grown beyond the narrower types.
DO $$
BEGIN
    IF EXISTS (SELECT FROM geofences WHERE abs(cost_per_unit) > 99.9999) THEN
        RAISE EXCEPTION 'geofences.cost_per_unit holds prices beyond 99.9999, which numeric(6,4) cannot store'
            USING HINT = 'Lower these prices, or stay at this version.';
    END IF;

    IF EXISTS (SELECT FROM geofences WHERE abs(session_fee) > 9999.99) THEN
        RAISE EXCEPTION 'geofences.session_fee holds fees beyond 9999.99, which numeric(6,2) cannot store'
            USING HINT = 'Lower these fees, or stay at this version.';
    END IF;

    IF EXISTS (SELECT FROM charging_processes WHERE abs(cost) > 9999.99) THEN
        RAISE EXCEPTION 'charging_processes.cost holds costs beyond 9999.99, which numeric(6,2) cannot store'
            USING HINT = 'Lower these costs, or stay at this version.';
    END IF;
END
$$;

ALTER TABLE geofences
    ALTER COLUMN cost_per_unit TYPE numeric(6, 4),
    ALTER COLUMN session_fee TYPE numeric(6, 2);

ALTER TABLE charging_processes ALTER COLUMN cost TYPE numeric(6, 2);
