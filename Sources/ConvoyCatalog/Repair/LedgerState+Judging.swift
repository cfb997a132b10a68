package import ConvoyMigrations
import ConvoyText

extension LedgerState {
    /// Decides what would make ledger and catalogue agree. Pure: the same state gives the same answer.
    ///
    /// The catalogue says what is there, so the ledger follows it, and only as far as the catalogue is proof: it must be that of one version. A row
    /// that is written says that a migration ran, so it must have left a trace; a row that goes lets the migration run again, so it must have left none.
    ///
    /// - Parameter choose: of versions with one catalogue, without gaps and ascending, the one at which no harm is done; nil where an operator has to choose.
    package func verdict(
        _ choices: RepairChoices = RepairChoices(),
        matcher: CatalogMatcher,
        versions set: [MigrationVersion],
        choose: (_ alike: [MigrationVersion]) -> MigrationVersion? = { _ in nil }
    ) -> RepairVerdict {
        var judge = LedgerJudge(state: self, choices: choices, matcher: matcher, set: set)
        judge.judge(choose)
        return judge.verdict
    }
}

/// One judgement, step by step.
private struct LedgerJudge {
    let state: LedgerState
    let choices: RepairChoices
    let matcher: CatalogMatcher
    let set: [MigrationVersion]
    var verdict: RepairVerdict

    init(state: LedgerState, choices: RepairChoices, matcher: CatalogMatcher, set: [MigrationVersion]) {
        (self.state, self.choices, self.matcher, self.set) = (state, choices, matcher, set)
        let versions = Set(set)
        known = state.applied?.filter(versions.contains) ?? []
        unknown = state.applied?.filter { !versions.contains($0) } ?? []
        verdict = RepairVerdict(fingerprint: state.catalog.fingerprint)
    }

    /// The invalid indexes, by what they would be.
    private var invalid: [(fact: CatalogFact, valid: CatalogFact)] {
        state.catalog.sorted.compactMap { fact in fact.asValidIndex.map { (fact, $0) } }
    }

    /// Versions of the ledger that the set has, and the others.
    private let known: [MigrationVersion]
    private let unknown: [MigrationVersion]
    /// Versions that the ledger lacks below its newest one.
    private var gaps: [MigrationVersion] {
        let known = Set(known)
        return set.filter { version in !known.contains(version) && known.max().map { version < $0 } == true }
    }

    mutating func judge(_ choose: ([MigrationVersion]) -> MigrationVersion?) {
        if state.isOfAnotherDatabase { verdict.notes.append(.anotherDatabase) }
        judgeLedger(choose)
        judgeEdited()
    }

    private mutating func judgeLedger(_ choose: ([MigrationVersion]) -> MigrationVersion?) {
        let invalid = invalid
        // As if invalid indexes were not there: a pending migration may build them, and then they are its own.
        let without = matcher.match(state.catalog.facts.subtracting(invalid.map(\.fact)))
        guard !known.isEmpty || !unknown.isEmpty else {
            if !without.isBlank { verdict.refusals.append(.noLedger) }
            return
        }
        guard !known.isEmpty else { return verdict.refusals.append(.anotherApp(unknown)) }
        let whole = matcher.match(state.catalog.facts.subtracting(invalid.map(\.fact)).union(invalid.map(\.valid)))
        let isWithout = known.max().map { without.versions.contains($0) && gaps.isEmpty } == true || whole.versions.isEmpty
        let match = isWithout ? without : whole
        guard let target = target(match, choose) else { return judgeIndexes(invalid, at: known.max()) }
        judgeRows(target.version, match.extras)
        judgeIndexes(invalid, at: target.version)
        judgeUnknown()
    }

    /// Where a ledger is brought.
    private enum Target {
        case version(MigrationVersion)
        /// The database has no objects.
        case empty

        var version: MigrationVersion? { if case .version(let version) = self { version } else { nil } }
    }

    /// The newest version that the schema proves; nil if that is refused.
    private mutating func target(_ match: CatalogMatcher.Match, _ choose: ([MigrationVersion]) -> MigrationVersion?) -> Target? {
        let newest = known.max()
        if let at = choices.at {
            guard match.versions.contains(at) else {
                verdict.refusals.append(match.versions.isEmpty && !match.isBlank ? contradiction() : .isNotAt(at, match.versions))
                return nil
            }
            return .version(at)
        }
        // The first versions of a set may make nothing that an empty database has not.
        if let newest, match.versions.contains(newest) { return .version(newest) }
        if match.versions.isEmpty {
            if match.isBlank { return .empty }
            verdict.refusals.append(contradiction())
            return nil
        }
        if match.isBlank {
            verdict.refusals.append(.equalsSeveral(match.versions, newest: newest))
            return nil
        }
        if match.versions.count == 1, let only = match.versions.first { return .version(only) }
        // A version between them may have made what a later one removed.
        let isWithoutGaps = set.firstIndex(of: match.versions[0]).map { set[$0...].starts(with: match.versions) } == true
        if isWithoutGaps, let chosen = choose(match.versions) { return .version(chosen) }
        verdict.refusals.append(.equalsSeveral(match.versions, newest: newest))
        return nil
    }

