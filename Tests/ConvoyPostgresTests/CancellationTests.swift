import Dispatch
import TestSupport
import Testing

@testable import ConvoyIO
@testable import ConvoyPostgres

@Suite("Cancelling", .timeLimit(.minutes(2)))
struct CancellationTests {
    /// Waits until a session runs a statement that contains the words.
    private func running(_ words: String, _ name: String, in database: TestDatabase) async throws {
        try await eventually("\(words) runs", within: .seconds(60)) {
            try await database.query(
                "SELECT FROM pg_catalog.pg_stat_activity WHERE application_name = $1 AND state = 'active' AND query LIKE $2",
                [name, "%\(words)%"]
            ).rows.count == 1
        }
    }

    @Test("a statement that runs is stopped on the server, and the session can clean up")
    func runningStatement() async throws {
        try await withDatabase { database in
            let name = uniqueApplicationName()
            let task = Task {
                let connection = try await database.connect(applicationName: name)
                defer { connection.close() }
                try await connection.query("BEGIN")
                let error = try await failure { try await connection.query("SELECT pg_sleep(60)") }
                #expect(error.code == .cancelled)
                #expect(error.sqlstate == "57014")
                #expect(connection.transactionStatus == .failed)
                // Nothing more is sent for a cancelled task …
                #expect(try await failure { try await connection.query("COMMIT") }.code == .cancelled)
                #expect(connection.isOpen && connection.transactionStatus == .failed)
                // … but clean-up is.
                connection.cancellation = .ignored
                try await connection.query("ROLLBACK")
                #expect(try await connection.query("SELECT 1 AS one").onlyRow().text("one") == "1")
            }
            try await running("pg_sleep", name, in: database)
            task.cancel()
            try await task.value
        }
    }

    @Test("clean-up is not cancelled")
    func ignored() async throws {
        try await withDatabase { database in
            let holder = try await database.connect()
            defer { holder.close() }
            try await holder.query("SELECT pg_advisory_lock(1)")
            let name = uniqueApplicationName()
            let task = Task {
                let connection = try await database.connect(applicationName: name)
                defer { connection.close() }
                connection.cancellation = .ignored
                return try await connection.query("SELECT 'done' AS t FROM pg_advisory_lock(1)").onlyRow().text("t")
            }
            try await running("pg_advisory_lock", name, in: database)
            task.cancel()
            try await holder.query("SELECT pg_advisory_unlock(1)")
            #expect(try await task.value == "done")
        }
    }

    @Test("a long pipeline of short transactions is stopped, although most requests get lost between them", arguments: [false, true])
    func shortTransactions(flushes: Bool) async throws {
        try await withDatabase { database in
            let arrived = Shared(0)
            let task = Task {
                let connection = try await database.connect()
                defer { connection.close() }
                let one = ["BEGIN", "SELECT 1", "COMMIT"].map { PipelineStatement($0, flushes: flushes) }
                let count = 30_000
                let statements = (0..<count).flatMap { _ in one }
                do throws(PostgresError) {
                    let results = try await connection.pipeline(statements) { _, _ in arrived.change { $0 += 1 } }
                    let isStopped = results.count == statements.count && results.contains { $0.sqlstate == "57014" }
                    #expect(isStopped)
                } catch {
                    #expect(error.code == .cancelled)
                }
                // After a COMMIT only closing keeps the server from the next transaction.
                guard connection.isOpen else { return }
                connection.cancellation = .ignored
                if connection.transactionStatus != .idle { try await connection.query("ROLLBACK") }
                #expect(try await connection.query("SELECT 1 AS one").onlyRow().text("one") == "1")
            }
            try await eventually("it runs", within: .seconds(60)) { arrived.value > 100 }
            task.cancel()
            try await task.value
            #expect(arrived.value <= 90_000)
        }
    }

    @Test("a cancel request never hits the next statement")
    func lateRequests() async throws {
        try await withDatabase { database in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<4 {
                    group.addTask {
                        for round in 0..<25 {
                            let task = Task {
                                let connection = try await database.connect()
                                defer { connection.close() }
                                let length = 0.001 * Double((round * 7 + worker) % 10)
                                _ = try? await connection.pipeline([PipelineStatement("SELECT pg_sleep(\(length))")])
                                connection.cancellation = .ignored
                                for _ in 0..<5 { try await connection.query("SELECT pg_sleep(0.001)") }
                            }
                            await pause(for: .milliseconds(Int.random(in: 5...25)), cancellation: .ignored)
                            task.cancel()
                            do { try await task.value } catch let error as PostgresError where error.message.contains("connecting") {} catch
                            {
                                // Cancelled before there was a session.
                                #expect((error as? PostgresError)?.code == .cancelled)
                                #expect((error as? PostgresError)?.sqlstate == nil)
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("a server that cannot be reached any more is given up after a while, in the middle of a big pipeline")
    func unreachable() async throws {
        try await withDatabase { database in
            let proxy = try FaultProxy(to: .port(database.server.port))
            let arrived = Shared(0)
            let task = Task {
                let connection = try await session(database.ownerOverTCP(port: proxy.port))
                let text = String(repeating: "x", count: 500)
                let statements = (0..<40_000).map { _ in
                    PipelineStatement("SELECT $1::text", [text], flushes: true)
                }
                let error = try await failure {
                    _ = try await connection.pipeline(statements) { _, _ in arrived.change { $0 += 1 } }
                }
                #expect(error.code == .cancelled)
                #expect(!connection.isOpen)
            }
            try await eventually("it runs", within: .seconds(60)) { arrived.value > 100 }
            proxy.set(mode: .blackHole)
            let clock = ContinuousClock()
            let time = try await clock.measure {
                task.cancel()
                try await task.value
            }
            #expect(time >= .seconds(4))
            #expect(time < .seconds(15))
        }
    }

    @Test("a blocking call is left behind when its time is over or the task cancelled, and does not hold the others up")
    func blockingCalls() async throws {
        let gate = Gate()
        let late = await runBlocking(until: .now + .milliseconds(50), cancellation: .observed) { gate.pass() }
        #expect(late == nil)
        let task = Task { await runBlocking(until: .now + .seconds(60), cancellation: .observed) { gate.pass() } }
        try await eventually("both calls block") { gate.arrived.value == 2 }
        task.cancel()
        #expect(await task.value == nil)
        let ignoring = Task { await runBlocking(until: .now + .seconds(60), cancellation: .ignored) { gate.pass() } }
        ignoring.cancel()
        gate.open()
        #expect(await ignoring.value == 7)
        let quick = await runBlocking(until: .now + .seconds(60), cancellation: .observed) { 8 }
        #expect(quick == 8)
    }
}

/// Blocks threads until it is opened.
private final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    /// How many threads have come to it.
    let arrived = Shared(0)

    func open() { semaphore.signal() }

    func pass() -> Int {
        arrived.change { $0 += 1 }
        semaphore.wait()
        // Lets the next thread through.
        semaphore.signal()
        return 7
    }
}
