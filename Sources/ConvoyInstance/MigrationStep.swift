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
    public let connection: PostgresConnection
    /// The instance's `secrets`.
    public let secrets: [String: Secret]
    /// The ledger's schema, quoted.
    public let schema: String

    public init(connection: PostgresConnection, secrets: [String: Secret], schema: String) {
        self.connection = connection
        self.secrets = secrets
        self.schema = schema
    }
}

/// Why a step stopped its migration: a sentence for the operator, without secrets.
public struct StepError: Error, Sendable, CustomStringConvertible {
    public let description: String
    public let hint: String?

    public init(_ description: String, hint: String? = nil) {
        self.description = description
        self.hint = hint
    }
}
