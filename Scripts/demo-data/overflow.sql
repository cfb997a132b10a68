-- A charger that reported 32,000 kW for two days. 20260808090000 computes 1,536,000 kWh from that, and numeric(8,2) ends at 999,999.99.
\set ON_ERROR_STOP on
\set QUIET on
INSERT INTO charges (charging_process_id, date, battery_level, charge_energy_added, charger_power, ideal_battery_range_km)
SELECT id, end_date + days * interval '2 days', 72, 22, 32000, 320
FROM charging_processes, generate_series(0, 1) AS days
WHERE id = (SELECT max(id) FROM charging_processes);
