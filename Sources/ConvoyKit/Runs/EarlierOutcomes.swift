package import ConvoyFleet
internal import ConvoyJournal
internal import ConvoyMigrations
internal import ConvoyReporting
public import ConvoyRun

/// Instances chosen by how an earlier run ended for them: to try again what failed, once its cause is fixed.
///
///     let planned = try await fleet.plan(.newest, earlier: EarlierOutcomes())
public struct EarlierOutcomes: Sendable, Hashable {
    /// The id of the run or the unique beginning of one; nil is the newest run of the fleet, which must not be active.
    public var run: String?
    /// The outcomes in that run; nil chooses the instances that did not end well in it.
    public var outcomes: Set<Outcome>?

    /// A choice by a run's outcomes; by default what did not end well in the newest run.
    public init(run: String? = nil, outcomes: Set<Outcome>? = nil) {
        (self.run, self.outcomes) = (run, outcomes)
    }
}

/// The instances that an earlier run chose, with the words for them.
public struct ChosenInstances: Sendable, Hashable {
    /// The id of the run that chose them.
    public let run: RunID
    /// The outcomes that were asked for, in the order of their declaration; empty for what did not end well.
    public let outcomes: [Outcome]
    /// In the order of the run's waves.
    public let names: [String]

    /// What they have in common: `did not end well in run 20261127T…`.
    package var words: String {
        "\(outcomes.isEmpty ? "did not end well" : endedAs) in run \(run)"
    }

    private var endedAs: String { "ended as \(outcomes.map(\.rawValue).joined(separator: " or "))" }

    /// That none of the selected instances is among them.
    package var emptyWords: String {
        guard outcomes.isEmpty else { return "no selected instance \(endedAs) in run \(run)" }
        return "no selected instance ended badly in run \(run); those that it did not reach are chosen by --outcome pending"
    }

    /// Those of them that an instance list has, in the list's order, and the names that it has not.
    package func among(_ instances: [Instance]) -> (present: [Instance], missing: [String]) {
        let wanted = Set(names)
        let known = Set(instances.map(\.name))
        return (instances.filter { wanted.contains($0.name) }, names.filter { !known.contains($0) })
    }
}

extension RunCatalog {
    /// The instances that a run chose.
    ///
    /// - Throws: ``FleetError/Code/run`` if the run does not exist, belongs to another fleet, or has not ended.
    package func chosen(by earlier: EarlierOutcomes) async throws(FleetError) -> ChosenInstances {
        let journal = try await openExisting(for: .reading)
        let record = try await ended(earlier.run, in: journal)
        let (report, _) = try await report(on: record, in: journal)
        let isUp = record.change.direction == .up
        let names = report.log.instances.filter { instance in
            guard let outcomes = earlier.outcomes else {
                // What was in progress when its process died has not ended well, and an up run that rolled an instance back did not succeed there.
                if case .running = instance.state { return true }
                return !instance.judgedOutcome.isGood || isUp && instance.outcome == .rolledBack
            }
            return outcomes.contains(instance.outcome)
        }.map(\.name)
        return ChosenInstances(run: record.id, outcomes: Outcome.allCases.filter { earlier.outcomes?.contains($0) ?? false }, names: names)
    }

    private func ended(_ text: String?, in journal: any RunStore) async throws(FleetError) -> RunRecord {
        if let text, text != "latest" {
            try await checkFleet(of: text, in: journal)
            let record = try await run(text, .any, in: journal)
            guard try await state(of: record, in: journal) != .running else {
                throw FleetError(
                    .run,
                    "run \(record.id) has not ended",
                    hint: "wait until it has; `convoy runs show \(record.id)` shows its progress"
                )
            }
            return record
        }
        // The newest run and no older one, so that what failed before it is not taken for what failed now.
        let runs = try await explaining { () async throws(JournalError) in try await journal.runs(limit: 1, fleet: fleet) }
        guard let record = runs.first else {
            throw FleetError(.run, "the fleet has no run yet, so no run can choose the instances", hint: "`convoy runs` lists the runs")
        }
        guard try await state(of: record, in: journal) != .running else {
            throw FleetError(
                .run,
                "run \(record.id), the newest, has not ended",
                hint: "wait for it with `convoy wait \(record.id)`, or name an older run with --failed-in"
            )
        }
        return record
    }

    /// Names the other fleet, if only that one has the run.
    private func checkFleet(of text: String, in journal: any RunStore) async throws(FleetError) {
        let (own, all) = try await explaining { () async throws(JournalError) in
            (try await journal.runs(named: text, fleet: fleet), try await journal.runs(named: text))
        }
        guard own.isEmpty, let other = all.first else { return }
        throw FleetError(
            .run,
            "run \(other.id) is a run of the fleet \(other.fleet), and this is the fleet \(fleet ?? "")",
            hint: "`convoy runs` lists the runs of this fleet"
        )
    }
}
