-- What a decision finds: one run of 20,000 finished instances, of which each worker has one more in progress.
INSERT INTO convoy_control.runs (id, fleet, fleet_file, direction, instances, plan, started_at, convoy_version, started_by, for_workers, turn,
    last_event, last_assignment)
VALUES ('run', 'eu', 'fleet.yaml', 'up', 1000000, '', now(), '1', 'me@here', true, 20000, 120000, 20064);
INSERT INTO convoy_control.workers (id, fleet, convoy_version, capacity, running, is_draining)
SELECT 'w' || g, 'eu', '1', 1, 1, false FROM generate_series(0, 63) AS g;
INSERT INTO convoy_control.events (run, number, turn, at, type, instance, json)
SELECT 'run', g, g / 6, now(), 'migration_applied', 'tenant-' || g / 6, repeat('x', 240) FROM generate_series(1, 120000) AS g;
INSERT INTO convoy_control.assignments (run, number, kind, subject, wave, server, state, worker, attempt, lease_until)
SELECT 'run', g, 'change', 'tenant-' || g, 'rest', 'pg-1', CASE WHEN g > 20000 THEN 'claimed' ELSE 'done' END, 'w' || greatest(0, g - 20001), 1,
    now() + interval '1 hour'
FROM generate_series(1, 20064) AS g;
ANALYZE;
