import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyCatalog
@testable import ConvoyInstance

/// Building invalid indexes again in a repair.
@Suite(.timeLimit(.minutes(5))) struct InstanceRebuildTests {
    private static let index = #"public."In ""dex.1""#

    private func runner() throws -> InstanceRunner {
        InstanceRunner(try threeMigrations()).asking(CatalogReader.fingerprintQuestion)
    }

    /// A migrated database with an invalid index that has an odd name and calls a function of the owner's.
    private func withInvalidIndex(
        _ release: PostgresServer.Release = .system,
        _ body: (TestDatabase, Correction) async throws -> Void
    ) async throws {
        try await PostgresServer.shared(release).withDatabase(owner: .unique) { database in
            _ = await InstanceRunner(try threeMigrations()).up(database.instance())
            try await database.execute([
                "CREATE TABLE seen (who text)", "GRANT ALL ON seen TO PUBLIC",
                """
                CREATE FUNCTION record() RETURNS void LANGUAGE plpgsql AS
                'BEGIN INSERT INTO public.seen VALUES (current_user || '' for '' || session_user); END'
                """,
                // What an index calls must be immutable, and can call anything.
                """
                CREATE FUNCTION note(bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS
                'BEGIN PERFORM public.record(); RETURN $1; END'
                """,
                "CREATE INDEX \"In \"\"dex.1\" ON cars (note(id))", "INSERT INTO cars VALUES (1), (2)", "DELETE FROM seen",
            ])
            try await database.execute(
                ["UPDATE pg_catalog.pg_index SET indisvalid = false WHERE indexrelid = '\(Self.index)'::regclass"],
                as: "postgres"
            )
            try await body(database, try await correction(of: database))
        }
    }

    /// What a judge would pin.
    private func correction(of database: TestDatabase) async throws -> Correction {
        let reading = try await CatalogReader(try runner()).read(database.instance())
        guard case .facts(let catalog) = reading.content else { throw Failure(.failed, "no facts") }
        var correction = Correction(.repair, found: [1, 2, 3].map { MigrationVersion($0) }, fingerprint: catalog.fingerprint)
        correction.rebuilds = catalog.sorted.compactMap { fact in fact.asValidIndex.map { Correction.Rebuild($0.object) } }
        correction.rebuiltFingerprint = Catalog(Set(catalog.facts.map { $0.asValidIndex ?? $0 })).fingerprint
        return correction
    }

    private func correct(_ instance: Instance, _ correction: Correction, log: EventLog = EventLog()) async throws -> InstanceResult {
        try await runner().migrate(InstanceJob(instance, .correct(correction), run: "run-1"), report: log.add)
    }

    private func isValid(_ database: TestDatabase) async throws -> Bool {
        try await database.query("SELECT indisvalid FROM pg_index WHERE indexrelid = '\(Self.index)'::regclass").onlyRow().bool(
            "indisvalid"
        )
    }

    @Test(arguments: PostgresServer.Release.tested)
    func anIndexIsBuiltAgain(release: PostgresServer.Release) async throws {
        try await withInvalidIndex(release) { database, correction in
            #expect(correction.rebuilds == [Correction.Rebuild(Self.index)])
            let log = EventLog()
            let result = try await correct(database.instance(), correction, log: log)
            #expect(result.outcome == .repaired, "\(String(describing: result.failure))")
            let isValid = try await isValid(database)
            #expect(isValid)
            #expect(log.warnings == [])
            // The session was given back as it was: the same again has nothing to build.
            let again = try await correct(database.instance(), correction)
            #expect(again.outcome == .repaired, "\(String(describing: again.failure))")
        }
    }

    @Test func aSchemaThatChangedIsLeftAlone() async throws {
        try await withInvalidIndex { database, correction in
            try await database.execute(["ALTER TABLE cars ADD COLUMN later text"])
            let result = try await correct(database.instance(), correction)
            #expect(result.outcome == .blocked)
            #expect(result.failure?.message == "the schema changed since the plan was made; nothing was written")
            let isValid = try await isValid(database)
            #expect(!isValid)
        }
    }

    /// A member that has to become the owner, and inherits nothing.
    @Test func aMemberBuildsAsTheOwner() async throws {
        try await withInvalidIndex { database, correction in
            let member = "\(database.name)_member"
            try await database.server.execute("CREATE ROLE \(member) LOGIN NOINHERIT IN ROLE \(database.ownerName)")
            let result = try await correct(database.instance(connection: database.parameters(user: member)), correction)
            try await database.server.execute("DROP ROLE \(member)")
            #expect(result.outcome == .repaired, "\(String(describing: result.failure))")
            let isValid = try await isValid(database)
            #expect(isValid)
            let seen = try await database.query("SELECT DISTINCT who FROM seen").rows.map { try $0.text("who") }
            #expect(seen == ["\(database.ownerName) for \(member)"])
        }
    }

    /// An index calls functions of its owner, so a login that may do more builds none.
    @Test func aSuperuserBuildsNothing() async throws {
        try await withInvalidIndex { database, correction in
            let result = try await correct(database.instance(connection: database.admin), correction)
            #expect(result.outcome == .blocked, "\(String(describing: result.failure))")
            let isValid = try await isValid(database)
            #expect(!isValid)
            let seen = try await database.query("SELECT count(*) AS n FROM seen").onlyRow().int64("n")
            #expect(seen == 0)
        }
    }

    /// A trigger that keeps a row which is to go, in the middle of a repair: nothing is written.
    @Test func aLedgerThatKeepsItsRows() async throws {
        try await withInvalidIndex { database, correction in
            try await database.execute([
                "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
                "CREATE TRIGGER keep BEFORE DELETE ON schema_migrations FOR EACH ROW EXECUTE FUNCTION keep()",
            ])
            var correction = try await self.correction(of: database)
            correction.removes = [MigrationVersion(3)]
            let result = try await correct(database.instance(), correction)
            #expect(result.outcome == .failed)
            #expect(result.failure?.message.contains("does not keep its rows") == true, "\(String(describing: result.failure))")
            let ledger = try await database.ledger()
            #expect(ledger == [1, 2, 3])
        }
    }
}
