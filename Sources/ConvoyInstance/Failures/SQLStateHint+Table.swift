extension SQLStateHint {
    /// The first that fits is taken.
    static let table: [SQLStateHint] = [
        // Getting a session.
        .init("28P01", on: .connecting, means: "the password is wrong or missing", advice: "check `password`, or the password file"),
        .init(
            "28000",
            on: .connecting,
            means: "the server rejects this login",
            advice: "check pg_hba.conf on the server (address, database, user, TLS), and that the role exists and may log in"
        ),
        .init("3D000", on: .connecting, means: "the database does not exist", advice: "create it, or correct its name in the fleet file"),
        .init(
            "42501",
            on: .connecting,
            means: "the role may not connect to this database",
            advice: "GRANT CONNECT ON DATABASE to it, or set `user` to the owner of the TeslaMate tables"
        ),
        .init(
            "55000",
            on: .connecting,
            means: "the database does not accept connections",
            advice: "ALTER DATABASE … ALLOW_CONNECTIONS true, or remove the instance from the fleet file"
        ),
        .init(
            "53300",
            on: .anytime,
            means: "the server, the database or the role has no free connection",
            advice: "lower max_connections of this server in the fleet file, or raise the limit on the server"
        ),
        .init("57P03", on: .anytime, means: "the server is starting up or shutting down", advice: "try again"),
        .init(
            "57P01",
            "57P02",
            on: .anytime,
            means: "an administrator or a restart of the server ended the session",
            advice: "run the command again when the server is up; what was not committed is rolled back"
        ),
        .init(
            "08001",
            "08004",
            "08006",
            "08P01",
            on: .connecting,
            means: "something between Convoy and the server (possibly a pooler) gave no session",
            advice: "check its log, or connect to the server directly"
        ),
        .init(
            "26000",
            "42P05",
            on: .anytime,
            means: "a pooler mixes the statements of several sessions",
            advice: "connect to the server directly, or to a pool in session mode"
        ),

        // The server has a problem.
        .init(
            "53100",
            on: .anytime,
            means: "the server's disk is full, and a migration that rewrites a table needs space for a second copy",
            advice: "free disk space, then run the command again"
        ),
        .init(
            "53200",
            on: .anytime,
            means: "the server ran out of memory, or of space for locks",
            advice: "run fewer instances at a time on this server (max_connections of the server), or give it more memory"
        ),
        .init(
            "XX001",
            "XX002",
            on: .anytime,
            means: "a table or an index of this database is damaged",
            advice: "check the server's log and its disk; REINDEX rebuilds a damaged index, only a backup restores a damaged table"
        ),
        .init(
            "53400",
            on: .anytime,
            means: "a limit of the server was reached (possibly temp_file_limit)",
            advice: "raise that limit for the role, then run the command again"
        ),
        .init(
            "22021",
            "22P05",
            on: .anytime,
            means: "a text cannot be encoded in the encoding of the database or of this session",
            advice:
                "check server_encoding; a database in SQL_ASCII can contain bytes that are not UTF-8: correct the row or the name"
        ),
        .init(
            "58030",
            on: .anytime,
            means: "the server's disk reports errors",
            advice: "check the logs of the server and of its operating system first"
        ),
        .init(
            "58P01",
            on: .migrating,
            if: .statement("EXTENSION"),
            means: "the server does not have the files of this extension",
            advice: "install PostgreSQL's contrib package of the server's version on the server"
        ),
        .init(
            "58P01",
            on: .anytime,
            means: "a file is missing on the server",
            advice:
                "possibly a library of an extension after an upgrade; if it is a file of the data directory, check the server's log and your backup"
        ),

        // Rights and locks.
        .init(
            "42501",
            if: .statement("EXTENSION"),
            means: "this extension needs a superuser, or the role that owns it",
            advice:
                "put `-- convoy:admin` into the migration and give the instance an admin connection, or let a DBA run the statement beforehand"
        ),
        .init(
            "42501",
            on: .anytime,
            means: "the role lacks a right, and tables must belong to the role that TeslaMate uses",
            advice: "set `user` to the owner, or make the role the owner of the object"
        ),
        .init(
            "55P03",
            on: .anytime,
            means: "another session (possibly TeslaMate) holds a lock on the table",
            advice: "stop it during the upgrade, or raise lock_wait"
        ),
        .init(
            "40P01",
            on: .anytime,
            means: "this session and another waited for each other's locks, and the server ended this one",
            advice: "run the command again; if it happens again, stop TeslaMate during the run"
        ),
        .init(
            "57014",
            on: .anytime,
            if: .message("statement timeout"),
            means: "it took longer than statement_timeout",
            advice:
                "find what slows the database down, or raise it in the fleet file, or for one migration with `-- convoy:statement-timeout`"
        ),
        .init(
            "57014",
            on: .anytime,
            if: .message("user request"),
            means: "it was cancelled by a user, possibly with pg_cancel_backend",
            advice: "find out why, then run the command again"
        ),
        .init(
            "57014",
            on: .anytime,
            means: "it was cancelled",
            advice: "it took longer than statement_timeout, or a user called pg_cancel_backend"
        ),
        .init(
            "25006",
            on: .anytime,
            means: "the session may only read",
            advice: "check whether the server is a standby or default_transaction_read_only is set; name the primary in the fleet file"
        ),

        // Rows that are in the way.
        .init(
            "22003",
            means: "a value is too large for the type of its column",
            advice: "find the row and correct it, then run the command again"
        ),
        .init(
            "22001",
            means: "a text is longer than its column allows",
            advice: "find the row and shorten it, then run the command again"
        ),
        .init(
            "22P02",
            "22007",
            "22008",
            means: "a value cannot be read as the type that the statement asks for",
            advice: "find the row and correct it, then run the command again"
        ),
        .init("23502", means: "a row has NULL where the column is to be NOT NULL", advice: "fill it, then run the command again"),
        .init("23503", means: "a row refers to a row that does not exist", advice: "correct or delete it, then run the command again"),
        .init("23505", means: "duplicate rows prevent the unique index", advice: "find the duplicates, then run the command again"),
        .init("23514", means: "a row does not meet the new constraint", advice: "find it and correct it, then run the command again"),

        // Objects that are in the way, or missing.
        .init(
            "0A000",
            if: .statement("EXTENSION"),
            means: "the server does not have the files of this extension",
            advice: "install PostgreSQL's contrib package of the server's version on the server"
        ),
        .init(
            "0A000",
            if: .detailedStatement("ALTER"),
            means: "a view, rule, trigger or policy that is not TeslaMate's uses the column",
            advice: "save its definition, drop it, run the command again, then create it again"
        ),
        .init(
            "2BP01",
            means: "something that is not TeslaMate's depends on what the migration drops",
            advice: "save its definition, drop only that, run the command again, then create it again; CASCADE would drop it without notice"
        ),
        .init(
            "42P07",
            "42701",
            "42710",
            "42723",
            "42P06",
            means: "an object of that name already exists, possibly from a migration by hand",
            advice: "compare it with a healthy instance; rename or drop it, then run the command again"
        ),
        .init(
            "42883",
            means: "a function is missing",
            advice: "check that its extension (cube, earthdistance) exists, in the ledger's schema or in public"
        ),
        .init(
            "42P01",
            "42703",
            "42704",
            "3F000",
            means: "an object that earlier migrations create is missing, so the schema does not match the ledger",
            advice:
                "if all instances fail alike, correct the migration; otherwise compare with a healthy instance: was this one restored in part, or changed by hand?"
        ),
    ]
}
