-- migrate:up
CREATE TABLE import_runs (
    id bigserial PRIMARY KEY,
    source_key character varying(255) NOT NULL,
    status character varying(255) NOT NULL,
    timezone character varying(255) NOT NULL,
    date_limit timestamp,
    date_limit_captured boolean NOT NULL DEFAULT false,
    car_id bigint REFERENCES cars (id) ON DELETE SET NULL,
    inserted_at timestamp NOT NULL,
    updated_at timestamp NOT NULL
);

CREATE UNIQUE INDEX import_runs_one_running_per_source ON import_runs (source_key) WHERE status = 'running';

CREATE TABLE import_file_checkpoints (
    id bigserial PRIMARY KEY,
    run_id bigint NOT NULL REFERENCES import_runs (id) ON DELETE CASCADE,
    file_name character varying(255) NOT NULL,
    file_fingerprint character varying(255) NOT NULL,
    completed_at timestamp NOT NULL,
    inserted_at timestamp NOT NULL,
    updated_at timestamp NOT NULL
);

CREATE UNIQUE INDEX import_file_checkpoints_identity ON import_file_checkpoints (run_id, file_name, file_fingerprint);

CREATE TABLE import_rejections (
    id bigserial PRIMARY KEY,
    run_id bigint NOT NULL REFERENCES import_runs (id) ON DELETE CASCADE,
    file_name character varying(255) NOT NULL,
    file_fingerprint character varying(255) NOT NULL,
    "row" integer NOT NULL,
    reason character varying(255) NOT NULL,
    fields character varying(255)[] NOT NULL DEFAULT ARRAY[]::character varying[],
    inserted_at timestamp NOT NULL,
    updated_at timestamp NOT NULL
);

CREATE UNIQUE INDEX import_rejections_row_identity
    ON import_rejections (run_id, file_name, file_fingerprint, "row");

-- migrate:down
DROP TABLE import_rejections;

DROP TABLE import_file_checkpoints;

DROP TABLE import_runs;
