-- One pass over all charges, with window functions.
SET LOCAL jit = off;
WITH ordered AS (
    SELECT
        charging_process_id, date, charge_energy_added, ideal_battery_range_km, rated_battery_range_km, battery_level,
        outside_temp, charger_power, charger_phases,
        charger_actual_current::double precision * charger_voltage AS phase_power,
        lag(date) OVER by_date AS previous_date,
        row_number() OVER by_date AS number,
        count(*) OVER whole AS samples,
        round(avg(charger_phases) OVER whole) AS reported,
        avg(charger_power * 1000 / nullif(charger_actual_current::double precision * charger_voltage, 0)) OVER whole
            AS ratio
    FROM charges
    WINDOW
        whole AS (PARTITION BY charging_process_id),
        by_date AS (PARTITION BY charging_process_id ORDER BY date, ctid)
),
measured AS (
    SELECT
        ordered.*,
        CASE
            WHEN ratio > 0 AND samples > 15 THEN
                CASE
                    WHEN reported = nearest THEN nearest
                    WHEN reported = 3 AND abs(ratio / sqrt(3::double precision) - 1) <= 0.1
                        THEN sqrt(3::double precision)
                    WHEN abs(nearest - ratio) <= 0.3 THEN nearest
                END
        END AS phases
    FROM ordered
    CROSS JOIN LATERAL (
        SELECT floor(ratio) + CASE WHEN ratio - floor(ratio) >= 0.5 THEN 1 ELSE 0 END AS nearest
    ) AS rounded
),
steps AS (
    SELECT
        measured.*,
        CASE WHEN charger_phases IS NULL THEN charger_power ELSE phase_power * phases / 1000 END
        * extract(epoch FROM date - previous_date) / 3600 AS energy
    FROM measured
),
figures AS (
    SELECT
        charging_process_id,
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
    FROM steps
    GROUP BY charging_process_id
)
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
FROM figures
WHERE process.id = figures.charging_process_id
  AND process.start_date IS NOT NULL;

UPDATE charging_processes AS process
SET charge_energy_added = NULL,
    charge_energy_used = NULL
WHERE start_date IS NOT NULL
  AND (charge_energy_added IS NOT NULL OR charge_energy_used IS NOT NULL)
  AND NOT EXISTS (SELECT FROM charges WHERE charges.charging_process_id = process.id);

