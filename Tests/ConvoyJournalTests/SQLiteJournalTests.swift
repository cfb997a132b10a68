import ConvoyFleet
import ConvoyInstance
import ConvoyMigrations
import ConvoyPostgres
import ConvoyText
import Foundation
import GRDB
import TestSupport
import Testing

@testable import ConvoyIO
@testable import ConvoyJournal
@testable import ConvoyRollout
@testable import ConvoyRun

@Suite(.timeLimit(.minutes(2)))
struct SQLiteJournalTests {
    private let run = JournalSamples.run

    /// A new journal with a run in it.
    private func withJournal(_ body: (SQLiteJournal, _ path: String) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/.convoy/journal.sqlite"
            let journal = try await SQLiteJournal.open(path: path)
            try await journal.begin(run, plan: Data("the plan".utf8))
            try await body(journal, path)
        }
    }

    @Test func whatItMakesIsForThisUserAlone() async throws {
        try await withJournal { _, path in
            for (name, expected) in [(path, 0o600), ("\(path)-wal", 0o600), (String(path.dropLast("/journal.sqlite".count)), 0o700)] {
                let mode = try FileManager.default.attributesOfItem(atPath: name)[.posixPermissions] as? Int
                #expect(mode == expected)
            }
        }
    }

    @Test func theConnectionThatWritesWaitsForTheDisk() async throws {
        try await withJournal { journal, _ in
            let settings = try await journal.pool.writeWithoutTransaction { db in
                (try Int.fetchOne(db, sql: "PRAGMA synchronous"), try String.fetchOne(db, sql: "PRAGMA journal_mode"))
            }
            #expect(settings == (2, "wal"))
        }
    }

    // MARK: Group commit

    @Test func callsThatComeWhileTheDiskIsBusyShareATransaction() async throws {
        try await withJournal { journal, path in
            let before = journal.commits
            var configuration = Configuration()
            configuration.allowsUnsafeTransactions = true
            let other = try DatabaseQueue(path: path, configuration: configuration)
            try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
            try await withThrowingTaskGroup(of: Void.self) { group in
                let append: @Sendable (Int) async throws -> Void = { [run] number in
                    try await journal.append([JournalSamples.numbered(number)], to: run.id)
                }
                group.addTask { try await append(0) }
                try await eventually("the first call waits for the file") { journal.queue.isCommitting && journal.queue.waitingCalls == 0 }
                for number in 1...500 { group.addTask { try await append(number) } }
                try await eventually("the others wait for the first") { journal.queue.waitingCalls == 500 }
                try await other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
                try await group.waitForAll()
            }
            #expect(journal.commits == before + 2)
            #expect(try await Set(journal.numbers()) == Set(0...500))
        }
    }

    @Test func manyMayMakeTheSameJournalAtOnce() async throws {
        try await withTemporaryFolder { folder in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        let journal = try await SQLiteJournal.open(path: "\(folder)/a/b/journal.sqlite")
                        try await journal.begin(JournalSamples.run("r-\(number)"), plan: Data())
                    }
                }
                try await group.waitForAll()
            }
            let reader = try #require(try await SQLiteJournal.open(readingAt: "\(folder)/a/b/journal.sqlite"))
            #expect(try await reader.runs(limit: 100).count == 8)
        }
    }

    // MARK: What a newer program wrote

    @Test func anEventOfANewerProgramIsToldAndADamagedOneIsPassedOver() async throws {
        try await withJournal { journal, _ in
            let insert = "INSERT INTO events (run, at, type, json) VALUES (?, '', ?, ?)"
            let id = run.id.description
            try await journal.pool.write { db in
                try db.execute(
                    sql: insert,
                    arguments: [id, "wave_painted", #"{"at":"2026-08-08T09:00:00.000Z","type":"wave_painted","wave":"canary"}"#]
                )
            }
            let recorded = try await journal.events(of: run.id, after: 0, limit: 10)
            #expect(recorded.map(\.type) == ["wave_painted"])
            #expect(recorded.allSatisfy { $0.event == nil && $0.json.contains("wave_painted") })

            try await journal.pool.write { db in try db.execute(sql: insert, arguments: [id, "wave_started", "{}"]) }
            let damaged = try await journal.events(of: run.id, after: 1, limit: 10)
            #expect(damaged.map(\.type) == ["wave_started"])
            #expect(damaged.allSatisfy { $0.event == nil && $0.isDamaged })
            #expect(recorded.allSatisfy { !$0.isDamaged })
        }
    }

    // MARK: Secrets

    @Test func noSecretGetsIntoIt() async throws {
        try await withJournal { journal, path in
            let connections = [
                ConnectionParameters(["host": "127.0.0.1", "port": "1", "user": "u", "password": "hunter2-secret", "dbname": "a"]),
                ConnectionParameters(["host": "127.0.0.1", "port": "hunter2-secret", "password": "hunter2-secret"]),
                ConnectionParameters(["host": "127.0.0.1", "port": "1", "sslmode": "hunter2-secret", "sslpassword": "hunter2-secret"]),
                try ConnectionParameters(conninfo: "postgresql://u:hunter2-secret@127.0.0.1:1/a?connect_timeout=2"),
            ]
            let log = EventLog()
            for (index, connection) in connections.enumerated() {
                let instance = Instance(name: "i\(index)", server: "s", database: "a", connection: connection)
                let result = await InstanceRunner(set: try migrationSet([]), steps: []).migrate(
                    InstanceJob(instance, .up(to: nil), run: run.id.description),
                    report: log.add
                )
                log.add(.instanceFinished(instance: instance.name, result: result))
                #expect(result.failure != nil)
            }
            try await journal.append(log.all.map { Event(at: moment(), $0) }, to: run.id)
            #expect(try await journal.outcomes(of: run.id).values.reduce(0, +) == connections.count)
            let folder = path.dropLast("/journal.sqlite".count)
            for file in try FileManager.default.contentsOfDirectory(atPath: String(folder)) {
                let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(file)"))
                #expect(bytes.range(of: Data("hunter2".utf8)) == nil, "\(file) holds a secret")
            }
        }
    }
}
