-- The API tokens as they were before January 2022: readable. 20220123131732 encrypts them, with a step that is not SQL.
\set ON_ERROR_STOP on
\set QUIET on
INSERT INTO tokens (access, refresh, inserted_at, updated_at) VALUES ('demo-access-token', 'demo-refresh-token', :'start', :'start');
