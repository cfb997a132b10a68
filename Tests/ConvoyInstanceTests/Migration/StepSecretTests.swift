import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import Synchronization
import TestSupport
import Testing

@testable import ConvoyInstance

/// Steps whose secrets come from secret commands.
@Suite(.timeLimit(.minutes(2))) struct StepSecretTests {
    /// Keeps what the steps were given.
    private final class Given: Sendable {
        private let values = Mutex<[String]>([])
        var all: [String] { values.withLock(\.self) }
        func add(_ value: String) { values.withLock { $0.append(value) } }
    }

    private struct Encrypt: MigrationStep {
        let name = "encrypt"
        let given: Given

        func blockers(_ context: StepContext) async throws -> [String] {
            given.add("asked \(context.secrets["key"]?.reveal() ?? "")")
            return []
        }

        func run(_ context: StepContext) async throws { given.add("ran \(context.secrets["key"]?.reveal() ?? "")") }
    }

    private func instance(_ database: TestDatabase, asking: @escaping SecretCommands.Asking) -> Instance {
        let command = SecretCommand(name: "vault", program: "vault", arguments: [["", ""]])
        let commands = SecretCommands([command], environment: [:], asking: asking)
        let plain = database.instance()
        return Instance(
            name: plain.name,
            server: plain.server,
            database: plain.database,
            labels: [:],
            connection: plain.connection,
            admin: plain.admin,
            direct: plain.direct,
            secrets: [:],
            lateSecrets: ["key": LateSecret([.reference(SecretReference(command: "vault", key: "k"))], commands: commands)],
            settings: plain.settings
        )
    }

    private func set() throws -> MigrationSet {
        try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigint);")),
            (2, migrationText("-- convoy:step encrypt\nCREATE TABLE keys (id bigint);")),
        ])
    }

    @Test func aStepGetsWhatTheCommandGives() async throws {
        let (given, set) = (Given(), try set())
        try await withDatabase { database in
            let instance = instance(database) { _, key in .success(Secret("secret of \(key)")) }
            let result = await InstanceRunner(set: set, steps: [Encrypt(given: given)]).up(instance)
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(given.all == ["asked secret of k", "ran secret of k"])
            // Nothing is pending: nothing is asked.
            let again = self.instance(database) { _, _ in
                Issue.record("nothing is pending")
                return .success(Secret(""))
            }
            #expect(await InstanceRunner(set: set, steps: [Encrypt(given: given)]).up(again).outcome == .upToDate)
        }
    }

    /// A store that does not know the key.
    @Sendable private static func unknown(_ command: SecretCommand, _ key: String) async -> Result<Secret, SecretFailure> {
        do throws(SecretFailure) {
            let commands = SecretCommands([], environment: [:])
            return .success(try await commands.answer(to: SecretReference(command: command.name, key: key)).secret)
        } catch {
            return .failure(error)
        }
    }

    @Test func withoutTheSecretNothingIsChanged() async throws {
        let (given, set) = (Given(), try set())
        try await withDatabase { database in
            let instance = instance(database, asking: Self.unknown)
            let result = await InstanceRunner(set: set, steps: [Encrypt(given: given)]).up(instance)
            #expect(result.outcome == .blocked)
            #expect(result.failure?.message == "the fleet file has no secret command “vault”")
            #expect(given.all == [])
            let tables = try await database.query("SELECT 1 FROM pg_class WHERE relname IN ('cars', 'schema_migrations')")
            #expect(tables.rows.isEmpty)
        }
    }
}
