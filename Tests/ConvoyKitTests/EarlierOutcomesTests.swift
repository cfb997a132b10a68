import ConvoyFleet
import ConvoyJournal
import ConvoyReporting
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyKit

/// What `--failed` and `--outcome` choose of a run: together all of it, and as many as the run's report counts.
@Suite(.timeLimit(.minutes(2))) struct EarlierOutcomesTests {
    private static let run = RunID("20260101T000000Z-aaaaaa")

    /// A run in which each instance ended somehow, is in progress, or was not reached.
    private static func events(_ random: inout SeededGenerator) -> (events: [Event], names: [String]) {
        let at = Date(timeIntervalSince1970: 1_800_000_000)
        let names = (0..<random.int(1...40)).map { "i\($0)" }
        var events = [
            Event(at: at, .runStarted(run: run.description, fleet: "eu", waves: [PlannedWave(name: "all", instances: names)]))
        ]
        for name in names where !random.once(in: 4) {
            events.append(Event(at: at, .instanceStarted(instance: name, wave: "all")))
            guard !random.once(in: 5) else { continue }
            let outcome = random.pick(from: Outcome.allCases.filter { ![.skipped, .pending].contains($0) }) ?? .migrated
            let isAccepted = outcome == .ahead && random.once(in: 2)
            let failure = outcome.isGood || isAccepted ? nil : Failure(outcome, "no")
            events.append(Event(at: at, .instanceFinished(instance: name, result: InstanceResult(outcome: outcome, failure: failure))))
        }
        events.append(Event(at: at, .runFinished(status: .failed)))
        return (events, names)
    }

    @Test(arguments: 0..<20) func thePartsMakeTheRun(_ seed: Int) async throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let (events, names) = Self.events(&random)
        let isUp = random.once(in: 2)
        try await withTemporaryFolder { folder in
            let path = "\(folder)/journal.sqlite"
            let journal = try await SQLiteJournal.open(path: path)
            let record = RunRecord(
                id: Self.run,
                fleet: "eu",
                fleetFile: "fleet.yaml",
                change: isUp ? .up(to: nil) : .downSteps(1),
                instances: names.count,
                startedAt: events[0].at,
                startedBy: "ann@db-tools"
            )
            try await journal.begin(record, plan: Data())
            try await journal.append(events, to: Self.run)
            let fleet = Fleet(name: "eu", migrations: "Migrations", instances: [], journal: path)
            let catalog = RunCatalog(fleet) { _ in }
            let counts = try await catalog.report(on: record, in: journal).report.summary.outcomes

            var all: [String] = []
            for outcome in Outcome.allCases {
                let chosen = try await catalog.chosen(by: EarlierOutcomes(outcomes: [outcome]))
                #expect(chosen.names.count == counts[outcome] ?? 0, "\(outcome)")
                all += chosen.names
            }
            #expect(all.count == names.count && Set(all) == Set(names))
            let together = try await catalog.chosen(by: EarlierOutcomes(outcomes: Set(Outcome.allCases)))
            #expect(together.names == names)

            // What did not end well: all but what ended well and what the run did not reach.
            let failed = try await catalog.chosen(by: EarlierOutcomes())
            var expected: Set<String> = []
            for event in events {
                switch event.kind {
                case .instanceStarted(let name, _): expected.insert(name)
                case .instanceFinished(let name, let result):
                    let isWell = result.outcome.isGood || result.outcome == .ahead && result.failure == nil
                    if isWell, !(isUp && result.outcome == .rolledBack) { expected.remove(name) }
                default: break
                }
            }
            #expect(Set(failed.names) == expected)
            // In the order of the run, and found again among a fleet that has lost one of them.
            #expect(failed.names == names.filter(expected.contains))
            let (present, missing) = failed.among(instances(names.dropFirst().joined(separator: " ")))
            #expect(present.map(\.name) == failed.names.filter { $0 != names[0] })
            #expect(missing == failed.names.filter { $0 == names[0] })
        }
    }
}
