import ConvoyPostgres

/// The administrator's session, for the migrations that need more rights than the owner has.
struct AdminSession {
    let connection: PostgresConnection
    let identity: SessionIdentity
}
