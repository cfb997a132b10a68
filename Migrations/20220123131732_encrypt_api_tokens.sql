-- migrate:up
ALTER TABLE tokens
    ADD COLUMN encrypted_refresh bytea,
    ADD COLUMN encrypted_access bytea;

-- Fills encrypted_refresh and encrypted_access from refresh and access. SQL alone cannot do it: PostgreSQL has no AES-GCM.
-- convoy:step encrypt-api-tokens

-- The plain tokens go only when each row has its ciphertexts: 40 bytes of header, and as many bytes as the token.
DO $$
DECLARE
    unencrypted bigint;
BEGIN
    SELECT count(*)
    INTO unencrypted
    FROM tokens
    WHERE octet_length(encrypted_refresh) IS DISTINCT FROM 40 + octet_length(convert_to(refresh, 'UTF8'))
        OR octet_length(encrypted_access) IS DISTINCT FROM 40 + octet_length(convert_to(access, 'UTF8'));

    IF unencrypted > 0 THEN
        RAISE EXCEPTION '% row(s) of tokens are not encrypted', unencrypted
            USING ERRCODE = 'ZC010',
                HINT = 'Run this migration with Convoy, which encrypts the tokens with the ENCRYPTION_KEY of this TeslaMate installation. Nothing was changed.';
    END IF;
END
$$;

ALTER TABLE tokens
    DROP COLUMN refresh,
    DROP COLUMN access;

ALTER TABLE tokens RENAME COLUMN encrypted_refresh TO refresh;

ALTER TABLE tokens RENAME COLUMN encrypted_access TO access;

-- migrate:down
-- convoy:irreversible the tokens are encrypted and their plain text was dropped; only TeslaMate with its ENCRYPTION_KEY can read them
