-- migrate:up
-- Compiling the statement would take longer than it saves.
SET LOCAL jit = off;

-- Each charging process reads its own charges through their index, so that nothing large has to be sorted.
--
-- Charging processes that have charges get all their figures from these anew; an end date that is set stays.
-- A process without start date is not touched.
--
-- Phases: the ratio of the power the car reports to current * voltage tells how many phases were really used. It is
-- trusted only if it is positive and rests on more than 15 charges. It then confirms the phases reported, or is read
-- as line voltage on three phases (sqrt 3, within 10 %), or gives the count itself if it is within 0.3 of a whole
-- number (zero included). In all other cases the phases are unknown.
--
-- Energy used in kWh: power times the time since the charge before, positive terms only; the power is current *
-- voltage * phases where the charge reports phases, otherwise what the car says. No positive term gives NULL.
UPDATE charging_processes AS process
SET start_ideal_range_km = figures.start_ideal_range_km,
    end_ideal_range_km = figures.end_ideal_range_km,
    start_rated_range_km = figures.start_rated_range_km,
    end_rated_range_km = figures.end_rated_range_km,
    start_battery_level = figures.start_battery_level,
    end_battery_level = figures.end_battery_level,
    outside_temp_avg = figures.outside_temp_avg,
    charge_energy_added = CASE WHEN figures.energy_added >= 0 THEN figures.energy_added END,
    charge_energy_used = figures.energy_used,
    duration_min = round(extract(epoch FROM figures.last_date - figures.first_date) / 60)::integer,
    end_date = coalesce(process.end_date, figures.last_date)
FROM charging_processes AS source
CROSS JOIN LATERAL (
    SELECT
        count(*) AS samples,
        round(avg(charger_phases)) AS reported,
        avg(charger_power * 1000 / nullif(charger_actual_current::double precision * charger_voltage, 0)) AS ratio
    FROM charges
    WHERE charging_process_id = source.id
) AS measured
CROSS JOIN LATERAL (
    -- Rounds halves up, without the detour over numeric that would lose digits.
    SELECT floor(ratio) + CASE WHEN ratio - floor(ratio) >= 0.5 THEN 1 ELSE 0 END AS nearest
) AS rounded
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN ratio > 0 AND samples > 15 THEN
                CASE
                    WHEN reported = nearest THEN nearest
                    WHEN reported = 3 AND abs(ratio / sqrt(3::double precision) - 1) <= 0.1
                        THEN sqrt(3::double precision)
                    WHEN abs(nearest - ratio) <= 0.3 THEN nearest
                END
        END AS phases
) AS used
CROSS JOIN LATERAL (
    SELECT
        min(date) AS first_date,
        max(date) AS last_date,
        min(ideal_battery_range_km) FILTER (WHERE number = 1) AS start_ideal_range_km,
        min(ideal_battery_range_km) FILTER (WHERE number = samples) AS end_ideal_range_km,
        min(rated_battery_range_km) FILTER (WHERE number = 1) AS start_rated_range_km,
        min(rated_battery_range_km) FILTER (WHERE number = samples) AS end_rated_range_km,
        min(battery_level) FILTER (WHERE number = 1) AS start_battery_level,
        min(battery_level) FILTER (WHERE number = samples) AS end_battery_level,
        min(charge_energy_added) FILTER (WHERE number = samples)
            - min(charge_energy_added) FILTER (WHERE number = 1) AS energy_added,
        avg(outside_temp) AS outside_temp_avg,
        sum(energy) FILTER (WHERE energy > 0) AS energy_used
    FROM (
        SELECT
            charges.*,
            row_number() OVER by_date AS number,
            CASE
                WHEN charger_phases IS NULL THEN charger_power
                ELSE charger_actual_current::double precision * charger_voltage * phases / 1000
            END
            * extract(epoch FROM date - lag(date) OVER by_date) / 3600 AS energy
        FROM charges
        WHERE charging_process_id = source.id
        WINDOW by_date AS (ORDER BY date, ctid)
    ) AS steps
) AS figures
WHERE process.id = source.id
  AND source.start_date IS NOT NULL
  AND samples > 0;

-- Without any charge neither energy is known; all else stays.
UPDATE charging_processes AS process
SET charge_energy_added = NULL,
    charge_energy_used = NULL
WHERE start_date IS NOT NULL
  AND (charge_energy_added IS NOT NULL OR charge_energy_used IS NOT NULL)
  AND NOT EXISTS (SELECT FROM charges WHERE charges.charging_process_id = process.id);

-- migrate:down
-- Nothing to undo: the figures before the recalculation are not kept.
