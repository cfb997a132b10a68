import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

/// A database that Convoy took through all migrations is for TeslaMate's own migrator, which is Ecto's, as if it had done so itself.
@Suite(.timeLimit(.minutes(5))) struct HandedBackTests {
    /// What Ecto sends before anything else, each time TeslaMate starts.
    private static let ectoTable = #"(version bigint, inserted_at timestamp(0), PRIMARY KEY (version))"#

    /// A database that was migrated from nothing in one run, in sessions whose time zone is far from UTC, and when that was.
    private static let migrated = SharedWork<(template: DatabaseTemplate, start: String, end: String)> { server in
        let clock = "SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now"
        return try await server.withDatabase { database in
            try await database.useDistantTimeZone()
            let start = try await database.query(clock).onlyRow().text("now")
            try await database.change(.up(to: nil)).demand(.migrated, RecordedFacts.all.get().versions)
            let end = try await database.query(clock).onlyRow().text("now")
            return (try await server.template(named: "handed_back", copying: database.asTemplate) { _ in }, start, end)
        }
    }

    private func withDatabase(_ release: PostgresServer.Release, _ body: (TestDatabase) async throws -> Void) async throws {
        let template = try await Self.migrated.value(on: release).template
        try await PostgresServer.shared(release).withDatabase(template: template, body)
    }

    /// As TeslaMate does it when it starts: the table if there is none, the lock, the versions. What it sends changes nothing.
    @Test(arguments: PostgresServer.Release.tested)
    func nothingIsPending(release: PostgresServer.Release) async throws {
        try await withDatabase(release) { database in
            let before = try await DatabaseContents(of: database)
            let session = try await database.connect()
            defer { session.close() }
            try await session.query("CREATE TABLE IF NOT EXISTS schema_migrations \(Self.ectoTable)")
            #expect(try await versions(seenBy: session) == RecordedFacts.all.get().versions)
            #expect(try await DatabaseContents(of: database) == before)
        }
    }

    /// Every property that the server keeps of the table, its columns, its key and its index: those of the table that Ecto's own statement
    /// makes. The owner is one of them.
    @Test(arguments: PostgresServer.Release.tested)
    func theLedgerIsTheTableThatEctoMakes(release: PostgresServer.Release) async throws {
        try await withDatabase(release) { database in
            try await database.execute(["CREATE SCHEMA ecto", "CREATE TABLE ecto.schema_migrations \(Self.ectoTable)"])
            let found = try await shape(of: "public.schema_migrations", in: database)
            let expected = try await shape(of: "ecto.schema_migrations", in: database)
            #expect(found.symmetricDifference(expected).isEmpty)
            #expect(found.count >= 4)
        }
    }

    @Test(arguments: PostgresServer.Release.tested)
    func eachVersionHasItsTimeInUTC(release: PostgresServer.Release) async throws {
        let (_, start, end) = try await Self.migrated.value(on: release)
        try await withDatabase(release) { database in
            let row = try await database.query(
                """
                SELECT count(*) AS timely, count(*) FILTER (WHERE inserted_at < previous) AS backwards
                FROM (SELECT inserted_at, lag(inserted_at) OVER (ORDER BY version) AS previous FROM schema_migrations) AS m
                WHERE inserted_at BETWEEN date_trunc('second', $1::text::timestamp) AND $2::text::timestamp
                """,
                [start, end]
            ).onlyRow()
            #expect(try row.int64("timely") == Int64(RecordedFacts.all.get().versions.count))
            #expect(try row.int64("backwards") == 0)
        }
    }

    /// A newer TeslaMate goes up and down from there, and Convoy takes over again where it went below the newest version.
    @Test(arguments: PostgresServer.Release.tested)
    func theLedgerCanBeWrittenAsEctoDoes(release: PostgresServer.Release) async throws {
        let all = try RecordedFacts.all.get().versions
        let (next, newest) = (MigrationVersion(20991231235959), try #require(all.last))
        try await withDatabase(release) { database in
            let (locking, migrating) = (try await database.connect(), try await database.connect())
            defer {
                locking.close()
                migrating.close()
            }
            let insertion = "INSERT INTO schema_migrations (version, inserted_at) VALUES ($1, $2)"
            let up = "CREATE TABLE trailers (id bigserial PRIMARY KEY)"
            let inserted = try await migrate(migrating, under: locking, up, insertion, [next.description, "2099-12-31 23:59:59"])
            #expect(inserted == "INSERT 0 1")
            #expect(try await versions(seenBy: migrating) == all + [next])
            for (version, down) in [(next, "DROP TABLE trailers"), (newest, "SELECT")] {
                let deletion = "DELETE FROM schema_migrations AS s WHERE s.version = $1"
                #expect(try await migrate(migrating, under: locking, down, deletion, [version.description]) == "DELETE 1")
            }
            #expect(try await versions(seenBy: migrating) == all.dropLast())
            try await database.change(.up(to: nil)).demand(.migrated, [newest])
            #expect(try await versions(seenBy: migrating) == all)
        }
    }

    /// What Ecto reads to find what is pending, under the lock that it takes for that.
    private func versions(seenBy session: PostgresConnection) async throws -> [MigrationVersion] {
        try await session.query("BEGIN")
        try await session.query("LOCK TABLE schema_migrations IN SHARE UPDATE EXCLUSIVE MODE")
        let rows = try await session.query("SELECT s.version::bigint FROM schema_migrations AS s").rows
        try await session.query("COMMIT")
        return try rows.map { row throws(PostgresError) in MigrationVersion(try row.int64("version")) }.sorted()
    }

    /// One migration of Ecto's: the lock on one connection; on the other the migration and its change of the ledger in a transaction.
    ///
    /// - Returns: what the server says of the change.
    private func migrate(
        _ session: PostgresConnection,
        under locking: PostgresConnection,
        _ statement: String,
        _ change: String,
        _ parameters: [String?]
    ) async throws -> String {
        try await locking.query("BEGIN")
        try await locking.query("LOCK TABLE schema_migrations IN SHARE UPDATE EXCLUSIVE MODE")
        try await session.query("BEGIN")
        try await session.query(statement)
        let tag = try await session.query(change, parameters).commandTag
        try await session.query("COMMIT")
        try await locking.query("COMMIT")
        return tag
    }

    /// What the catalogue says of a table, its columns, constraints and indexes, without its name, its statistics and its place on disk.
    /// Nor are the options of columns compared: some builds of the server keep a number of their own there.
    private func shape(of table: String, in database: TestDatabase) async throws -> Set<String> {
        let rows = try await database.query(
            """
            WITH relations AS (
                SELECT oid FROM pg_class WHERE oid = $1::text::regclass
                UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid = $1::text::regclass
            )
            SELECT (to_jsonb(c) - '{oid, relnamespace, reltype, relfilenode, reltoastrelid, relpages, reltuples, relallvisible,
                relallfrozen, relfrozenxid, relminmxid}'::text[])::text AS fact FROM pg_class c JOIN relations USING (oid)
            UNION ALL
            SELECT (to_jsonb(a) - '{attrelid, attoptions}'::text[])::text FROM pg_attribute a JOIN relations ON attrelid = oid WHERE attnum > 0
            UNION ALL
            SELECT (to_jsonb(d) - '{oid, adrelid}'::text[])::text FROM pg_attrdef d JOIN relations r ON adrelid = r.oid
            UNION ALL
            SELECT (to_jsonb(o) - '{oid, connamespace, conrelid, conindid}'::text[])::text
            FROM pg_constraint o JOIN relations r ON conrelid = r.oid
            UNION ALL
            SELECT (to_jsonb(i) - '{indexrelid, indrelid}'::text[])::text FROM pg_index i JOIN relations ON indexrelid = oid
            """,
            [table]
        ).rows
        return Set(try rows.map { row throws(PostgresError) in try row.text("fact") })
    }
}
