public import ConvoyIO
public import ConvoyPostgres

/// Swift code that a migration's file names with `-- convoy:step NAME`, for what SQL cannot do.
///
/// It runs at its place in the migration's transaction, on the same connection and as the same role, with the migration's `search_path`.
public protocol MigrationStep: Sendable {
    /// As the file names it.
    var name: String { get }

    /// Reads, before anything is changed, why the step would fail on this instance; each reason is a sentence for the operator. It is asked in a
    /// read-only transaction, at the version where the instance stands now.
    func blockers(_ context: StepContext) async throws -> [String]

    /// Does the work. What it throws rolls the migration back.
    func run(_ context: StepContext) async throws
}

/// What a step may use. Only valid during the call.
public struct StepContext {
    /// The session to work with: in ``MigrationStep/run(_:)`` the migration's, within its transaction; in ``MigrationStep/blockers(_:)``
    /// one in a read-only transaction.
    public let connection: PostgresConnection
    /// The instance's `secrets`.
    public let secrets: [String: Secret]
    /// The ledger's schema, quoted.
    public let schema: String

    /// A context, for example for a test of a step.
    public init(connection: PostgresConnection, secrets: [String: Secret], schema: String) {
        self.connection = connection
        self.secrets = secrets
        self.schema = schema
    }
}

/// Why a step stopped its migration: a sentence for the operator, without secrets.
public struct StepError: Error, Sendable, CustomStringConvertible {
    /// What is wrong, in one sentence.
    public let description: String
    /// What to do next; nil if there is nothing to add.
    public let hint: String?

    /// An error with its sentence and, if there is one, a hint.
    public init(_ description: String, hint: String? = nil) {
        self.description = description
        self.hint = hint
    }
}
