internal import ConvoyCatalog
import ConvoyFleet
package import ConvoyInstance
package import ConvoyMigrations
package import ConvoyPostgres
import ConvoyRun
import ConvoyText

/// What leads from the newest version of a migration set to a database that is further: the draft of the next migration.
package struct DatabaseDraft: Sendable {
    /// The version of the set with which the database was compared.
    package let version: MigrationVersion
    /// The newest version of the database's ledger, if the set does not have it; nil if it does.
    package let newVersion: MigrationVersion?
    /// Functions with another body and nothing else: TeslaMate's migrator writes bodies that differ and do the same.
    package let otherBodies: [String]
    private let up: SchemaDraft
    private let down: SchemaDraft

    /// Compares a database with the catalogue that the newest version of a set should have.
    ///
    /// - Parameters:
    ///   - set: the migrations.
    ///   - directory: that of the set, in which the expected catalogues are.
    ///   - displayedAs: how reports name the directory.
    ///   - connection: how to log in to the database, which is only read.
    /// - Throws: `Problems` of the expected catalogues, a ``DraftRefusal`` if the database is not further than the set, or the `Failure` that says
    ///   why it cannot be read.
    package static func read(
        _ set: MigrationSet,
        steps: [any MigrationStep],
        directory: String,
        displayedAs: String,
        from connection: ConnectionParameters
    ) async throws -> DatabaseDraft {
        let expected = try ExpectedCatalogs.load(of: set.migrations.map(\.version), directory: directory, displayedAs: displayedAs)
        guard let version = set.newest?.version, let catalog = expected[version] else {
            throw Failure(.failed, "the migration set is empty: there is nothing to compare the database with")
        }
        let runner = InstanceRunner(set: set, steps: steps)
        let name = connection["dbname"] ?? "database"
        let instance = Instance(name: name, server: "draft", database: name, connection: connection)
        let (reading, standing) = try await Self.reading(of: instance, runner)
        if let refusal = DraftRefusal(applied: standing.applied, of: set) { throw refusal }
        guard case .facts(let found) = reading.content else {
            throw Failure(.failed, "the catalogue of the database is larger than Convoy compares")
        }
        let definitions = try await DefinitionReader(runner).definitions(of: found, in: instance)
        let newest = reading.version.flatMap { set.contains($0) ? nil : $0 }
        return DatabaseDraft(from: catalog, at: version, to: found, definitions, newVersion: newest)
    }

    private static func reading(
        of instance: Instance,
        _ runner: InstanceRunner
    ) async throws(Failure) -> (reading: CatalogReading, standing: CatalogueStanding) {
        do throws(Failure) {
            return try await CatalogReader(runner).readWithStanding(instance)
        } catch {
            // The database is that of the command line, and hints on a connection speak of the fleet file.
            var failure = error
            if failure.kind == .unprovisioned { failure.kind = .unreachable }
            if failure.kind == .unreachable { failure.hint = nil }
            throw failure
        }
    }

    init(
        from catalog: Catalog,
        at version: MigrationVersion,
        to found: Catalog,
        _ definitions: [CatalogFact: String],
        newVersion: MigrationVersion?
    ) {
        let known = Dictionary(catalog.facts.map { ([$0.kind.rawValue, $0.object, $0.text], $0) }) { first, _ in first }
        var bodies: [String] = []
        let facts = found.facts.map { fact in
            guard fact.kind == .function, !catalog.facts.contains(fact), let other = known[[fact.kind.rawValue, fact.object, fact.text]]
            else {
                return fact
            }
            bodies.append(fact.object)
            return other
        }
        let target = Catalog(Set(facts))
        self.version = version
        self.newVersion = newVersion
        otherBodies = bodies.sorted()
        up = SchemaDraft(from: catalog, to: target, definitions: definitions)
        down = SchemaDraft(from: target, to: catalog)
    }

    /// Whether there is nothing to migrate.
    package var isEmpty: Bool { up.lines.isEmpty && down.lines.isEmpty }

    /// What differs and is not in the statements, up and down.
    package var gaps: [String] { up.gaps + down.gaps }

    /// The two sections of the migration's file.
    package var sections: NewMigration.Sections {
        let head = """
            -- Drafted from the catalogue of a database, compared with that of \(version).
            -- Rows are not in a catalogue: write what happens to them.

            """
        let bodies = otherBodies.map { name in
            "-- Check: the body of \(name.visible) differs from the set's; if that matters, write CREATE OR REPLACE.\n"
        }.joined()
        return NewMigration.Sections(up: Self.admin(up) + head + bodies + up.text, down: Self.admin(down) + down.text)
    }

    /// Extensions may need an administrator.
    private static func admin(_ draft: SchemaDraft) -> String {
        draft.statements.contains {
            $0.hasPrefix("CREATE EXTENSION ") || $0.hasPrefix("DROP EXTENSION ") || $0.hasPrefix("ALTER EXTENSION ")
        }
            ? "-- convoy:admin\n" : ""
    }
}
