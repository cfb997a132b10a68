SELECT pg_catalog.format(
        'role %s may not create the schema private: as a DBA, GRANT CREATE ON DATABASE %s TO %s',
        current_user, pg_catalog.quote_ident(pg_catalog.current_database()), pg_catalog.quote_ident(current_user))
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_namespace AS n WHERE n.nspname = name 'private')
    AND NOT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE');

SELECT pg_catalog.format(
        'role %s may not create anything in the schema private: as a DBA, GRANT ALL ON SCHEMA private TO %s',
        current_user, pg_catalog.quote_ident(current_user))
FROM pg_catalog.pg_namespace AS n
WHERE n.nspname = name 'private'
    AND NOT (pg_catalog.has_schema_privilege(n.oid, 'CREATE') AND pg_catalog.has_schema_privilege(n.oid, 'USAGE'));

SELECT pg_catalog.format('the schema private has %s already, where tokens is to go: rename it or drop it', c.relname)
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = name 'private'
    AND c.relname IN (name 'tokens', name 'tokens_pkey', name 'tokens_id_seq');
