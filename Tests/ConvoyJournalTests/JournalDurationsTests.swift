import ConvoyMigrations
import Foundation
import GRDB
import TestSupport
import Testing

@testable import ConvoyJournal
@testable import ConvoyRollout
@testable import ConvoyRun

/// How long migrations took, read from the journal.
@Suite(.timeLimit(.minutes(2)))
struct JournalDurationsTests {
    private let first = JournalSamples.older
    private let second = JournalSamples.version

    private func withJournal(_ body: (SQLiteJournal) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let journal = try await SQLiteJournal.open(path: "\(folder)/journal.sqlite")
            try await body(journal)
            try await journal.close()
        }
    }

    /// A run in which instances took so many milliseconds for a migration each.
    private func write(
        _ id: String,
        fleet: String = "teslamate-eu",
        at seconds: Double = 0,
        _ applied: [(MigrationVersion, MigrationDirection, [Int])],
        to journal: any RunStore
    ) async throws {
        try await journal.begin(JournalSamples.run(id, fleet: fleet, startedAt: moment(seconds)), plan: Data())
        var events = [Event(at: moment(seconds), .waveStarted(wave: "all"))]
        for (version, direction, milliseconds) in applied {
            for (index, duration) in milliseconds.enumerated() {
                let migration = AppliedMigration(version: version, direction: direction, duration: .milliseconds(duration))
                events.append(Event(at: moment(seconds), .migrationApplied(instance: "i\(index)", migration: migration)))
            }
        }
        try await journal.append(events, to: RunID(id))
    }

    /// A migration that a checkpoint applied has no duration of its own.
    @Test(arguments: StoreKind.all)
    func whatACheckpointAppliedDoesNotCount(_ kind: StoreKind) async throws {
        try await kind.withStore { journal in
            try await write("r-1", [(second, .up, [7])], to: journal)
            let migrations = [first, second].map {
                AppliedMigration(version: $0, direction: .up, duration: $0 == second ? .seconds(1) : .zero, checkpoint: second)
            }
            let events = migrations.map { Event(at: moment(), .migrationApplied(instance: "i1", migration: $0)) }
            try await journal.append(events, to: RunID("r-1"))
            let durations = try await journal.durations(of: [RunID("r-1")])
            #expect(durations.map(\.version) == [second])
            #expect(durations.map(\.durations) == [[.milliseconds(7)]])
            #expect(try await journal.typicalDurations(fleet: "teslamate-eu") == [second: .milliseconds(7)])
            // Yet it is what the run applied.
            let read = try await journal.events(of: RunID("r-1"), after: 0, limit: 10).compactMap { stored -> AppliedMigration? in
                if case .migrationApplied(_, let migration)? = stored.event?.kind { migration } else { nil }
            }
            #expect(read.suffix(2) == migrations)
        }
    }

    @Test(arguments: StoreKind.all)
    func durationsOfRunsAreTakenTogether(_ kind: StoreKind) async throws {
        try await kind.withStore { journal in
            try await write("r-1", [(second, .up, Array(1...20)), (second, .down, [7])], to: journal)
            try await write("r-2", [(first, .up, [3, 9, 9]), (second, .up, [1000])], to: journal)
            try await write("r-3", [(first, .up, [60_000])], to: journal)
            let durations = try await journal.durations(of: [RunID("r-1"), RunID("r-2")])
            #expect(durations.map(\.version) == [first, second, second])
            #expect(durations.map(\.direction) == [.up, .up, .down])
            #expect(durations.map(\.count) == [3, 21, 1])
            #expect(durations.map(\.median) == [.milliseconds(9), .milliseconds(11), .milliseconds(7)])
            #expect(durations.map { $0.percentile(0.95) } == [.milliseconds(9), .milliseconds(20), .milliseconds(7)])
            #expect(durations.map(\.maximum) == [.milliseconds(9), .seconds(1), .milliseconds(7)])
            #expect(durations.map(\.slowest) == ["i1", "i0", "i0"])
            #expect(try await journal.durations(of: []) == [])
            #expect(try await journal.durations(of: [RunID("r-4")]) == [])
        }
    }

    @Test func theSharesOfTheNearestRank() {
        func of(_ count: Int) -> MigrationDurations? {
            MigrationDurations.gathered(
                (1...count).reversed().map { ("i\($0)", AppliedMigration(version: first, direction: .up, duration: .milliseconds($0))) }
            ).first
        }
        for (count, median, high) in [(1, 1, 1), (2, 1, 2), (10, 5, 10), (20, 10, 19), (21, 11, 20), (100, 50, 95), (101, 51, 96)] {
            #expect(of(count)?.median == .milliseconds(median))
            #expect(of(count)?.percentile(0.95) == .milliseconds(high))
            #expect(of(count)?.percentile(0) == .milliseconds(1))
            #expect(of(count)?.slowest == "i\(count)")
        }
    }

    @Test(arguments: StoreKind.all)
    func theTypicalDurationIsTheMedianOfTheFleetsNewestRuns(_ kind: StoreKind) async throws {
        try await kind.withStore { journal in
            #expect(try await journal.typicalDurations(fleet: "teslamate-eu") == [:])
            try await write("old", at: -1, [(first, .up, [90_000, 90_000, 90_000, 90_000])], to: journal)
            for number in 1..<RunStoreLimits.typicalRuns { try await write("r-\(number)", at: Double(number), [], to: journal) }
            try await write("new", at: 100, [(first, .up, [1, 2, 30]), (second, .up, [5]), (second, .down, [700])], to: journal)
            try await write("other", fleet: "other", at: 200, [(first, .up, [5000])], to: journal)
            #expect(try await journal.typicalDurations(fleet: "teslamate-eu") == [first: .milliseconds(2), second: .milliseconds(5)])
            #expect(try await journal.typicalDurations(fleet: "teslamate-eu", direction: .down) == [second: .milliseconds(700)])
        }
    }

    @Test(arguments: StoreKind.all)
    func onlyTheNewestEventsOfARunAreRead(_ kind: StoreKind) async throws {
        try await kind.withStore { journal in
            let newest = Array(repeating: 2, count: RunStoreLimits.typicalEventsPerRun)
            try await write("r-1", [(first, .up, [50_000, 60_000]), (second, .up, newest)], to: journal)
            #expect(try await journal.typicalDurations(fleet: "teslamate-eu") == [second: .milliseconds(2)])
        }
    }

    @Test(arguments: [
        #"{"version":"x","direction":"up","duration":"long"}"#,
        #"{"version":"1","direction":"up"}"#, #"{"direction":"up","duration":1}"#, "no JSON",
    ])
    func anEventThatCannotBeUnderstoodIsLeftOut(_ json: String) async throws {
        try await withJournal { journal in
            try await write("r-1", [(first, .up, [50])], to: journal)
            try await journal.pool.write { db in
                try db.execute(
                    sql: "INSERT INTO events (run, at, type, instance, json) VALUES ('r-1', '', 'migration_applied', 'i', ?)",
                    arguments: [json]
                )
            }
            #expect(try await journal.durations(of: [RunID("r-1")]).map(\.durations) == [[.milliseconds(50)]])
        }
    }
}
