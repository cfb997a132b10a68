import ConvoyIO
import ConvoyPostgres
import TestSupport
import Testing

/// What a session that listens hears of the others.
@Suite("Notifications", .timeLimit(.minutes(2)))
struct NotificationTests {
    @Test("they arrive in order, with their payloads, as soon as they are committed", arguments: PostgresServer.Release.tested)
    func arrive(_ release: PostgresServer.Release) async throws {
        try await PostgresServer.shared(release).withDatabase { database in
            let listening = try await session(database.owner)
            try await listening.query("LISTEN a")
            _ = try await database.query("SELECT pg_notify('a', 'one'), pg_notify('a', ''), pg_notify('b', 'x'), pg_notify('a', 'one')")
            // The server sends equal ones of a transaction once.
            #expect(try await listening.notifications(until: .now + .seconds(60)).map(\.payload) == ["one", ""])
            let long = String(repeating: "ü", count: 3900)
            _ = try await database.query("SELECT pg_notify('a', $1)", [long])
            let cut = try #require(try await listening.notifications(until: .now + .seconds(60)).first)
            #expect(cut.channel == "a")
            #expect(cut.payload.hasPrefix("üü") && cut.payload.utf8.count < 1100)
            #expect(try await listening.query("SELECT 1 AS n").onlyRow().int64("n") == 1)
        }
    }

    @Test("the wait ends at its deadline and when the task is cancelled, and the session lives on")
    func endOfTheWait() async throws {
        try await withDatabase { database in
            let listening = try await session(database.owner)
            try await listening.query("LISTEN a")
            #expect(try await listening.notifications(until: .now + .milliseconds(10)).isEmpty)
            let isWaiting = Shared(false)
            let cancelled = try await withThrowingTaskGroup(of: PostgresError.self) { group in
                let parameters = database.owner
                group.addTask {
                    let other = try await session(parameters)
                    try await other.query("LISTEN a")
                    isWaiting.change { $0 = true }
                    let error = try await failure { _ = try await other.notifications(until: .now + .seconds(60)) }
                    other.cancellation = .ignored
                    #expect(try await other.query("SELECT 1 AS n").onlyRow().int64("n") == 1)
                    return error
                }
                try await eventually("it waits") { isWaiting.value }
                group.cancelAll()
                return try await group.next()
            }
            #expect(cancelled?.code == .cancelled)
            #expect(listening.isOpen)
        }
    }

    @Test("a session that is ended, or a line that is cut, is an error at once")
    func lost() async throws {
        try await withDatabase { database in
            let ended = try await session(database.owner)
            try await ended.query("LISTEN a")
            _ = try await database.query("SELECT pg_terminate_backend(\(ended.backendPID), 10000)", as: "postgres")
            let error = try await failure { _ = try await ended.notifications(until: .now + .seconds(60)) }
            #expect(error.code == .connectionLost)
            #expect(error.message.contains("terminating connection"), "\(error)")
            #expect(!ended.isOpen)

            let proxy = try FaultProxy(to: .port(database.server.port))
            let cut = try await session(database.ownerOverTCP(port: proxy.port))
            try await cut.query("LISTEN a")
            proxy.cutAll()
            #expect(try await failure { _ = try await cut.notifications(until: .now + .seconds(60)) }.code == .connectionLost)
            #expect(try await failure { _ = try await cut.notifications(until: .now) }.code == .connectionLost)
        }
    }
}
