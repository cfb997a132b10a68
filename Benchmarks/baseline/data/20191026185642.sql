-- The charges of each process by the index.
SET LOCAL jit = off;
UPDATE charging_processes SET charge_energy_used = r.energy
FROM charging_processes p CROSS JOIN LATERAL (
 SELECT sum(energy) FILTER (WHERE energy > 0) AS energy FROM (
  SELECT CASE WHEN charger_phases IS NULL THEN charger_power ELSE charger_actual_current::double precision * charger_voltage * charger_phases / 1000 END
        * extract(epoch FROM date - lag(date) OVER (ORDER BY date, ctid)) / 3600 AS energy
  FROM charges c WHERE c.charging_process_id = p.id) s ) r
WHERE charging_processes.id = p.id AND charging_processes.charge_energy_used IS DISTINCT FROM r.energy;
