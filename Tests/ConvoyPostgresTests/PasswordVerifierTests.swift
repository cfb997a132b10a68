import ConvoyIO
import TestSupport
import Testing

@testable import ConvoyPostgres

/// A password that is never sent.
@Suite(.timeLimit(.minutes(2)))
struct PasswordVerifierTests {
    @Test(arguments: PostgresServer.Release.tested) func theServerTakesItAndThePasswordOpens(release: PostgresServer.Release) async throws {
        let server = try await PostgresServer.shared(release)
        try await server.withDatabase(owner: .password("first")) { database in
            let admin = try await database.connect(as: "postgres")
            defer { admin.close() }
            let password = Secret("päss'wörd\\ \"x\"")
            let verifier = try admin.passwordVerifier(of: password, role: database.ownerName)
            #expect(verifier.hasPrefix("SCRAM-SHA-256$") && !verifier.contains("'") && !verifier.contains(password.reveal()))
            // The salt differs.
            #expect(try admin.passwordVerifier(of: password, role: database.ownerName) != verifier)
            _ = try await admin.query("ALTER ROLE \"\(database.ownerName)\" PASSWORD '\(verifier)'")
            let stored = try await admin.query("SELECT rolpassword FROM pg_authid WHERE rolname = $1", [database.ownerName]).onlyRow()
            #expect(try stored.text("rolpassword") == verifier)
            var login = database.ownerOverTCP()
            login["password"] = password.reveal()
            let session = try await PostgresConnection.connect(login, timeout: .seconds(30))
            session.close()
            login["password"] = "first"
            await #expect(throws: PostgresError.self) { try await PostgresConnection.connect(login, timeout: .seconds(30)) }
        }
    }

    @Test(arguments: ["", "a\0b"]) func whatNoPasswordIsIsRefused(_ text: String) async throws {
        try await withDatabase { database in
            let connection = try await database.connect()
            let error = #expect(throws: PostgresError.self) { try connection.passwordVerifier(of: Secret(text), role: "r") }
            #expect(error?.code == .invalidParameters)
            connection.close()
            let closed = #expect(throws: PostgresError.self) { try connection.passwordVerifier(of: Secret("p"), role: "r") }
            #expect(closed?.code == .connectionLost)
        }
    }
}
