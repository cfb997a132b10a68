import ConvoyIO
import Synchronization
import TestSupport
import Testing

@testable import ConvoyPostgres

/// Logging in with passwords that a secret command gives, while they change.
@Suite(.timeLimit(.minutes(2))) struct LateSecretTests {
    /// What the secret command prints now, and how often it was asked.
    private final class Store: Sendable {
        private let state: Mutex<(password: String, asked: Int)>

        init(_ password: String) {
            state = Mutex((password, 0))
        }

        var asked: Int { state.withLock(\.asked) }
        func set(_ password: String) { state.withLock { $0.password = password } }

        @Sendable func ask(_ command: SecretCommand, _ key: String) async -> Result<Secret, SecretFailure> {
            .success(
                Secret(
                    state.withLock { state in
                        state.asked += 1
                        return state.password
                    }
                )
            )
        }
    }

    private func parameters(_ database: TestDatabase, _ store: Store) -> ConnectionParameters {
        let command = SecretCommand(name: "vault", program: "vault", arguments: [["", ""]])
        let commands = SecretCommands([command], environment: [:], asking: store.ask)
        var parameters = database.ownerOverTCP()
        parameters[late: "password"] = LateSecret([.reference(SecretReference(command: "vault", key: "alice"))], commands: commands)
        return parameters
    }

    private func change(_ database: TestDatabase, to password: String) async throws {
        try await database.server.execute("ALTER ROLE \"\(database.ownerName)\" PASSWORD '\(password)'")
    }

    @Test func aPasswordThatWasChangedIsAskedForAnew() async throws {
        try await PostgresServer.shared().withDatabase(owner: .password("first-one")) { database in
            let store = Store("first-one")
            let parameters = parameters(database, store)
            for _ in 1...3 { try await session(parameters).close() }
            #expect(store.asked == 1)
            try await change(database, to: "second-one")
            store.set("second-one")
            for _ in 1...3 { try await session(parameters).close() }
            #expect(store.asked == 2)
        }
    }

    @Test func manySessionsSurviveAChangeWithOneQuestion() async throws {
        try await PostgresServer.shared().withDatabase(owner: .password("first-one")) { database in
            let store = Store("first-one")
            let parameters = parameters(database, store)
            try await session(parameters).close()
            try await change(database, to: "second-one")
            store.set("second-one")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 { group.addTask { try await session(parameters).close() } }
                try await group.waitForAll()
            }
            #expect(store.asked == 2)
        }
    }

    @Test func aWrongPasswordIsAskedForOnceMore() async throws {
        try await PostgresServer.shared().withDatabase(owner: .password("first-one")) { database in
            let store = Store("hunter2-wrong")
            let parameters = parameters(database, store)
            let error = try await failure { _ = try await session(parameters) }
            #expect(error.sqlstate == "28P01")
            #expect(!error.description.contains("hunter2"))
            #expect(
                error.passwordHint
                    == "the password is wrong: secret command vault gave it for “alice”, also when it was asked again: "
                    + "check what the program prints for that key"
            )
            #expect(store.asked == 2)
        }
    }

    @Test(arguments: [
        ("\"hunter2\"", "stands in quotation marks"), (" hunter2", "begins with a blank"), ("hunter2\u{1B}", "holds a control character"),
        ("hunter2\u{2028}", "ends with a line break"),
    ]) func aRefusedPasswordThatLooksOddSaysSo(_ password: String, _ words: String) async throws {
        try await PostgresServer.shared().withDatabase(owner: .password("hunter2")) { database in
            let parameters = parameters(database, Store(password))
            let error = try await failure { _ = try await session(parameters) }
            #expect(
                error.passwordHint
                    == "secret command vault gave a value for “alice” that \(words): remove what does not belong to it"
            )
        }
    }

    @Test func withoutASecretNoSessionIsTried() async throws {
        let commands = SecretCommands([], environment: [:])
        var parameters = ConnectionParameters(["host": "127.0.0.1", "port": "1", "user": "u", "dbname": "d"])
        parameters[late: "password"] = LateSecret([.reference(SecretReference(command: "vault", key: "x"))], commands: commands)
        let error = try await failure { _ = try await session(parameters) }
        #expect(error.code == .secretUnavailable)
        #expect(error.message == "the fleet file has no secret command “vault”")
    }

    @Test func theTimeOfAProgramIsNotTheServers() async throws {
        try await PostgresServer.shared().withDatabase(owner: .password("first-one")) { database in
            let taken = OneShot<Duration>()
            let command = SecretCommand(name: "vault", program: "vault", arguments: [["", ""]])
            let commands = SecretCommands([command], environment: [:]) { _, _ in
                let begin = ContinuousClock.now
                // A program has to log in first, too.
                try? await database.server.execute("SELECT 1")
                taken.fulfil(ContinuousClock.now - begin)
                return .success(Secret("first-one"))
            }
            var parameters = database.ownerOverTCP()
            parameters[late: "password"] = LateSecret([.reference(SecretReference(command: "vault", key: "x"))], commands: commands)
            var wait = Duration.zero
            let connection = try await PostgresConnection.connect(
                parameters,
                applicationName: "convoy-tests",
                timeout: .seconds(30),
                cancellation: .observed,
                secretWait: &wait
            )
            connection.close()
            let program = try #require(taken.current)
            #expect(wait >= program)
        }
    }

    @Test func onlyOneKindOfValueIsLeft() {
        let late = LateSecret([.text(Secret("x"))], commands: SecretCommands([], environment: [:]))
        var parameters = ConnectionParameters(["user": "u", "password": "known"])
        parameters[late: "password"] = late
        #expect(parameters["password"] == nil && parameters.has("password") && parameters.keywords == ["password", "user"])
        let known = parameters.overridden(by: ConnectionParameters(["password": "other"]))
        #expect(known["password"] == "other" && known.lateSecrets.isEmpty)
        #expect(known.overridden(by: parameters)[late: "password"] == late)
        parameters["password"] = nil
        #expect(!parameters.has("password"))
        #expect(!"\(known.overridden(by: parameters))".contains("known"))
    }
}
