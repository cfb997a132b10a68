-- Two passes over all charges.
SET LOCAL jit = off;
UPDATE charging_processes
SET charge_energy_used = recomputed.energy
FROM (
    WITH ratios AS (
        SELECT charging_process_id,
            avg(charger_power * 1000.0 / nullif(charger_actual_current::integer * charger_voltage, 0)) AS ratio,
            avg(charger_phases)::integer AS reported,
            count(*) AS charges
        FROM charges
        GROUP BY charging_process_id
    ),
    phases AS (
        SELECT charging_process_id,
            CASE
                WHEN ratio > 0 AND charges > 15 THEN
                    CASE
                        WHEN reported = round(ratio) THEN reported
                        WHEN reported = 3 AND abs(ratio / sqrt(3::double precision) - 1) <= 0.1
                            THEN sqrt(3::double precision)
                        WHEN round(ratio) > 0 AND abs(round(ratio) - ratio) <= 0.3 THEN round(ratio)
                    END
            END AS phases
        FROM ratios
    ),
    energies AS (
        SELECT charging_process_id,
            CASE
                WHEN charges.charger_phases IS NULL THEN charges.charger_power
                ELSE coalesce(
                    charges.charger_actual_current::integer * charges.charger_voltage * phases.phases / 1000,
                    charges.charger_power
                )
            END * extract(
                EPOCH FROM charges.date - lag(charges.date) OVER (
                    PARTITION BY charging_process_id ORDER BY charges.date, charges.id
                )
            ) / 3600 AS energy
        FROM charges
        JOIN phases USING (charging_process_id)
    )
    SELECT charging_process_id, round(sum(energy) FILTER (WHERE energy >= 0)::numeric, 2) AS energy
    FROM energies
    GROUP BY charging_process_id
) AS recomputed
WHERE charging_processes.id = recomputed.charging_process_id
    AND recomputed.energy IS NOT NULL
    AND charging_processes.charge_energy_used IS DISTINCT FROM recomputed.energy;

