-- migrate:up
-- Both functions of a decision: a session plans their statements once, also behind a pooler in transaction mode, and a call is one statement of the
-- protocol. Plans are made for any values, because those for the values of one decision would be made anew each time; and with an index wherever there is
-- one, because they live on while tables that were empty grow.

-- Locks a run, and returns what is new in it: a row of the run, then the events and the requests that the worker does not know. The event that it knows last
-- comes with them: a server that was behind and took over may have another one with that number, or none. Each statement sees
-- what was committed before the lock was there. No row where there is no such run. All settings hold to the end of the transaction.
CREATE FUNCTION convoy_control.open_decision(
    the_run text, the_worker text, known_event bigint, most_events bigint, most_requests bigint, reported_numbers bigint[],
    reported_attempts bigint[], longest_wait text
) RETURNS TABLE (
    -- run, event or request.
    part text,
    -- Of the event or the request; of the run that of its last event.
    number bigint, turn bigint, kind text, content text, person text,
    -- Of the run alone.
    is_open boolean, served_request bigint, last_assignment bigint, hand_over text, last_decision bigint,
    -- Of the reported assignments those that the worker still has.
    own bigint[]
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    locked record;
    still_own bigint[] := '{}';
BEGIN
    -- Where the client vanishes before its COMMIT arrives.
    PERFORM set_config('idle_in_transaction_session_timeout', longest_wait, true);
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    PERFORM set_config('enable_seqscan', 'off', true);
    IF current_setting('plan_cache_mode', true) IS NOT NULL THEN
        PERFORM set_config('plan_cache_mode', 'force_generic_plan', true);
    END IF;
    -- Workers queue here, so that the end of a transaction wakes one of them. Where many wait for the lock of a row that changes, each change wakes them
    -- all, one after the other. Anyone who may connect can hold the queue's lock, so it is not waited for long: the run is what the row's lock protects.
    BEGIN
        PERFORM set_config('lock_timeout', '1s', true);
        PERFORM pg_advisory_xact_lock(hashtextextended(the_run, 1668247158));
    EXCEPTION WHEN lock_not_available THEN NULL;
    END;
    -- Not the role's own limit: a lock that is held for a moment is waited for.
    PERFORM set_config('lock_timeout', longest_wait, true);
    SELECT r.status IS NULL AND r.for_workers AS is_open, r.turn, r.last_event, r.last_request, r.served_request, r.last_assignment, r.resumed_by,
            r.hand_over
        INTO locked FROM convoy_control.runs AS r WHERE r.id = the_run FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- In the order of their numbers, in which others lock them too.
    FOR place IN 1..cardinality(reported_numbers) LOOP
        PERFORM 1 FROM convoy_control.assignments AS a
            WHERE a.run = the_run AND a.number = reported_numbers[place] AND a.attempt = reported_attempts[place] AND a.worker = the_worker
                AND a.state = 'claimed' FOR UPDATE;
        IF FOUND THEN
            still_own := still_own || reported_numbers[place];
        END IF;
    END LOOP;
    SELECT w.last_decision INTO last_decision FROM convoy_control.workers AS w WHERE w.id = the_worker;
    part := 'run';
    number := locked.last_event;
    turn := locked.turn;
    person := locked.resumed_by;
    is_open := locked.is_open;
    served_request := locked.served_request;
    last_assignment := locked.last_assignment;
    hand_over := locked.hand_over;
    own := still_own;
    RETURN NEXT;
    IF locked.last_event >= known_event THEN
        RETURN QUERY SELECT 'event'::text, e.number, e.turn, e.type, e.json, NULL::text, NULL::boolean, NULL::bigint, NULL::bigint, NULL::text,
                NULL::bigint, NULL::bigint[]
            FROM convoy_control.events AS e WHERE e.run = the_run AND e.number >= known_event ORDER BY e.number LIMIT most_events;
    END IF;
    IF locked.last_request > locked.served_request THEN
        RETURN QUERY SELECT 'request'::text, q.number, NULL::bigint, q.kind, q.argument, q.requested_by, NULL::boolean, NULL::bigint,
                NULL::bigint, NULL::text, NULL::bigint, NULL::bigint[]
            FROM convoy_control.requests AS q WHERE q.run = the_run AND q.number > locked.served_request ORDER BY q.number LIMIT most_requests;
    END IF;
END
$function$;

-- Writes what a decision on a run says, in the transaction that has opened it.
CREATE FUNCTION convoy_control.write_decision(
    the_run text, the_worker text, the_count bigint, known_event bigint, new_turn bigint, known_assignment bigint, answered_request bigint,
    -- What becomes of the run: nothing where it is empty, `reopened`, or the status with which it ends.
    end_word text, end_at timestamptz,
    done bigint[], withdrawn_kinds text[], withdrawn_subjects text[], cancels_all boolean, gate_kind text, approved_waves text[],
    approvers text[], lease interval, begun_kinds text[], begun_subjects text[], begun_waves text[], begun_servers text[], begun_claims boolean[],
    -- The text of a notification; null where nobody waits for it.
    news text,
    all_at timestamptz[], all_types text[], all_instances text[], all_outcomes text[], all_json text[], all_versions bigint[],
    all_directions text[], all_seconds double precision[], all_checkpoints bigint[], all_learnt boolean[], all_endings text[]
) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    ended bigint;
BEGIN
    IF cardinality(all_at) > 0 THEN
        INSERT INTO convoy_control.events (run, number, turn, at, type, instance, outcome, json, version, direction, seconds, checkpoint,
                is_learnt, ending)
            SELECT the_run, known_event + e.ordinality, new_turn, e.at, e.type, e.instance, e.outcome, e.json, e.version, e.direction,
                e.seconds, e.checkpoint, e.is_learnt, e.ending
            FROM unnest(all_at, all_types, all_instances, all_outcomes, all_json, all_versions, all_directions, all_seconds, all_checkpoints,
                all_learnt, all_endings) WITH ORDINALITY
                AS e (at, type, instance, outcome, json, version, direction, seconds, checkpoint, is_learnt, ending, ordinality);
    END IF;
    FOREACH ended IN ARRAY done LOOP
        UPDATE convoy_control.assignments AS a SET state = 'done', ended_at = clock_timestamp() WHERE a.run = the_run AND a.number = ended;
    END LOOP;
    IF cancels_all OR cardinality(withdrawn_kinds) > 0 OR cardinality(approved_waves) > 0 THEN
        -- In the order in which a worker that gives several back locks them.
        PERFORM 1 FROM convoy_control.assignments AS a
            WHERE a.run = the_run AND a.state IN ('waiting', 'claimed') ORDER BY a.run, a.number FOR UPDATE;
    END IF;
    IF cardinality(withdrawn_kinds) > 0 THEN
        UPDATE convoy_control.assignments AS a SET state = 'withdrawn', ended_at = clock_timestamp()
            FROM unnest(withdrawn_kinds, withdrawn_subjects) AS w (kind, subject)
            WHERE a.run = the_run AND a.kind = w.kind AND a.subject = w.subject AND a.state IN ('waiting', 'claimed');
    END IF;
    IF cancels_all THEN
        UPDATE convoy_control.assignments AS a SET is_cancelled = true WHERE a.run = the_run AND a.state IN ('waiting', 'claimed');
    END IF;
    IF cardinality(begun_kinds) > 0 THEN
        INSERT INTO convoy_control.assignments (run, number, kind, subject, wave, server, state, worker, attempt, lease_until)
            SELECT the_run, known_assignment + b.ordinality, b.kind, b.subject, b.wave, b.server,
                CASE WHEN b.is_claimed THEN 'claimed' ELSE 'waiting' END, CASE WHEN b.is_claimed THEN the_worker END,
                CASE WHEN b.is_claimed THEN 1 ELSE 0 END, CASE WHEN b.is_claimed THEN clock_timestamp() + lease END
            FROM unnest(begun_kinds, begun_subjects, begun_waves, begun_servers, begun_claims) WITH ORDINALITY
                AS b (kind, subject, wave, server, is_claimed, ordinality);
    END IF;
    -- Behind what begins: a gate may begin with an approval.
    IF cardinality(approved_waves) > 0 THEN
        UPDATE convoy_control.assignments AS a SET approved_by = p.person FROM unnest(approved_waves, approvers) AS p (wave, person)
            WHERE a.run = the_run AND a.kind = gate_kind AND a.subject = p.wave AND a.state IN ('waiting', 'claimed');
    END IF;
    UPDATE convoy_control.runs AS r SET turn = new_turn, last_event = known_event + cardinality(all_at),
        served_request = greatest(r.served_request, answered_request), last_assignment = known_assignment + cardinality(begun_kinds),
        resumed_by = CASE WHEN end_word = 'reopened' THEN NULL ELSE r.resumed_by END,
        status = CASE end_word WHEN '' THEN r.status WHEN 'reopened' THEN NULL ELSE end_word END,
        finished_at = CASE end_word WHEN '' THEN r.finished_at WHEN 'reopened' THEN NULL ELSE end_at END
        WHERE r.id = the_run;
    UPDATE convoy_control.workers AS w SET last_decision = the_count WHERE w.id = the_worker;
    -- What is written is worth more than that others hear of it at once: a full queue would refuse both.
    IF news IS NOT NULL AND pg_notification_queue_usage() < 0.9 THEN
        PERFORM pg_notify('convoy_control', news);
    END IF;
END
$function$;

-- migrate:down
DROP FUNCTION convoy_control.write_decision;
DROP FUNCTION convoy_control.open_decision;
