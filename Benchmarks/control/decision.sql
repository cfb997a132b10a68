-- One decision: an instance has ended and the next one begins, by the same worker. Two round trips, as `convoy worker` makes it.
\set client :client_id
\startpipeline
BEGIN;
SELECT status IS NULL, turn, last_event, served_request, last_assignment, resumed_by FROM convoy_control.runs WHERE id = 'run' FOR UPDATE;
SELECT last_decision FROM convoy_control.workers WHERE id = 'w' || :client;
SELECT number, turn, type, json FROM convoy_control.events
    WHERE run = 'run' AND number > (SELECT last_event FROM convoy_control.runs WHERE id = 'run') - 6 * (:workers - 1) ORDER BY number LIMIT 2000;
SELECT number, kind, argument FROM convoy_control.requests
    WHERE run = 'run' AND number > (SELECT served_request FROM convoy_control.runs WHERE id = 'run') ORDER BY number LIMIT 100;
SELECT number FROM convoy_control.assignments WHERE worker = 'w' || :client AND run = 'run' AND state = 'claimed' ORDER BY number FOR UPDATE;
\endpipeline
\startpipeline
INSERT INTO convoy_control.events (run, number, turn, at, type, instance, json)
    SELECT 'run', r.last_event + g, r.turn + 1, now(), 'migration_applied', 'tenant-' || r.last_assignment, repeat('y', 240)
    FROM convoy_control.runs AS r, generate_series(1, 6) AS g WHERE r.id = 'run';
UPDATE convoy_control.assignments SET state = 'done', ended_at = clock_timestamp()
    WHERE run = 'run' AND worker = 'w' || :client AND state = 'claimed';
INSERT INTO convoy_control.assignments (run, number, kind, subject, wave, server, state, worker, attempt, lease_until)
    SELECT 'run', last_assignment + 1, 'change', 'tenant-' || last_assignment + 1, 'rest', 'pg-1', 'claimed', 'w' || :client, 1,
        clock_timestamp() + interval '15 s'
    FROM convoy_control.runs WHERE id = 'run';
UPDATE convoy_control.runs SET turn = turn + 1, last_event = last_event + 6, last_assignment = last_assignment + 1 WHERE id = 'run';
UPDATE convoy_control.workers SET last_decision = last_decision + 1 WHERE id = 'w' || :client;
COMMIT;
\endpipeline
