-- One decision: an instance has ended and the next one begins, by the same worker. Two round trips, as `convoy worker` makes it. Where the worker
-- knows numbers, they are looked up here.
\set client :client_id
\startpipeline
BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL statement_timeout = 30000;
SELECT o.* FROM convoy_control.runs AS r,
    convoy_control.open_decision('run', 'w' || :client, r.last_event - 6 * (:workers - 1), 2000, 100,
        ARRAY(SELECT a.number FROM convoy_control.assignments AS a WHERE a.worker = 'w' || :client AND a.run = 'run' AND a.state = 'claimed'),
        '{1}', '30000') AS o
    WHERE r.id = 'run';
\endpipeline
\startpipeline
SELECT convoy_control.write_decision('run', 'w' || :client, 1, r.last_event, r.turn + 1, r.last_assignment, 0, '', NULL,
        ARRAY(SELECT a.number FROM convoy_control.assignments AS a WHERE a.worker = 'w' || :client AND a.run = 'run' AND a.state = 'claimed'),
        '{}', '{}', false, '', '{}', '{}', '15 s', '{change}', ARRAY['tenant-' || r.last_assignment + 1], '{rest}', '{pg-1}', '{t}', NULL,
        array_fill(now(), '{6}'), array_fill('migration_applied'::text, '{6}'), array_fill('tenant-' || r.last_assignment, '{6}'),
        array_fill(NULL::text, '{6}'), array_fill(repeat('y', 240), '{6}'), array_fill(NULL::bigint, '{6}'), array_fill(NULL::text, '{6}'),
        array_fill(NULL::float8, '{6}'), array_fill(NULL::bigint, '{6}'), array_fill(NULL::boolean, '{6}'), array_fill(NULL::text, '{6}'))
    FROM convoy_control.runs AS r WHERE r.id = 'run';
COMMIT;
\endpipeline
