import ConvoyMigrations
import ConvoyRun
import ConvoyText
import TestSupport
import Testing

/// Each migration, down and up again, or refused.
@Suite(.timeLimit(.minutes(10))) struct DownTests {
    private enum Finding {
        /// The catalogue after going down, and after going up again.
        case reverted(down: CatalogFacts, again: CatalogFacts)
        case refused(InstanceResult, before: DatabaseContents, after: DatabaseContents)
    }

    /// All versions, one after the other, in one database: up, down, and up again.
    private static let walks = SharedWork<Walk<Finding>> { server in
        let set = try teslaMateSet.get()
        let versions = try RecordedFacts.all.get().versions
        return try await server.withDatabase { database in
            await Walk.over(versions) { version in
                try await database.up(to: version)
                if case .irreversible = set[version]?.down {
                    let before = try await DatabaseContents(of: database)
                    let result = try await database.change(.downSteps(1))
                    return .refused(result, before: before, after: try await DatabaseContents(of: database))
                }
                try await database.down(from: version)
                guard try await database.ledger() == versions.filter({ $0 < version }) else {
                    throw TestSupportError("the ledger is wrong after going down from \(version)")
                }
                let down = try await CatalogFacts(of: database)
                try await database.up(to: version)
                return .reverted(down: down, again: try await CatalogFacts(of: database))
            }
        }
    }

    @Test(arguments: PostgresServer.Release.tested, MigrationArgument.all)
    func theWayDownIsTheRecordedOne(release: PostgresServer.Release, migration: MigrationArgument) async throws {
        let facts = try RecordedFacts.all.get()
        let version = migration.version
        let recorded = try #require(facts.downs[version], "down.csv says nothing of it")
        let expected = betterDowns[version] ?? recorded
        let major = try await PostgresServer.shared(release).major
        switch try await Self.walks.value(on: release).finding(at: version) {
        case .refused(let result, let before, let after):
            try #require(expected == .irreversible)
            try requireRefusal(result, of: version)
            try #require(before == after)
            print("✔ \(migration.testDescription) has no way down, refused on PostgreSQL \(major)")
        case .reverted(let down, let again):
            try require(down, expected, at: version)
            // What went down and up again is as if nothing had been.
            let difference = again.difference(from: try facts.catalogue(at: version))
            try #require(difference.isEmpty, "up, down and up again: \(difference)")
            print("✔ \(migration.testDescription) down and up again on PostgreSQL \(major)")
        }
    }

    private func require(_ down: CatalogFacts, _ expected: RecordedDown, at version: MigrationVersion) throws {
        let facts = try RecordedFacts.all.get()
        let before = try facts.catalogue(at: facts.predecessor(of: version))
        switch expected {
        case .exact:
            let difference = down.difference(from: before)
            try #require(difference.isEmpty, "\(difference)")
        case .columnOrder:
            let difference = down.withoutColumnOrder.difference(from: before.withoutColumnOrder)
            try #require(difference.isEmpty, "\(difference)")
            try #require(down != before, "it restores the order of columns too: list it among the better ways down")
        case .nothing:
            let difference = down.difference(from: try facts.catalogue(at: version))
            try #require(difference.isEmpty, "\(difference)")
        case .differs:
            throw TestSupportError("nobody has written down what it should leave behind")
        case .irreversible:
            throw TestSupportError("the file has a way down, and TeslaMate has none")
        }
    }

    /// Refused for the reason that the file gives.
    private func requireRefusal(_ result: InstanceResult, of version: MigrationVersion) throws {
        let migration = try #require(try teslaMateSet.get()[version])
        guard case .irreversible(let reason, let line) = migration.down else { return }
        let failure = try #require(result.failure)
        try #require(result.outcome == .blocked)
        try #require(result.applied.isEmpty)
        try #require(failure.message.contains(reason))
        try #require(failure.version == version)
        try #require(failure.file == migration.file)
        try #require(failure.line == line)
    }

    @Test func theBetterWaysDownAreListed() throws {
        let readme = try text(of: "\(repositoryRoot)/Migrations/README.md")
        let section = try #require(readme.split(separator: "\n## ").first { $0.hasPrefix("Better ways down") })
        let listed = section.split(separator: "\n").compactMap { line in
            line.hasPrefix("| 2") ? MigrationVersion(line.dropFirst(2).prefix(14)) : nil
        }
        #expect(listed == betterDowns.keys.sorted())
    }
}