    private func contradiction() -> RepairRefusal {
        let nearest = matcher.nearest(to: Set(state.catalog.facts.map { $0.asValidIndex ?? $0 }))
        let objects = (nearest?.differences ?? []).prefix(3).map { "\($0.change.rawValue) \($0.kind.rawValue) \(Self.shown($0.object))" }
        return .equalsNoVersion(
            nearest: nearest?.version,
            count: nearest?.differences.count ?? 0,
            total: nearest.map { matcher.count(of: $0.version) } ?? 0,
            objects: Array(objects),
            gaps: gaps,
            unknown: unknown
        )
    }

    /// - Parameter extras: objects that no version has.
    private mutating func judgeRows(_ target: MigrationVersion?, _ extras: [CatalogFact]) {
        let known = known
        verdict.removed = known.filter { version in target.map { version > $0 } ?? true }
        guard let target else { return }
        verdict.recorded = set.filter { $0 <= target && !known.contains($0) }
        // Versions above the newest of the ledger ran before the one that left its trace: migrators apply them in order. One that is missing further
        // below may never have run.
        guard choices.at == nil, let newest = known.max() else { return }
        let unseen = verdict.recorded.filter { $0 < newest && !matcher.shows($0, at: target) }
        if !unseen.isEmpty { verdict.refusals.append(.leavesNoTrace(unseen, newest: target)) }
        // What was renamed by hand is not missing.
        let renamed = target < newest ? matcher.renamed(extras, from: newest, to: target) : []
        guard !renamed.isEmpty else { return }
        let objects = renamed.map { "\($0.kind.rawValue) \(Self.shown($0.object))" }
        verdict.refusals.append(.mayBeRenamed(verdict.removed, objects: objects, newest: target))
    }

    private mutating func judgeUnknown() {
        let unknown = unknown
        guard !unknown.isEmpty else { return }
        if state.acceptsUnknown {
            verdict.notes.append(.acceptedUnknown(unknown))
            // What a version of the set made may be what a newer one took back.
            if !(verdict.removed + verdict.recorded).isEmpty { verdict.refusals.append(.unknownAndContradicted(unknown)) }
            return
        }
        let newer = unknown.filter { version in set.last.map { version > $0 } == true && !choices.forgotten.contains(version) }
        guard newer.isEmpty else { return verdict.refusals.append(.newerThanSet(newer)) }
        guard verdict.removed.isEmpty, verdict.recorded.isEmpty else { return verdict.refusals.append(.unknownAndContradicted(unknown)) }
        // With the invalid indexes: that they are not valid does not say whose they are.
        let extras = matcher.match(state.catalog.facts).extras.filter { !($0.kind == .index && verdict.dropped.contains($0.object)) }
        guard extras.isEmpty else {
            let objects = extras.map { "\($0.kind.rawValue) \(Self.shown($0.object))" }
            return verdict.refusals.append(.mayHaveChangedTheSchema(unknown, objects: objects))
        }
        verdict.forgotten = unknown
    }

    /// - Parameter version: the one that the database is at, or is brought to; nil for an empty database.
    private mutating func judgeIndexes(_ invalid: [(fact: CatalogFact, valid: CatalogFact)], at version: MigrationVersion?) {
        var facts = state.catalog.facts
        var left: [CatalogFact] = []
        var pending: [String] = []
        for (fact, valid) in invalid {
            if let version, matcher.has(valid, at: version) {
                verdict.rebuilt.append(valid.object)
                facts.remove(fact)
                facts.insert(valid)
            } else if matcher.makes(valid, after: version) {
                pending.append(fact.object)
            } else {
                left.append(fact)
            }
        }
        for fact in left where verdict.rebuilt.contains(where: { Self.isLeftover(fact.object, of: $0) }) {
            verdict.dropped.append(fact.object)
            facts.remove(fact)
        }
        let foreign = left.map(\.object).filter { !verdict.dropped.contains($0) }
        if !pending.isEmpty { verdict.notes.append(.pendingIndexes(pending.map(Self.shown))) }
        if !foreign.isEmpty { verdict.notes.append(.foreignIndexes(foreign.map(Self.shown))) }
        if !verdict.rebuilt.isEmpty { verdict.repairedFingerprint = Catalog(facts).fingerprint }
    }

    /// A tenant's name, as a message has it.
    private static func shown(_ name: String) -> String { String(name.prefix(200)).visible }

    /// Whether an index is what an attempt to rebuild another one concurrently has left: `cars_vin_ccnew`, `cars_vin_ccold1`.
    private static func isLeftover(_ name: String, of index: String) -> Bool {
        let (parts, whole) = (SQLName.parts(name), SQLName.parts(index))
        guard parts.count == 2, whole.count == 2, parts[0] == whole[0] else { return false }
        func plain(_ part: String) -> String {
            part.hasPrefix("\"") ? String(part.dropFirst().dropLast()).replacing("\"\"", with: "\"") : part
        }
        let (last, base) = (plain(parts[1]), plain(whole[1]))
        guard last.hasPrefix(base) else { return false }
        return last.dropFirst(base.count).wholeMatch(of: /_cc(new|old)[0-9]*/) != nil
    }

    private mutating func judgeEdited() {
        let gone = Set(verdict.removed + verdict.forgotten)
        let edited = state.edited.filter { !gone.contains($0) }
        verdict.accepted = edited.filter(choices.acceptedEdits.contains)
        let rest = edited.filter { !choices.acceptedEdits.contains($0) }
        guard !rest.isEmpty else { return }
        if state.isStrict { verdict.refusals.append(.edited(rest)) } else { verdict.notes.append(.edited(rest)) }
    }
}
