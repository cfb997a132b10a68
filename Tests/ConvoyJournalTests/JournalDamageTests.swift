import ConvoyMigrations
import ConvoyText
import Foundation
import GRDB
import TestSupport
import Testing

@testable import ConvoyIO
@testable import ConvoyJournal
@testable import ConvoyRollout
@testable import ConvoyRun

/// A journal is read as far as possible, whatever stands in it: what a tenant's server told, and what a disk made of it.
@Suite(.timeLimit(.minutes(5)))
struct JournalDamageTests {
    private let run = JournalSamples.run
    private static let seeds: Range<UInt64> = {
        let base = ProcessInfo.processInfo.environment["CONVOY_TEST_SEED"].flatMap(UInt64.init)
        return base.map { $0..<$0 + 20 } ?? 0..<4
    }()

    private func makeJournal(at path: String) async throws {
        let journal = try await SQLiteJournal.open(path: path)
        try await journal.begin(run, plan: Data("{}".utf8))
        try await journal.append(JournalSamples.kinds.enumerated().map { Event(at: moment(Double($0)), $1) }, to: run.id)
        for kind in [OperatorRequest.Kind.stop, .approve(wave: "canary"), .pause(server: "eu-1")] {
            try await journal.post(kind, to: run.id, by: "ann@db-tools", at: moment())
        }
        try await journal.close()
    }

    @Test func aBrokenEventIsLeftOutAndTheOthersAreRead() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/journal.sqlite"
            try await makeJournal(at: path)
            let database = try DatabaseQueue(path: path)
            try await database.write { db in
                try db.execute(sql: "UPDATE events SET json = '{' WHERE number = 3")
                try db.execute(
                    sql: "UPDATE events SET json = replace(json, 'canary', 'can' || char(10) || 'ary'), at = 'never' WHERE number = 5"
                )
            }
            try database.close()
            let journal = try #require(try await SQLiteJournal.open(readingAt: path))
            let events = try await journal.events(of: run.id, after: 0, limit: 1000)
            #expect(events.count == JournalSamples.kinds.count)
            #expect(events.filter(\.isDamaged).map(\.number) == [3])
            #expect(events.allSatisfy { $0.isDamaged == ($0.event == nil) })
        }
    }

    /// What an instance's own audit log claims is written down as a duration, and is read again.
    @Test func durationsWithoutEndAreReadBack() throws {
        for milliseconds in [Int64.min, -1, 0, .max] {
            let migration = AppliedMigration(
                version: MigrationVersion(Int64.min),
                direction: .up,
                duration: Duration(clampingMilliseconds: milliseconds)
            )
            for kind in [
                Event.Kind.migrationApplied(instance: "a", migration: migration),
                .instanceFinished(instance: "a", result: InstanceResult(outcome: .migrated, applied: [migration, migration])),
            ] {
                let line = Event(at: moment(), kind).json.line
                #expect(try JSONDecoder().decode(Event.self, from: Data(line.utf8)).json.line == line)
            }
            #expect(!(migration.duration + migration.duration).human.isEmpty)
        }
    }

    @Test(arguments: seeds)
    func anythingMayStandInAnyColumn(_ seed: UInt64) async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/journal.sqlite"
            try await makeJournal(at: path)
            var random = SeededGenerator(seed: seed)
            for _ in 0..<25 {
                try await damage(path, &random)
                try await read(path)
            }
            for arguments in [["runs"], ["runs", "show", "latest"], ["runs", "show", "latest", "--events"], ["runs", "durations"]] {
                let result = try await runConvoy(arguments + ["--journal", path], in: folder)
                #expect([0, 64].contains(result.exitCode), "seed \(seed): \(arguments) \(result.exitCode) \(result.standardError)")
                #expect(!result.standardError.contains("it is damaged"))
            }
        }
    }

    private func damage(_ path: String, _ random: inout SeededGenerator) async throws {
        let columns = [
            ("events", ["at", "type", "instance", "outcome", "json", "json", "json"]),
            ("runs", ["fleet", "fleet_file", "direction", "target", "steps", "instances", "plan", "started_at", "finished_at", "status"]),
            ("requests", ["kind", "argument", "requested_by", "at"]),
        ]
        let table = Int.random(in: 0..<10, using: &random)
        let (name, names) = columns[table < 8 ? 0 : table - 7]
        let column = names.randomElement(using: &random) ?? ""
        let row = Int.random(in: 0..<100, using: &random)
        let database = try DatabaseQueue(path: path)
        defer { try? database.close() }
        let place = "rowid = (SELECT rowid FROM \(name) ORDER BY rowid LIMIT 1 OFFSET \(row) % (SELECT count(*) FROM \(name)))"
        let old = try await database.read { db in
            try String.fetchOne(db, sql: "SELECT CAST(\(column) AS TEXT) FROM \(name) WHERE \(place)") ?? ""
        }
        let texts = ["", "x", "null", "[[[[[", "9223372036854775808", String(repeating: "«", count: 5000), "\u{1B}[2J\0"]
        var value: any DatabaseValueConvertible & Sendable = texts.randomElement(using: &random) ?? ""
        if ["steps", "instances"].contains(column) {
            value = [Int64.min, .max, -1, 0, 1 << 40].randomElement(using: &random) ?? 0
        } else if Int.random(in: 0..<4, using: &random) < 3 {
            value = Self.changed(old, &random)
        }
        let isText = Int.random(in: 0..<8, using: &random) > 0
        try await database.write { [value] db in
            // What the column does not take stays as it was.
            if isText {
                try? db.execute(sql: "UPDATE \(name) SET \(column) = ? WHERE \(place)", arguments: [value])
            } else {
                try? db.execute(sql: "UPDATE \(name) SET \(column) = CAST(x'61ff80c328' AS TEXT) WHERE \(place)")
            }
        }
    }

    /// The text with one of its numbers or words replaced.
    private static func changed(_ text: String, _ random: inout SeededGenerator) -> String {
        let digits = text.ranges(of: #/-?[0-9]+(\.[0-9]+)?/#)
        let words = text.ranges(of: #/"[^"]*"/#)
        let numbers = [
            "-9223372036854775808", "9223372036854775807", "1e308", "-1e308", "1e999", "0", "-1", "null", "\"\"", "[]", "{}", "true",
        ]
        guard let place = (Bool.random(using: &random) ? digits : words).randomElement(using: &random) else { return text }
        return text.replacingCharacters(in: place, with: numbers.randomElement(using: &random) ?? "")
    }

    /// Reads everything that commands read; nothing of it may fail.
    private func read(_ path: String) async throws {
        let journal = try #require(try await SQLiteJournal.open(readingAt: path))
        _ = try await journal.runs(limit: 10)
        _ = try await journal.damagedRuns()
        for selection in [RecordedEvents.Selection.all, .standing] {
            var log = RunLog()
            for try await event in journal.events(of: run.id, selection) {
                if let event = event.event { log.apply(event) }
            }
            _ = (log.unfinished, log.finalReason, log.soakedSeconds("canary"))
        }
        _ = try await journal.outcomes(of: run.id)
        _ = try await journal.durations(of: [run.id])
        _ = try await journal.typicalDurations(fleet: run.fleet)
        _ = try await journal.endings(of: "alice", fleet: nil)
        _ = try await journal.lastEndings(of: ["alice", "bob"], fleet: run.fleet, except: nil)
        _ = try await journal.requests(of: run.id, after: 0)
        if let plan = try await journal.plan(of: run.id) { _ = try? RunPlan(data: plan) }
        try await journal.close()
    }
}
