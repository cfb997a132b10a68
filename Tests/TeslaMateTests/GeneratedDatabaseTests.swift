import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

/// Made-up installations of any age: each row ends as TeslaMate's migrations would leave it.
@Suite(.timeLimit(.minutes(10))) struct GeneratedDatabaseTests {
    /// What a seed determines: a database, and the way to the newest version.
    struct Trial: Sendable, CustomTestStringConvertible {
        let seed: UInt64
        let start: MigrationVersion
        /// Where the rows are looked at on the way; the last is the newest version.
        let stops: [MigrationVersion]
        let release: PostgresServer.Release

        var testDescription: String { "seed \(seed), from \(start)" }

        /// The first seeds begin right before each migration that changes rows, and look at the rows after each such migration. The seeds
        /// after them begin anywhere; every other one goes to the newest version in one run.
        init(seed: UInt64) throws {
            var random = SeededGenerator(seed: ~seed)
            let versions = try RecordedFacts.all.get().versions
            let rules = rowRules.keys.sorted()
            let isChosen = seed < UInt64(rules.count)
            let start = isChosen ? versions.last { $0 < rules[Int(seed)] } : versions.dropLast().randomElement(using: &random)
            self.seed = seed
            self.start = try #require(start)
            let newest = try #require(versions.last)
            let isStepwise = isChosen || seed.isMultiple(of: 2)
            stops = versions.filter { [start = self.start] version in
                version > start && (version == newest || (isStepwise && (rowRules[version] != nil || random.once(in: 16))))
            }
            let releases = PostgresServer.Release.tested
            release = releases[Int(seed % UInt64(releases.count))]
        }
    }

    /// Those of every run, and the ones that `CONVOY_TEST_SEED` lists.
    static let seeds: [UInt64] = {
        let more = ProcessInfo.processInfo.environment["CONVOY_TEST_SEED"] ?? ""
        return Array(0..<32) + more.split { !$0.isNumber }.compactMap { UInt64($0) }
    }()

    static let trials = (try? seeds.map(Trial.init)) ?? []

    @Test func thereAreTrials() {
        #expect(Self.trials.count == Self.seeds.count)
        #expect(Self.seeds.count > rowRules.count, "each rule needs a seed of its own")
    }

    @Test(arguments: trials)
    func eachRowEndsAsTeslaMateWouldLeaveIt(trial: Trial) async throws {
        let key = "a key made up for seed \(trial.seed)"
        let facts = try RecordedFacts.all.get()
        try await PostgresServer.shared(trial.release).withDatabase(at: trial.start) { database in
            try await database.fill(with: PlausibleInstallation(seed: trial.seed, version: trial.start), encryptionKey: key)
            var rows = try await StoredRows(of: database, encryptionKey: key)
            var version = trial.start
            for stop in trial.stops {
                let path = facts.versions.filter { $0 > version && $0 <= stop }
                let result = try await database.change(.up(to: stop), secrets: ["encryption_key": Secret(key)])
                try result.demand(.migrated, path)
                for version in path { try rows.migrate(to: version, catalogue: facts.catalogue(at: version)) }
                let found = try await StoredRows(of: database, encryptionKey: key)
                let differences = found.differences(from: rows)
                try #require(
                    differences.isEmpty,
                    "seed \(trial.seed) on \(trial.release), from \(version) to \(stop):\n\(differences.prefix(20).joined(separator: "\n"))"
                )
                (rows, version) = (found, stop)
            }
        }
    }
}
