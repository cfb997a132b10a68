import ConvoyMigrations
import Foundation
import GRDB
import TestSupport
import Testing

@testable import ConvoyJournal
@testable import ConvoyRun

/// What a journal counts for ever.
@Suite(.timeLimit(.minutes(2)))
struct JournalTotalsTests {
    private static let fleet = "teslamate-eu"

    private func withJournal(_ body: (SQLiteJournal) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let journal = try await SQLiteJournal.open(path: "\(folder)/journal.sqlite")
            try await body(journal)
            try await journal.close()
        }
    }

    /// A run that has ended: each instance applied one migration, and one was rolled back.
    private func write(_ id: String, fleet: String = fleet, milliseconds: [Int], to journal: any RunStore) async throws {
        try await journal.begin(JournalSamples.run(id, fleet: fleet, startedAt: moment()), plan: Data())
        var events: [Event] = []
        for (index, duration) in milliseconds.enumerated() {
            let name = "i\(index)"
            let migration = AppliedMigration(version: JournalSamples.version, direction: .up, duration: .milliseconds(duration))
            events.append(Event(at: moment(), .migrationApplied(instance: name, migration: migration)))
            events.append(Event(at: moment(), .instanceFinished(instance: name, result: InstanceResult(outcome: .migrated))))
        }
        let back = AppliedMigration(version: JournalSamples.version, direction: .down, duration: .seconds(2))
        events.append(Event(at: moment(), .migrationApplied(instance: "i0", migration: back)))
        events.append(Event(at: moment(), .rollbackFinished(instance: "i0", result: InstanceResult(outcome: .rolledBack))))
        events.append(Event(at: moment(), .runFinished(status: .failed)))
        try await journal.append(events, to: RunID(id))
    }

    private func all(_ journal: any RunStore, of fleet: String = fleet) async throws -> RunTotals {
        let totals = try await journal.totals(of: fleet, after: nil)
        return totals.news.values.reduce(into: totals.removed) { $0.add($1) }
    }

    @Test(arguments: StoreKind.all)
    func whatHappenedIsCounted(_ kind: StoreKind) async throws {
        try await kind.withStore { journal in
            #expect(try await all(journal) == RunTotals())
            try await write("r-1", milliseconds: [1, 10, 11, 700], to: journal)
            try await write("r-2", fleet: "other", milliseconds: [1], to: journal)
            let totals = try await all(journal)
            #expect(totals[RunEnding.failed] == 1 && totals[RunEnding.succeeded] == 0)
            #expect(totals[Outcome.migrated] == 4 && totals[Outcome.rolledBack] == 1 && totals[Outcome.failed] == 0)
            // At most 10 ms: two; at most 50 ms: three; at most 1 s: all.
            #expect(totals[.up].counts == [2, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4])
            #expect(totals[.up].count == 4 && abs(totals[.up].seconds - 0.722) < 1e-9)
            #expect(totals[.down].counts == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1] && totals[.down].seconds == 2)
            #expect(try await all(journal, of: "other")[Outcome.migrated] == 1)
        }
    }

    @Test(arguments: StoreKind.all)
    func onlyWhatIsNewIsReadAgain(_ kind: StoreKind) async throws {
        try await kind.withStore { journal in
            try await write("r-1", milliseconds: [1, 2], to: journal)
            let first = try await journal.totals(of: Self.fleet, after: nil)
            #expect(first.news.keys.map(\.description) == ["r-1"])
            let nothing = try await journal.totals(of: Self.fleet, after: first.cursor)
            #expect(nothing.news.isEmpty && nothing.cursor == first.cursor && nothing.runs == [RunID("r-1")])
            try await write("r-2", milliseconds: [5], to: journal)
            let second = try await journal.totals(of: Self.fleet, after: first.cursor)
            #expect(second.news.keys.map(\.description) == ["r-2"])
            #expect(second.news[RunID("r-2")]?[Outcome.migrated] == 1)
        }
    }

    @Test(arguments: StoreKind.all)
    func aRunThatIsRemovedStillCounts(_ kind: StoreKind) async throws {
        try await kind.withStore { journal in
            for number in 1...250 { try await write("r-\(number)", milliseconds: [number], to: journal) }
            try await write("s-1", fleet: "other", milliseconds: [7], to: journal)
            let before = try await all(journal)
            #expect(before[Outcome.migrated] == 250)
            let removed = try await journal.remove((1...240).map { RunID("r-\($0)") } + [RunID("s-1"), RunID("r-999")])
            #expect(removed.count == 242)
            #expect(try await journal.totals(of: Self.fleet, after: nil).runs.count == 10)
            #expect(try await near(all(journal), before))
            #expect(try await all(journal, of: "other")[Outcome.migrated] == 1)
            _ = try await journal.remove((241...250).map { RunID("r-\($0)") })
            #expect(try await near(all(journal), before))
        }
    }

    /// Sums of seconds depend on their order in the last digit.
    private func near(_ left: RunTotals, _ right: RunTotals) -> Bool {
        left.runs == right.runs && left.instances == right.instances && left[.up].counts == right[.up].counts
            && left[.down].counts == right[.down].counts && abs(left[.up].seconds - right[.up].seconds) < 1e-6
    }

    @Test func whatIsDamagedCostsOnlyItself() async throws {
        try await withJournal { journal in
            try await write("r-1", milliseconds: [1, 2, 3], to: journal)
            try await write("r-2", milliseconds: [4], to: journal)
            let damage = [
                "'no JSON'", #"'{"type":"migration_applied","direction":"sideways","duration":1}'"#,
                #"'{"type":"migration_applied","direction":"up","duration":"long"}'"#,
            ]
            for (number, json) in zip([1, 3, 5], damage) {
                try await journal.write { try $0.execute(sql: "UPDATE events SET json = \(json) WHERE number = \(number)") }
            }
            let totals = try await all(journal)
            #expect(totals[Outcome.migrated] == 4 && totals[.up].count == 2 && totals[.up].seconds == 0.004)
            _ = try await journal.remove([RunID("r-1")])
            try await journal.write { try $0.execute(sql: "UPDATE removed_totals SET json = 'broken'") }
            #expect(try await all(journal)[Outcome.migrated] == 1)
        }
    }

    /// An older program reads a journal that has the table.
    @Test func theJournalStaysReadableForOlderPrograms() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/journal.sqlite"
            let journal = try await SQLiteJournal.open(path: path)
            try await write("r-1", milliseconds: [1], to: journal)
            _ = try await journal.remove([RunID("r-1")])
            let names = try await journal.read { db in try String.fetchAll(db, sql: "SELECT identifier FROM grdb_migrations") }
            #expect(names == ["1"])
            try await journal.close()
            #expect(try await SQLiteJournal.open(readingAt: path) != nil)
        }
    }
}
