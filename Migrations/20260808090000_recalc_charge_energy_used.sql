-- migrate:up
-- Compiling the statement would take longer than it saves.
SET LOCAL jit = off;

-- Recomputes the energy used from the charges of each charging process: power times the time since the charge before it.
-- Power is current times voltage times phases, and the charger's own figure where one of them is unknown. The number of
-- phases follows from the ratio of that figure to current times voltage: a three-phase charge may come out as sqrt(3),
-- and a ratio that is no clear whole number leaves the phases unknown. Falls in energy do not count, and a result that
-- numeric(8,2) cannot hold aborts the migration. Each process reads its own charges through their index, so that nothing
-- large has to be sorted.
UPDATE charging_processes
SET charge_energy_used = recomputed.energy
FROM charging_processes AS source
CROSS JOIN LATERAL (
    SELECT avg(charger_power * 1000.0 / nullif(charger_actual_current::integer * charger_voltage, 0)) AS ratio,
        avg(charger_phases)::integer AS reported,
        count(*) AS charges
    FROM charges
    WHERE charging_process_id = source.id
) AS measured
CROSS JOIN LATERAL (
    SELECT CASE
            WHEN ratio > 0 AND charges > 15 THEN
                CASE
                    WHEN reported = round(ratio) THEN reported
                    WHEN reported = 3 AND abs(ratio / sqrt(3::double precision) - 1) <= 0.1
                        THEN sqrt(3::double precision)
                    WHEN round(ratio) > 0 AND abs(round(ratio) - ratio) <= 0.3 THEN round(ratio)
                END
        END AS phases
) AS used
CROSS JOIN LATERAL (
    SELECT round(sum(energy) FILTER (WHERE energy >= 0)::numeric, 2) AS energy
    FROM (
        SELECT
            CASE
                WHEN charger_phases IS NULL THEN charger_power
                ELSE coalesce(charger_actual_current::integer * charger_voltage * phases / 1000, charger_power)
            END * extract(EPOCH FROM date - lag(date) OVER (ORDER BY date, id)) / 3600 AS energy
        FROM charges
        WHERE charging_process_id = source.id
    ) AS energies
) AS recomputed
WHERE charging_processes.id = source.id
    AND recomputed.energy IS NOT NULL
    AND source.charge_energy_used IS DISTINCT FROM recomputed.energy;

-- migrate:down
-- Nothing to do: the values before the recalculation are not kept.
