import ConvoyIO
import ConvoyKit
import ConvoyPostgres
import TestSupport
import Testing

@testable import ConvoyJournal

/// Transactions in a control database: what is committed, what is done again, and what is said of a COMMIT that was not answered.
@Suite(.timeLimit(.minutes(3)))
struct ControlDatabaseTests {
    @Test(arguments: PostgresServer.Release.tested)
    func aTransactionIsCommittedWholeOrNotAtAll(_ release: PostgresServer.Release) async throws {
        try await withControlDatabase(on: release) { control, _ in
            let seen = try await control.transaction { transaction throws(ControlError) in
                transaction.add(ControlDatabase.insertion, ["a"])
                let rows = try await transaction.query("SELECT name FROM convoy_control.locks").rows
                transaction.add(ControlDatabase.insertion, ["b"])
                return rows.count
            }
            #expect(seen == 1)
            #expect(try await control.count() == 2)

            await #expect(throws: ControlError.self) {
                try await control.transaction { transaction throws(ControlError) in
                    _ = try await transaction.query(ControlDatabase.insertion, ["c"])
                    throw .refused(.noControlSchema("x"))
                }
            }
            // The second row of the name fails together with COMMIT, and takes the first statement with it.
            await #expect(throws: ControlError.self) {
                try await control.transaction { transaction throws(ControlError) in
                    transaction.add(ControlDatabase.insertion, ["d"])
                    transaction.add(ControlDatabase.insertion, ["a"])
                }
            }
            #expect(try await control.count() == 2)
        }
    }

    /// Only the answer counts, not what the server may have done.
    @Test func aLostAnswerToCommitIsSaidAndNotRepeated() async throws {
        try await withProxiedControlDatabase { control, proxy, _ in
            let attempts = Shared(0)
            do throws(ControlError) {
                try await control.transaction { transaction throws(ControlError) in
                    attempts.change { $0 += 1 }
                    _ = try await transaction.query(ControlDatabase.insertion, ["a"])
                    proxy.cut(after: 1, .toClient)
                }
                Issue.record("it was answered")
            } catch {
                if case .commitUnknown = error {} else { Issue.record("\(error)") }
                #expect(error.journalError("x").message.contains("whether the last change was committed is not known"))
            }
            #expect(attempts.value == 1)
            #expect(try await control.count() == 1)

            // Where the body finds out by itself, it is run again.
            attempts.change { $0 = 0 }
            let count = try await control.transaction(isRepeatable: true) { transaction throws(ControlError) in
                attempts.change { $0 += 1 }
                let rows = try await transaction.query("SELECT FROM convoy_control.locks WHERE name = 'b'").rows
                guard rows.isEmpty else { return rows.count }
                _ = try await transaction.query(ControlDatabase.insertion, ["b"])
                proxy.cut(after: 1, .toClient)
                return rows.count
            }
            #expect(attempts.value == 2)
            #expect(count == 1)
            #expect(try await control.count() == 2)
        }
    }

    private static func server(_ sqlstate: String, file: String? = nil) -> PostgresError {
        var message = ServerMessage(severity: "ERROR", sqlstate: sqlstate, message: "no")
        message.sourceFile = file
        return PostgresError(.server, "no", server: message)
    }

    /// What is tried again, and what says that others could not reach the database either.
    @Test(arguments: [
        (PostgresError(.timedOut, "no"), true, true), (PostgresError(.connectionLost, "no"), true, true),
        (PostgresError(.unexpectedResult, "no"), false, false), (server("40P01"), true, false), (server("53300"), true, false),
        (server("57P01"), true, true), (server("57P03"), true, true), (server("25006"), false, true), (server("42501"), false, false),
        // The queue of notifications, and some other limit of the server.
        (server("54000", file: "async.c"), true, false), (server("54000", file: "nbtinsert.c"), false, false),
        (server("54000"), false, false),
    ])
    func errorsAreToldApart(_ error: PostgresError, isPassing: Bool, isLoss: Bool) {
        #expect(ControlError.postgres(error).isPassing == isPassing)
        #expect(ControlError.postgres(error).isLoss == isLoss)
        #expect(ControlError.commitUnknown(error).isLoss == isLoss)
        #expect(!ControlError.commitUnknown(error).isPassing)
    }

    /// A session that only was idle for too long is opened anew at once, and that is no loss.
    @Test func aLossIsRemembered() async throws {
        try await withControlDatabase { control, database in
            let proxy = try FaultProxy(to: .port(database.server.port))
            let behind = ControlDatabase(database.ownerOverTCP(port: proxy.port))
            _ = try await behind.count()
            proxy.cutAll()
            _ = try await behind.count()
            #expect(behind.lastLoss == nil)
            proxy.set(mode: .refuse)
            proxy.cutAll()
            let before = ContinuousClock.now
            await #expect(throws: ControlError.self) { try await behind.rows("SELECT 1", patience: .zero) }
            #expect(try #require(behind.lastLoss) >= before)
            await behind.close()
            #expect(control.lastLoss == nil)
        }
    }

    /// The sessions may be ended at any time: a call keeps the one that it has, and the next one opens another.
    @Test func aSessionIsNotEndedWhileACallHasIt() async throws {
        try await withControlDatabase(configuring: { $0.sessions = 2 }) { control, _ in
            let (isLent, mayEnd) = (Shared(false), Shared(false))
            async let lent = control.transaction { transaction throws(ControlError) -> Bool in
                let backend = "SELECT pg_backend_pid() AS pid"
                let before = try await transaction.query(backend).rows.first?.value("pid")
                transaction.add(ControlDatabase.insertion, ["lent"])
                isLent.change { $0 = true }
                while !mayEnd.value, !Task.isCancelled { await pause(for: .milliseconds(5), cancellation: .observed) }
                let after = try await transaction.query(backend).rows.first?.value("pid")
                return before != nil && before == after
            }
            try await eventually("a session is lent") { isLent.value }
            // The other one was used, and is ended.
            #expect(try await control.count() == 0)
            await control.close()
            #expect(try await control.count() == 0)
            mayEnd.change { $0 = true }
            let isSame = try await lent
            #expect(isSame)

            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<100 {
                    group.addTask {
                        try await control.transaction { transaction throws(ControlError) in
                            _ = try await transaction.query("SELECT 1")
                            transaction.add(ControlDatabase.insertion, ["\(number)"])
                        }
                    }
                    group.addTask { await control.close() }
                }
                try await group.waitForAll()
            }
            #expect(try await control.count() == 101)
        }
    }

    @Test func aConnectionThatIsLostBeforeCommitIsOpenedAgain() async throws {
        try await withControlDatabase { control, database in
            let attempts = Shared(0)
            try await control.transaction { transaction throws(ControlError) in
                attempts.change { $0 += 1 }
                let pid = try? await transaction.query("SELECT pg_backend_pid() AS pid").rows.first?.optionalText("pid")
                _ = try await transaction.query(ControlDatabase.insertion, ["a"])
                if attempts.value == 1 {
                    _ = try? await database.server.execute("SELECT pg_terminate_backend(\(pid ?? "0"), 5000)")
                }
                _ = try await transaction.query("SELECT 1")
            }
            #expect(attempts.value == 2)
            #expect(try await control.count() == 1)
        }
    }

    @Test func aSessionThatWasTerminatedWhileItWasIdleIsOpenedAgain() async throws {
        try await withControlDatabase(configuring: { $0.readingPatience = .zero }) { control, database in
            #expect(try await control.count() == 0)
            try await database.server.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '\(database.name)' AND application_name = 'convoy control'"
            )
            #expect(try await control.count() == 0)
        }
    }

    @Test(arguments: PostgresServer.Release.tested)
    func aDeadlockIsResolvedByRunningOneAgain(_ release: PostgresServer.Release) async throws {
        try await withControlDatabase(on: release) { control, _ in
            try await control.transaction { transaction throws(ControlError) in
                for name in ["a", "b"] { transaction.add(ControlDatabase.insertion, [name]) }
            }
            let attempts = Shared(0)
            let firstRows = Shared(0)
            @Sendable func lockBoth(_ names: [String]) async throws {
                try await control.transaction { transaction throws(ControlError) in
                    attempts.change { $0 += 1 }
                    let update = "UPDATE convoy_control.locks SET holder = holder || 'x' WHERE name = $1"
                    _ = try await transaction.query(update, [names[0]])
                    firstRows.change { $0 += 1 }
                    // Both have one row before either asks for its second.
                    try? await eventually("both have begun") { firstRows.value >= 2 }
                    _ = try await transaction.query(update, [names[1]])
                }
            }
            async let one: Void = lockBoth(["a", "b"])
            async let other: Void = lockBoth(["b", "a"])
            _ = try await (one, other)
            #expect(attempts.value == 3)
            let holders = try await control.rows("SELECT holder FROM convoy_control.locks").map { try $0.text("holder") }
            #expect(holders == ["xx", "xx"])
        }
    }

    @Test func aServerThatCrashesAndComesBackIsWaitedFor() async throws {
        let server = try await PostgresServer.start()
        try await server.withDatabase { database in
            let control = ControlDatabase(database.owner)
            try await control.prepare()
            _ = try await control.transaction { transaction throws(ControlError) in
                try await transaction.query("UPDATE convoy_control.locks SET holder = ''")
            }
            try await server.stop(.immediate)
            async let written: Void = control.transaction { transaction throws(ControlError) in
                _ = try await transaction.query(ControlDatabase.insertion, ["a"])
            }
            try await server.start()
            try await written
            #expect(try await control.count() == 1)
        }
    }

    @Test func aPoolerInTransactionModeMayStandInBetween() async throws {
        try await withControlDatabase { _, database in
            let pooler = try await PgBouncer.start(before: database.server, .transaction)
            let control = ControlDatabase(database.ownerOverTCP(port: pooler.port))
            #expect(try await control.hasTables())
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<50 {
                    group.addTask {
                        try await control.transaction { transaction throws(ControlError) in
                            _ = try await transaction.query("SELECT count(*) FROM convoy_control.locks")
                            transaction.add(ControlDatabase.insertion, ["\(number)"])
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await control.count() == 50)
        }
    }
}
