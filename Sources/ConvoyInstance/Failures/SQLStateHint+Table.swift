extension SQLStateHint {
    /// The first that fits is taken.
    static let table: [SQLStateHint] = [
        // Getting a session.
        .init("28P01", on: .connecting, means: "the password is wrong or missing", advice: "check password, or the password file"),
        .init(
            "28000",
            on: .connecting,
            means: "the server does not let this user in like this",
            advice: "look at pg_hba.conf there (address, database, user, TLS), and whether the role exists and may log in"
        ),
        .init("3D000", on: .connecting, means: "there is no such database", advice: "create it, or correct its name in the fleet file"),
        .init(
            "42501",
            on: .connecting,
            means: "the role may not connect to this database",
            advice: "GRANT CONNECT ON DATABASE to it, or name the owner of the TeslaMate tables as user"
        ),
        .init(
            "55000",
            on: .connecting,
            means: "the database takes no connections",
            advice: "ALTER DATABASE … ALLOW_CONNECTIONS true, or leave the instance out"
        ),
        .init(
            "53300",
            on: .anytime,
            means: "the server, the database or the role has no free connection",
            advice: "lower max_connections of this server in the fleet file, or raise the limit there"
        ),
        .init("57P03", on: .anytime, means: "the server is starting up or shutting down", advice: "try again"),
        .init(
            "57P01",
            "57P02",
            on: .anytime,
            means: "an administrator or a restart of the server ended the session",
            advice: "run it again when the server is up; what was not committed is rolled back"
        ),
        .init(
            "08001",
            "08004",
            "08006",
            "08P01",
            on: .connecting,
            means: "something between here and the server, a pooler perhaps, gave no session",
            advice: "look at its log, or name the server itself"
        ),
        .init(
            "26000",
            "42P05",
            on: .anytime,
            means: "a pooler mixes the statements of several sessions",
            advice: "name the server itself, or a pool in session mode"
        ),

        // The server is not well.
        .init(
            "53100",
            on: .anytime,
            means: "the server's disk is full, and a migration that rewrites a table needs room for a second copy",
            advice: "make room, then run it again"
        ),
        .init(
            "53200",
            on: .anytime,
            means: "the server ran out of memory, or of room for locks",
            advice: "let fewer instances run at a time there (max_connections of the server), or give it more"
        ),
        .init(
            "XX001",
            "XX002",
            on: .anytime,
            means: "a table or an index of this database is damaged",
            advice: "look at the server's log and its disk; REINDEX rebuilds a damaged index, a damaged table comes back only from a backup"
        ),
        .init(
            "53400",
            on: .anytime,
            means: "a limit of the server was reached, temp_file_limit perhaps",
            advice: "raise that limit for the role, then run it again"
        ),
        .init(
            "22021",
            "22P05",
            on: .anytime,
            means: "a text does not fit the encoding of the database or of this session",
            advice:
                "look at server_encoding; a database in SQL_ASCII can hold bytes that are not UTF-8, and the row or name has to be corrected"
        ),
        .init(
            "58030",
            on: .anytime,
            means: "the server's disk does not work",
            advice: "look at the logs of the server and of its system before anything else"
        ),
        .init(
            "58P01",
            on: .migrating,
            if: .statement("EXTENSION"),
            means: "the server does not have the files of this extension",
            advice: "install PostgreSQL's contrib package of the server's version there"
        ),
        .init(
            "58P01",
            on: .anytime,
            means: "the server misses a file",
            advice:
                "a library of an extension after an upgrade perhaps; if it is one of the data folder, look at the server's log and a backup"
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
            advice: "name the owner as user, or make it the owner of the object"
        ),
        .init(
            "55P03",
            on: .anytime,
            means: "another session holds a lock on the table, TeslaMate's own perhaps",
            advice: "stop it for the time of the upgrade, or raise lock_wait"
        ),
        .init(
            "40P01",
            on: .anytime,
            means: "this session and another waited for each other's locks, and the server ended this one",
            advice: "run it again; if it comes back, stop TeslaMate meanwhile"
        ),
        .init(
            "57014",
            on: .anytime,
            if: .message("statement timeout"),
            means: "it took longer than statement_timeout",
            advice:
                "see what slows the database down, or raise it in the fleet file, or for one migration with `-- convoy:statement-timeout`"
        ),
        .init(
            "57014",
            on: .anytime,
            if: .message("user request"),
            means: "somebody cancelled it, with pg_cancel_backend perhaps",
            advice: "ask who, then run it again"
        ),
        .init(
            "57014",
            on: .anytime,
            means: "it was cancelled",
            advice: "it took longer than statement_timeout, or somebody used pg_cancel_backend"
        ),
        .init(
            "25006",
            on: .anytime,
            means: "the session may only read",
            advice: "is the server a standby, or default_transaction_read_only set? name the primary in the fleet file"
        ),

        // Rows that are in the way.
        .init(
            "22003",
            means: "a value is too large for the column's new type",
            advice: "find the row and correct it, then run the command again"
        ),
        .init(
            "22001",
            means: "a text is longer than the column's new type allows",
            advice: "find the row and shorten it, then run the command again"
        ),
        .init(
            "22P02",
            "22007",
            "22008",
            means: "a value cannot be read as the new type",
            advice: "find the row and correct it, then run the command again"
        ),
        .init("23502", means: "a row has NULL where the column is to be NOT NULL", advice: "fill it, then run the command again"),
        .init("23503", means: "a row points to one that is not there", advice: "correct or delete it, then run the command again"),
        .init("23505", means: "rows are in the way of the unique index", advice: "find the duplicates, then run the command again"),
        .init("23514", means: "a row does not meet the new constraint", advice: "find it and correct it, then run the command again"),

        // Objects that are in the way, or missing.
        .init(
            "0A000",
            if: .statement("EXTENSION"),
            means: "the server does not have the files of this extension",
            advice: "install PostgreSQL's contrib package of the server's version there"
        ),
        .init(
            "0A000",
            if: .detailedStatement("ALTER"),
            means: "a view, rule, trigger or policy that is not TeslaMate's uses the column",
            advice: "keep its definition, drop it, run the command again, then make it again"
        ),
        .init(
            "2BP01",
            means: "something that is not TeslaMate's depends on what the migration drops",
            advice: "keep its definition, drop only that, run the command again, then make it again; CASCADE would lose it unseen"
        ),
        .init(
            "42P07",
            "42701",
            "42710",
            "42723",
            "42P06",
            means: "something of that name is there already, from a migration by hand perhaps",
            advice: "compare it with a healthy instance; rename or drop it, then run the command again"
        ),
        .init(
            "42883",
            means: "a function is missing",
            advice: "is its extension (cube, earthdistance) there, and in the ledger's schema or public?"
        ),
        .init(
            "42P01",
            "42703",
            "42704",
            "3F000",
            means: "something is missing that earlier migrations make, so the schema is not what the ledger tells",
            advice:
                "where all fail alike, correct the migration; else compare with a healthy instance: was it restored in part, or changed by hand?"
        ),
    ]
}
