SELECT pg_catalog.format(
        'the server is PostgreSQL %s, and its indexes can be made from 14 on: upgrade the server', pg_catalog.current_setting('server_version'))
WHERE pg_catalog.current_setting('server_version_num')::integer < 140000;
