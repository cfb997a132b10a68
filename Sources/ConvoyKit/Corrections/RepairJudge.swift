internal import ConvoyCatalog
package import ConvoyFleet
internal import ConvoyInstance
package import ConvoyMigrations
internal import ConvoyRollout
import ConvoyRun
package import ConvoyText

/// Works out what would make ledger and catalogue of databases agree.
package struct RepairJudge: CorrectionJudge {
    /// What an operator has decided, where the database alone does not say it.
    package struct Choices: Sendable {
        /// The newest version that was applied; its catalogue must be that of the database. Nil leaves it to the catalogue.
        package var at: MigrationVersion?
        /// Versions whose file was edited and is as good as the one that was applied.
        package var acceptedEdits: Set<MigrationVersion>
        /// Versions newer than all of the set whose rows go.
        package var forgotten: Set<MigrationVersion>

        /// Choices from their parts.
        package init(at: MigrationVersion? = nil, acceptedEdits: Set<MigrationVersion> = [], forgotten: Set<MigrationVersion> = []) {
            self.at = at
            self.acceptedEdits = acceptedEdits
            self.forgotten = forgotten
        }

        /// Those with which a plan was made.
        package init(_ plan: RunPlan) {
            let corrections = plan.instances.compactMap(\.correction)
            self.init(
                at: plan.change.target,
                acceptedEdits: Set(corrections.flatMap(\.accepts)),
                forgotten: Set(corrections.flatMap(\.removes)).subtracting(plan.migrations.map(\.version))
            )
        }
    }

    private let set: MigrationSet
    private let expected: ExpectedCatalogs
    private let matcher: CatalogMatcher
    private let repeatable: RepeatableVersions
    private let reader: CatalogReader
    private let probe: FleetProbe
    private let choices: RepairChoices

    /// - Throws: the problems of the set's catalogue, before anything is connected to.
    package init(_ client: FleetClient, _ choices: Choices) throws(Problems) {
        set = client.set
        expected = try client.expectedCatalogs()
        repeatable = try client.repeatableVersions()
        matcher = CatalogMatcher(expected)
        reader = CatalogReader(client.runner)
        probe = client.probe
        self.choices = RepairChoices(at: choices.at, acceptedEdits: choices.acceptedEdits, forgotten: choices.forgotten)
    }

    package func corrections(of instances: [Instance], onProgress: @Sendable (_ finished: Int) -> Void) async -> [String: Correction] {
        let known: @Sendable (MigrationVersion?) -> String? = { [expected] in $0.flatMap { expected[$0]?.fingerprint } }
        return await probe.corrections(
            .repair,
            of: instances,
            read: { [reader] instance throws(Failure) in
                try await reader.readWithStanding(instance, identifying: true, known: known)
            },
            key: { StateKey($1.reading, $1.standing, $0.settings) },
            judge: { [self] in correction(of: $1.reading, $1.standing, $0.settings) },
            onProgress: onProgress
        )
    }

    private func correction(of reading: CatalogReading, _ standing: CatalogueStanding, _ settings: InstanceSettings) -> Correction {
        let catalog: Catalog
        switch reading.content {
        case .facts(let facts): catalog = facts
        case .known:
            guard let wanted = standing.version.flatMap({ expected[$0] }) else {
                return Correction(.repair, refused: Correction.Refusal("the server did not send the catalogue"))
            }
            catalog = wanted
        case .tooLarge:
            return Correction(
                .repair,
                refused: Correction.Refusal("the catalogue has more than \(CatalogQuery.rowLimit) rows, more than Convoy reads")
            )
        }
        let state = LedgerState(
            applied: standing.applied,
            edited: standing.edited,
            catalog: catalog,
            isOfAnotherDatabase: standing.isOfAnotherDatabase,
            acceptsUnknown: settings.accepted.contains(.ahead),
            isStrict: settings.strict
        )
        let verdict = state.verdict(choices, matcher: matcher, versions: set.migrations.map(\.version)) {
            VersionChoice(among: $0, in: set, repeatable: repeatable).proposed
        }
        return Correction(verdict, found: standing.applied ?? [])
    }
}

/// All that a verdict depends on. Of the catalogue it has the fingerprint.
private struct StateKey: Hashable {
    let fingerprint: String
    let isKnown: Bool
    let applied: [MigrationVersion]?
    let edited: [MigrationVersion]
    let isOfAnotherDatabase: Bool
    let acceptsUnknown: Bool
    let isStrict: Bool

    init(_ reading: CatalogReading, _ standing: CatalogueStanding, _ settings: InstanceSettings) {
        fingerprint = reading.fingerprint
        isKnown = reading.content == .known
        applied = standing.applied
        edited = standing.edited
        isOfAnotherDatabase = standing.isOfAnotherDatabase
        acceptsUnknown = settings.accepted.contains(.ahead)
        isStrict = settings.strict
    }
}

extension Correction {
    /// What a verdict writes, or why it writes nothing.
    fileprivate init(_ verdict: RepairVerdict, found: [MigrationVersion]) {
        guard verdict.refusals.isEmpty else {
            let hints = verdict.refusals.map(\.hint).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
            self.init(
                .repair,
                refused: Refusal(verdict.refusals.map(\.message).joined(separator: "; "), hint: hints.joined(separator: "; "))
            )
            return
        }
        self.init(
            .repair,
            found: found,
            fingerprint: verdict.fingerprint,
            records: verdict.recorded,
            removes: verdict.removed + verdict.forgotten,
            accepts: verdict.accepted
        )
        if !verdict.rebuilt.isEmpty {
            rebuilds = verdict.rebuilt.enumerated().map { index, name in Rebuild(name, leftovers: index == 0 ? verdict.dropped : []) }
            rebuiltFingerprint = verdict.repairedFingerprint
        }
        if !verdict.notes.isEmpty { warnings = verdict.notes.map(\.description) }
        let reasons = [
            verdict.removed.isEmpty ? nil : "the schema does not have what these versions make",
            verdict.forgotten.isEmpty
                ? nil : "the migration set has no file of \(shortList(verdict.forgotten)), and the schema has nothing of them",
            verdict.recorded.isEmpty ? nil : "the schema has what these versions make",
        ].compactMap(\.self)
        if !reasons.isEmpty { reason = reasons.joined(separator: "; ") }
    }
}
