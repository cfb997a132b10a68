import ConvoyCatalog
import ConvoyInstance
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import ConvoyText
import TestSupport
import Testing

/// A database at any version that has lost its ledger: its version is recognised, and it gets the ledger back.
@Suite(.timeLimit(.minutes(15))) struct BaselineTests {
    private struct Finding {
        let verdict: CatalogRecognition.Verdict
        /// Reading the catalogue, recognising it, and writing the ledger.
        let time: Duration
        let result: InstanceResult
        let ledger: [MigrationVersion]
        /// What Convoy says of the database afterwards.
        let status: InstanceStatus

        init(adopting database: TestDatabase, at version: MigrationVersion, _ recognition: CatalogRecognition) async throws {
            let set = try teslaMateSet.get()
            // With the ledger or with its rows gone.
            let isDropped = version.value % 200 < 100
            try await database.execute([
                "DROP SCHEMA convoy CASCADE", isDropped ? "DROP TABLE schema_migrations" : "TRUNCATE schema_migrations",
            ])
            let start = ContinuousClock.now
            let reading = try await database.readCatalogue()
            guard case .facts(let catalog) = reading.content else { throw TestSupportError("no facts") }
            verdict = recognition.verdict(on: catalog)
            let correction = Correction(
                .baseline,
                found: [],
                fingerprint: reading.fingerprint,
                records: set.migrations.map(\.version).filter { $0 <= version }
            )
            result = try await database.change(.correct(correction))
            time = .now - start
            ledger = try await database.ledger()
            status = try await database.status()
        }
    }

    private static let recognition = Result {
        CatalogRecognition(
            try ExpectedCatalogs.load(
                of: try teslaMateSet.get().migrations.map(\.version),
                directory: "\(repositoryRoot)/Migrations",
                displayedAs: "Migrations"
            )
        )
    }

    /// Every version on the first release, and some on the others: `UpTests` shows that the catalogues are the same there.
    private static func migrations(isFirst: Bool) -> [MigrationArgument] {
        MigrationArgument.all.enumerated().filter { isFirst || $0.offset % 13 == 12 || $0.offset == 104 }.map(\.element)
    }

    private static let cases: [(PostgresServer.Release, MigrationArgument)] = PostgresServer.Release.tested.enumerated().flatMap {
        number,
        release in migrations(isFirst: number == 0).map { (release, $0) }
    }

    /// One database goes through the versions; at each a copy of it loses its ledger.
    private static let walks = SharedWork<Walk<Finding>> { server in
        let first = try await PostgresServer.shared(try #require(PostgresServer.Release.tested.first))
        let versions = migrations(isFirst: first.major == server.major).map(\.version)
        let recognition = try recognition.get()
        return try await server.withDatabase { database in
            await Walk.over(versions) { version in
                let change = try await database.change(.up(to: version))
                guard change.outcome == .migrated else { throw TestSupportError("\(String(describing: change.failure))") }
                return try await server.withDatabase(template: database.asTemplate) {
                    try await Finding(adopting: $0, at: version, recognition)
                }
            }
        }
    }

    @Test(arguments: cases)
    func everyVersionIsRecognised(release: PostgresServer.Release, migration: MigrationArgument) async throws {
        let finding = try await Self.walks.value(on: release).finding(at: migration.version)
        let alike = try Self.recognition.get().alike.first { $0.contains(migration.version) } ?? [migration.version]
        #expect(finding.verdict == .versions(alike))
        #expect(finding.result.outcome == .adopted, "\(String(describing: finding.result.failure))")
        let versions = try RecordedFacts.all.get().versions
        #expect(finding.ledger == versions.filter { $0 <= migration.version })
        #expect(finding.status.version == migration.version)
        #expect(
            finding.status.outcome == (migration.version == versions.last ? .upToDate : .pending),
            "\(String(describing: finding.status.failure))"
        )
        #expect(finding.status.edited == [] && finding.status.warnings == [])
        // Well under a second where nothing else runs; here other tests run beside it.
        #expect(finding.time < .seconds(5), "\(finding.time)")
    }
}
