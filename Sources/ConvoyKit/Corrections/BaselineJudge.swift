internal import ConvoyCatalog
package import ConvoyFleet
internal import ConvoyInstance
package import ConvoyMigrations
internal import ConvoyRollout
import ConvoyRun
package import ConvoyText

/// Recognises the versions of databases that have no ledger.
package struct BaselineJudge: CorrectionJudge {
    private let set: MigrationSet
    private let expected: ExpectedCatalogs
    private let recognition: CatalogRecognition
    private let repeatable: RepeatableVersions
    private let reader: CatalogReader
    private let probe: FleetProbe
    private let version: MigrationVersion?
    private let isForced: Bool

    /// - Parameters:
    ///   - version: the version that the operator names; nil leaves it to the catalogue.
    ///   - isForced: whether that version is written although the catalogue is another one.
    /// - Throws: the problems of the set's catalogue, before anything is connected to.
    package init(_ client: FleetClient, at version: MigrationVersion?, isForced: Bool) throws(Problems) {
        set = client.set
        expected = try client.expectedCatalogs()
        repeatable = try client.repeatableVersions()
        recognition = CatalogRecognition(expected)
        reader = CatalogReader(client.runner)
        probe = client.probe
        self.version = version
        self.isForced = isForced
    }

    package func corrections(of instances: [Instance], onProgress: @Sendable (_ finished: Int) -> Void) async -> [String: Correction] {
        let known: @Sendable (MigrationVersion?) -> String? = { [expected] in $0.flatMap { expected[$0]?.fingerprint } }
        return await probe.corrections(
            .baseline,
            of: instances,
            read: { [reader] instance throws(Failure) in try await reader.read(instance, known: known) },
            key: { _, reading in reading.cohort },
            judge: { [self] _, reading in correction(of: reading) },
            onProgress: onProgress
        )
    }

    // MARK: - One catalogue

    private func correction(of reading: CatalogReading) -> Correction {
        if let newest = reading.version { return correction(of: reading, withLedgerAt: newest) }
        let catalog: Catalog
        switch reading.content {
        case .facts(let facts): catalog = facts
        case .known: return refusal("the server did not send the catalogue")
        case .tooLarge: return refusal("the catalogue has more than \(CatalogQuery.rowLimit) rows, more than Convoy reads")
        }
        switch recognition.verdict(on: catalog) {
        case .empty: return refusal("the database is empty, so there is no version to recognise", hint: "fill it with `convoy migrate`")
        case .versions(let alike): return correction(among: alike, reading.fingerprint)
        case .none(let nearest, let differences):
            if let version, isForced {
                return forcing(version, reading.fingerprint, "by --force, although the schema is that of no version")
            }
            return refusal(nearest, differences)
        }
    }

    /// Why a schema that is that of no version is not adopted, and what to do.
    private func refusal(_ nearest: MigrationVersion, _ differences: [CatalogDifference]) -> Correction {
        let foreign = differences.filter { $0.kind == .owner }
        if let first = foreign.first, foreign.count * 2 > differences.count {
            // `table: teslamate`
            let owner = (first.found ?? "").drop { $0 != ":" }.dropFirst(2)
            return refusal(
                "\(counted(foreign.count, "object")) of the schema \(foreign.count == 1 ? "does" : "do") not belong to the role that a new ledger "
                    + "would belong to: \(String(first.object.prefix(200)).visible) belongs to \(String(owner.prefix(200)).visible)",
                hint: "log in as the role that owns the tables"
            )
        }
        let message = "the schema is that of no version, and the nearest is \(set.named(nearest)), where \(Self.list(differences))"
        let size = expected[nearest]?.facts.count ?? 0
        guard differences.count * 2 <= size else {
            return refusal(message, hint: "this may be another app's database: check that the fleet file names the right one")
        }
        return refusal(message, hint: "\(Self.forcing(version ?? nearest)) adopts it all the same; what differs stays as it is")
    }

    /// Forcing is for one instance: the others may be at other versions.
    private static func forcing(_ version: MigrationVersion) -> String { "`convoy baseline --at \(version) --force --instance NAME`" }

    /// A ledger is not replaced, so there is nothing to do; what looks wrong about it is a warning.
    private func correction(of reading: CatalogReading, withLedgerAt newest: MigrationVersion) -> Correction {
        guard version == nil || version == newest else {
            return refusal(
                "it has a ledger, at version \(newest)",
                hint: "`convoy migrate` and `convoy rollback` change the version of a database that has a ledger"
            )
        }
        var correction = Correction(.baseline, found: [])
        correction.warnings = doubt(about: reading, at: newest).map { [$0] }
        return correction
    }

    private func doubt(about reading: CatalogReading, at newest: MigrationVersion) -> String? {
        guard let wanted = expected[newest] else {
            return "it has a ledger, at version \(newest), which the migration set does not have; see `convoy status`"
        }
        switch reading.content {
        case .known: return nil
        case .tooLarge:
            return
                "it has a ledger, at version \(newest), and a catalogue of more than \(CatalogQuery.rowLimit) rows, which is not compared"
        case .facts(let catalog):
            let differences = catalog.differences(from: wanted, in: .ofTheSet(expected))
            guard !differences.isEmpty else { return nil }
            return "it has a ledger, at version \(newest), from which the schema differs; see `convoy drift`: \(Self.list(differences))"
        }
    }

    private func correction(among alike: [MigrationVersion], _ fingerprint: String) -> Correction {
        let others = { (chosen: MigrationVersion) -> String? in
            let others = alike.filter { $0 != chosen }
            return others.isEmpty ? nil : "the schema of \(shortList(others)) is the same"
        }
        if let version {
            if alike.contains(version) { return adopting(at: version, fingerprint, others(version)) }
            if isForced { return forcing(version, fingerprint, "by --force, although the schema is that of \(shortList(alike))") }
            return refusal(
                "the schema is that of \(shortList(alike)), not of \(version)",
                hint: "leave out --at; \(Self.forcing(version)) writes \(version) all the same"
            )
        }
        let choice = VersionChoice(among: alike, in: set, repeatable: repeatable)
        guard let proposed = choice.proposed else {
            let doubtful = choice.inDoubt.map(set.named)
            return refusal(
                "the versions \(shortList(alike)) have the same schema, and it cannot be seen whether \(shortList(doubtful)) ran here",
                hint: "choose with --at, and read the files first: what is newer than that version runs with the next `convoy migrate`, "
                    + "what is not never runs"
            )
        }
        let newer = alike.filter { $0 > proposed }
        let again = "`convoy migrate` runs it, perhaps a second time, which does no harm"
        return adopting(
            at: proposed,
            fingerprint,
            newer.isEmpty ? others(proposed) : "the schema of \(shortList(newer)) is the same: \(again)"
        )
    }

    private func adopting(at version: MigrationVersion, _ fingerprint: String, _ reason: String?) -> Correction {
        var correction = Correction(
            .baseline,
            found: [],
            fingerprint: fingerprint,
            records: set.migrations.map(\.version).filter { $0 <= version }
        )
        correction.reason = reason
        return correction
    }

    private func forcing(_ version: MigrationVersion, _ fingerprint: String, _ reason: String) -> Correction {
        var correction = adopting(at: version, fingerprint, reason)
        correction.forced = true
        return correction
    }

    private func refusal(_ message: String, hint: String? = nil) -> Correction {
        Correction(.baseline, refused: Correction.Refusal(message, hint: hint))
    }

    /// How many objects a message names.
    private static let listed = 5

    /// `2 objects differ: missing column public.cars.eid, extra table public.notes`.
    private static func list(_ differences: [CatalogDifference]) -> String {
        let named = differences.prefix(listed).map { "\($0.change.rawValue) \($0.kind.rawValue) \(String($0.object.prefix(200)).visible)" }
        let more = differences.count > listed ? " and \(differences.count - listed) more" : ""
        let verb = differences.count == 1 ? "differs" : "differ"
        return "\(counted(differences.count, "object")) \(verb): \(named.joined(separator: ", "))\(more)"
    }
}

extension MigrationSet {
    /// `20190805092941 (fix_incomplete_charging_processes)`.
    fileprivate func named(_ version: MigrationVersion) -> String {
        self[version].map { "\(version) (\($0.name))" } ?? version.description
    }
}
