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

    @Test func eventsComeBackInOrderForEveryReader() async throws {
        try await withJournal { journal, path in
            let events = JournalSamples.kinds.map { Event(at: moment(), $0) }
            try await journal.append(Array(events.prefix(5)), to: run.id)
            try await journal.append([], to: run.id)
            try await journal.append(Array(events.dropFirst(5)), to: run.id)
            let reader = try #require(try await SQLiteJournal.open(readingAt: path))
            for journal in [journal, reader] {
                for pageSize in [1, 7, events.count, 1000] {
                    var read: [String] = []
                    for try await recorded in RecordedEvents(journal: journal, run: run.id, pageSize: pageSize) {
                        read.append(try #require(recorded.event).json.line)
                    }
                    #expect(read == events.map(\.json.line))
                }
            }
        }
    }

    @Test func aRunIsListedAsItWasBegunAndAsItEnded() async throws {
        try await withJournal { journal, _ in
            #expect(try await journal.runs(limit: 10) == [run])
            #expect(try await journal.plan(of: run.id) == Data("the plan".utf8))
            #expect(try await journal.plan(of: RunID("other")) == nil)

            try await journal.append([Event(at: moment(5), .runFinished(status: .halted))], to: run.id)
            var ended = run
            ended.status = .halted
            ended.finishedAt = moment(5)
            #expect(try await journal.runs(limit: 10) == [ended])

            try await journal.append([Event(at: moment(6), .runResumed(by: "bob@host"))], to: run.id)
            #expect(try await journal.runs(limit: 10) == [run])

            try await journal.abandon(run.id, by: "bob@host", at: moment(7))
            ended.status = .abandoned
            ended.finishedAt = moment(7)
            ended.abandonedBy = "bob@host"
            #expect(try await journal.runs(limit: 10) == [ended])

            await #expect {
                try await journal.append([Event(at: moment(8), .runResumed(by: "ann@host"))], to: run.id)
            } throws: {
                "\($0)".contains("abandoned by bob@host")
            }
            #expect(try await journal.runs(limit: 10) == [ended])
        }
    }

    @Test(arguments: [Change.up(to: nil), .up(to: JournalSamples.version), .down(to: JournalSamples.version), .downSteps(3)])
    func theChangeIsKept(_ change: Change) async throws {
        try await withJournal { journal, _ in
            try await journal.begin(JournalSamples.run("r-2", change, startedAt: moment(1)), plan: Data())
            #expect(try await journal.runs(limit: 1).first?.change == change)
        }
    }

    @Test(arguments: [
        ("latest", nil, ["20260808T100000Z-ffff00"]), ("latest", "eu", ["20260807T000000Z-aaaaaa"]), ("latest", "asia", []),
        ("20260807", nil, ["20260807T000000Z-aaaaaa"]), ("20260808", nil, ["20260808T100000Z-ffff00", "20260808T090000Z-ab12cd"]),
        ("20260808T09", nil, ["20260808T090000Z-ab12cd"]), ("2026%", nil, []), ("", "eu", ["20260807T000000Z-aaaaaa"]),
        ("20260808T100000Z-ffff00", nil, ["20260808T100000Z-ffff00"]), ("20260808T090000Z-ab12cd", "eu", []),
    ])
    func aRunIsFoundByIdPrefixOrLatest(_ text: String, _ fleet: String?, _ expected: [String]) async throws {
        try await withJournal { journal, _ in
            try await journal.begin(JournalSamples.run("20260808T100000Z-ffff00", startedAt: moment(3600)), plan: Data())
            try await journal.begin(JournalSamples.run("20260807T000000Z-aaaaaa", fleet: "eu", startedAt: moment(-86_400)), plan: Data())
            #expect(try await journal.runs(named: text, fleet: fleet).map(\.id.description) == expected)
        }
    }

    @Test func anIdThatBeginsAnotherIsStillOne() async throws {
        try await withJournal { journal, _ in
            for id in ["r-1", "r-10"] { try await journal.begin(JournalSamples.run(id), plan: Data()) }
            #expect(try await journal.runs(named: "r-1").map(\.id.description) == ["r-1"])
        }
    }

    @Test func outcomesCountTheLastWordOnEachInstance() async throws {
        try await withJournal { journal, _ in
            let results: [(String, Outcome)] = [("alice", .migrated), ("bob", .failed), ("carol", .migrated), ("bob", .migrated)]
            for (name, outcome) in results {
                try await journal.append(
                    [Event(at: moment(), .instanceFinished(instance: name, result: InstanceResult(outcome: outcome)))],
                    to: run.id
                )
            }
            let rolledBack = InstanceResult(outcome: .rolledBack)
            try await journal.append([Event(at: moment(), .rollbackFinished(instance: "alice", result: rolledBack))], to: run.id)
            #expect(try await journal.outcomes(of: run.id) == [.migrated: 2, .rolledBack: 1])
        }
    }

    @Test func requestsReachTheProcessThatRuns() async throws {
        try await withJournal { journal, path in
            let other = try await SQLiteJournal.open(path: path)
            #expect(try await journal.requests(of: run.id, after: 0) == [])
            let kinds: [OperatorRequest.Kind] = [
                .stop, .approve(wave: nil), .approve(wave: "canary"), .pause(server: "eu-1"), .unpause(server: "eu-1"),
            ]
            for kind in kinds { try await other.post(kind, to: run.id, by: "bob@host", at: moment(1)) }
            let requests = try await journal.requests(of: run.id, after: 0)
            #expect(requests.map(\.kind) == kinds)
            #expect(requests.map(\.number) == [1, 2, 3, 4, 5])
            #expect(requests.allSatisfy { $0.by == "bob@host" && $0.at == moment(1) })
            #expect(try await journal.requests(of: run.id, after: 3) == Array(requests.dropFirst(3)))
            #expect(try await journal.requests(of: RunID("other"), after: 0) == [])
        }
    }

    @Test func nothingIsWrittenForARunThatIsNotThere() async throws {
        try await withJournal { journal, _ in
            let other = RunID("other")
            await #expect(throws: JournalError.self) { try await journal.append([JournalSamples.numbered(1)], to: other) }
            await #expect(throws: JournalError.self) { try await journal.post(.stop, to: other, by: "bob", at: moment()) }
            await #expect(throws: JournalError.self) { try await journal.begin(run, plan: Data()) }
            try await journal.append([JournalSamples.numbered(1)], to: run.id)
            #expect(try await journal.numbers() == [1])
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

    @Test func callsOfOneTaskStayInOrderAndEachCallStaysWhole() async throws {
        try await withJournal { journal, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<20 {
                    group.addTask { [run] in
                        for call in 0..<10 {
                            let first = task * 1000 + call * 10
                            try await journal.append((first..<first + 3).map(JournalSamples.numbered), to: run.id)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let numbers = try await journal.numbers()
            #expect(numbers.count == 600)
            for task in 0..<20 {
                let own = numbers.filter { $0 / 1000 == task }
                #expect(own == own.sorted())
            }
            for first in stride(from: 0, to: 600, by: 3) {
                #expect(numbers[first...first + 2].elementsEqual(numbers[first]...numbers[first] + 2))
            }
        }
    }

    @Test func anEventOfACancelledTaskIsWritten() async throws {
        try await withJournal { journal, _ in
            let task = Task { [run] in
                while !Task.isCancelled { await Task.yield() }
                try await journal.append([JournalSamples.numbered(7)], to: run.id)
                return try await journal.numbers()
            }
            task.cancel()
            let numbers = try await task.value
            #expect(numbers == [7])
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
