import ConvoyPostgres

/// What every session does before anything else, so that it is the role that logged in and no other.
///
/// The owner of a database may set `role` for all who connect to it, and a pooler may lend a session in which another client has set it. Such a
/// session looks like an ordinary one and is a superuser's: one `set_config('role', 'none', …)` in the tenant's code leaves the role. What a session may
/// do is therefore decided by `session_user`, and `SET ROLE` is never taken for a boundary.
enum OwnIdentity {
    /// For the length of a session.
    static let resets = [PipelineStatement("SET SESSION AUTHORIZATION DEFAULT"), PipelineStatement("SET ROLE NONE")]

    /// For the length of a transaction, so that nothing is left behind in a pool.
    static let localResets = [PipelineStatement("SET LOCAL SESSION AUTHORIZATION DEFAULT"), PipelineStatement("SET LOCAL ROLE NONE")]

    /// Takes the role's `transaction_timeout` back for the length of a transaction, on servers that have it: since 17.
    static func withoutTransactionTimeout(serverVersion: Int) -> [PipelineStatement] {
        serverVersion >= 170_000 ? [PipelineStatement("SET LOCAL transaction_timeout TO 0")] : []
    }
}
