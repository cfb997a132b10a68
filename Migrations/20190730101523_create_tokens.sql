-- migrate:up
CREATE TABLE tokens (
    id bigserial PRIMARY KEY,
    access varchar(255) NOT NULL,
    refresh varchar(255) NOT NULL,
    inserted_at timestamp(0) NOT NULL,
    updated_at timestamp(0) NOT NULL
);

-- migrate:down
-- Everybody has to sign in again: the tokens are gone with the table.
DROP TABLE tokens;
