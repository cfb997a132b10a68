import ConvoyMigrations
import ConvoyRun
import TestSupport

@testable import ConvoyReporting

/// Fleets as a probe might find them, and runs over them, each made of a seed.
enum RandomFleet {
    /// The versions of the instances are 1 to 4.
    static let releases = ReleaseList([
        .init(name: "v1.0.0", date: "2026-01-01", version: MigrationVersion(2)),
        .init(name: "v1.1.0", date: "2026-02-01", version: MigrationVersion(3)),
    ])

    static func statuses(_ random: inout SeededGenerator) -> [InstanceStatus] {
        (0..<Int.random(in: 1...60, using: &random)).map { index in
            let outcomes: [Outcome] = [
                .upToDate, .pending, .pending, .unreachable, .blocked, .ahead, .edited, .outOfOrder, .unprovisioned, .lockBusy,
                .skipped,
            ]
            let outcome = outcomes.randomElement(using: &random) ?? .pending
            // What is in the way of an instance does not take what is due there away.
            let hasPending = outcome == .pending || ![.upToDate, .unreachable, .skipped].contains(outcome) && Bool.random(using: &random)
            var status = InstanceStatus(
                name: "i\(index)",
                server: "s\(Int.random(in: 0...3, using: &random))",
                database: "d",
                labels: ["ring": "r\(Int.random(in: 0...2, using: &random))"],
                outcome: outcome,
                version: Bool.random(using: &random) ? MigrationVersion(Int64.random(in: 1...4, using: &random)) : nil,
                pending: hasPending ? [older, newest] : [],
                serverVersion: [.unreachable, .skipped].contains(outcome) ? nil : "17.2",
                failure: outcome.isGood || outcome == .ahead && Bool.random(using: &random) ? nil : Failure(outcome, "in the way")
            )
            if outcome == .edited { status.edited = [older] }
            if outcome == .skipped { status.skip = "away" }
            return status
        }
    }

    /// A run over instances of these names in two waves; some are not reached, some are in progress.
    static func run(over names: [String], _ random: inout SeededGenerator) -> [Event] {
        let cut = Int.random(in: 0...names.count, using: &random)
        let waves = [PlannedWave(name: "one", instances: Array(names[..<cut])), PlannedWave(name: "two", instances: Array(names[cut...]))]
        var events = [Event(at: moment(), .runStarted(run: "r", fleet: "f", waves: waves))]
        for (index, name) in names.enumerated() where Int.random(in: 0...3, using: &random) > 0 {
            events.append(Event(at: moment(), .instanceStarted(instance: name, wave: index < cut ? "one" : "two")))
            guard Bool.random(using: &random) else { continue }
            let outcome = Outcome.allCases.filter { $0 != .skipped }.randomElement(using: &random) ?? .migrated
            let isAccepted = outcome == .ahead && Bool.random(using: &random)
            var result = InstanceResult(outcome: outcome, from: older)
            if !outcome.isGood, !isAccepted { result.failure = Failure(outcome, "no") }
            result.to = [nil, older, newest].randomElement(using: &random) ?? nil
            events.append(Event(at: moment(1), .instanceFinished(instance: name, result: result)))
        }
        return events
    }
}
