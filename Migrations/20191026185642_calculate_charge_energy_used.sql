-- migrate:up
-- Compiling the statement would take longer than it saves.
SET LOCAL jit = off;

-- Energy used in kWh: for each charge its power times the time since the charge before it, summed over the charging
-- process. With phases reported the power is current * voltage * phases, otherwise what the car says. Terms that are
-- zero, negative or unknown do not count; a process without any other term gets NULL, whatever it had.
WITH steps AS (
    SELECT
        charging_process_id,
        CASE
            WHEN charger_phases IS NULL THEN charger_power
            ELSE charger_actual_current::double precision * charger_voltage * charger_phases / 1000
        END
        * extract(epoch FROM date - lag(date) OVER by_date) / 3600 AS energy
    FROM charges
    WINDOW by_date AS (PARTITION BY charging_process_id ORDER BY date, ctid)
),
totals AS (
    SELECT charging_process_id, sum(energy) AS energy
    FROM steps
    WHERE energy > 0
    GROUP BY charging_process_id
)
UPDATE charging_processes
SET charge_energy_used = result.energy
FROM (
    SELECT charging_processes.id, totals.energy
    FROM charging_processes
    LEFT JOIN totals ON totals.charging_process_id = charging_processes.id
) AS result
WHERE charging_processes.id = result.id
  AND charging_processes.charge_energy_used IS DISTINCT FROM result.energy;

-- migrate:down
-- Nothing to undo: the column is older than this migration, and its values before are not known.
