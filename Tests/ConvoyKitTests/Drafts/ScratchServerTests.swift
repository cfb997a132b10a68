import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyIO
@testable import ConvoyKit

/// Databases of Convoy's own: dropped whatever happens, and never one that is not.
@Suite(.timeLimit(.minutes(3)))
struct ScratchServerTests {
    private struct Stop: Error {}

    private static func exists(_ name: String, on server: PostgresServer) async throws -> Bool {
        let connection = try await PostgresConnection.connect(server.superuser(database: "postgres"), timeout: .seconds(30))
        defer { connection.close() }
        return try await !connection.query("SELECT 1 FROM pg_database WHERE datname = $1", [name]).rows.isEmpty
    }

    private static func execute(_ statement: String, on server: PostgresServer) async throws {
        let connection = try await PostgresConnection.connect(server.superuser(database: "postgres"), timeout: .seconds(30))
        defer { connection.close() }
        try await connection.query(statement)
    }

    /// A name as those of real ones.
    private static func name() -> String { ScratchServer.prefix + String(UInt64.random(in: 4_738_381_338_321_616_896 ... .max), radix: 36) }

    @Test(arguments: PostgresServer.Release.tested)
    func itIsThereForTheBodyAndThenGone(release: PostgresServer.Release) async throws {
        let server = try await PostgresServer.shared(release)
        let name = try await ScratchServer(server.superuser(database: "postgres")).withDatabase(timeZone: "<+05:45>-05:45") { database in
            #expect(try await Self.exists(database.name, on: server))
            let zone = try await database.withSession { session throws(Failure) in
                do throws(PostgresError) {
                    return try await session.query("SHOW TimeZone").onlyRow().text("TimeZone")
                } catch {
                    throw Failure(.failed, error.message)
                }
            }
            #expect(zone == "<+05:45>-05:45")
            return database.name
        }
        #expect(name.wholeMatch(of: /convoy_scratch_[0-9a-z]{13}/) != nil)
        #expect(try await !Self.exists(name, on: server))
    }

    @Test func itIsGoneAfterAnErrorAndWhileASessionIsLeft() async throws {
        let server = try await PostgresServer.shared()
        var name = ""
        await #expect(throws: Stop.self) {
            try await ScratchServer(server.superuser(database: "postgres")).withDatabase { database in
                name = database.name
                let left = try await PostgresConnection.connect(database.connection, timeout: .seconds(30))
                defer { left.close() }
                throw Stop()
            }
        }
        #expect(!name.isEmpty)
        #expect(try await !Self.exists(name, on: server))
    }

    @Test func itIsGoneAfterCancelling() async throws {
        let server = try await PostgresServer.shared()
        let (names, found) = AsyncStream<String>.makeStream()
        let task = Task {
            try await ScratchServer(server.superuser(database: "postgres")).withDatabase { database in
                found.yield(database.name)
                // Until it is cancelled.
                _ = await OneShot<Void>().value()
                try Task.checkCancellation()
            }
        }
        let name = try #require(await names.first { _ in true })
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try await !Self.exists(name, on: server))
    }

    /// What a killed process left has no lock; everything else stays.
    @Test(arguments: PostgresServer.Release.tested)
    func onlyLeftoversAreDropped(release: PostgresServer.Release) async throws {
        let server = try await PostgresServer.start(release)
        let superuser = server.superuser(database: "postgres")
        let (left, used, foreign, other) = (Self.name(), Self.name(), Self.name(), Self.name() + "x")
        for (name, owner) in [(left, "postgres"), (used, "postgres"), (foreign, "teslamate"), (other, "postgres")] {
            try await Self.execute("CREATE DATABASE \(name) OWNER \(owner)", on: server)
        }
        let user = try await PostgresConnection.connect(server.superuser(database: used), timeout: .seconds(30))
        defer { user.close() }
        try await ScratchServer(superuser).withDatabase { living in
            #expect(try await !Self.exists(left, on: server))
            for name in [used, foreign, other, living.name] { #expect(try await Self.exists(name, on: server), "\(name)") }
            // A second process leaves the database of the first alone.
            try await ScratchServer(superuser).withDatabase { second in
                #expect(second.name != living.name)
                let isLeftAlone = try await Self.exists(living.name, on: server)
                #expect(isLeftAlone)
            }
            #expect(try await Self.exists(living.name, on: server))
        }
        for name in [used, foreign, other] { #expect(try await Self.exists(name, on: server), "\(name)") }
    }

    @Test func aRoleThatMayNotCreateDatabasesIsRefused() async throws {
        let server = try await PostgresServer.shared()
        let parameters = server.parameters(user: "teslamate", database: "postgres")
        let failure = await #expect(throws: Failure.self) { try await ScratchServer(parameters).withDatabase { _ in } }
        #expect(failure?.hint == "log in as a role that may create databases")
    }
}
