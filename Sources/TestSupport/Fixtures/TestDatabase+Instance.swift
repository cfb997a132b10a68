package import ConvoyFleet
package import ConvoyIO
package import ConvoyPostgres

extension TestDatabase {
    /// This database as an instance of a fleet, reached as its owner, with the superuser as `admin`.
    package func instance(
        connection: ConnectionParameters? = nil,
        admin: ConnectionParameters?? = .none,
        secrets: [String: Secret] = [:],
        _ configure: (inout InstanceSettings) -> Void = { _ in }
    ) -> Instance {
        var settings = InstanceSettings()
        settings.connectTimeout = .seconds(30)
        configure(&settings)
        return Instance(
            name: name,
            server: "local",
            database: name,
            connection: connection ?? owner,
            admin: admin ?? self.admin,
            secrets: secrets,
            settings: settings
        )
    }

    /// The ledger, ascending.
    package func ledger() async throws -> [Int64] {
        try await query("SELECT version FROM public.schema_migrations ORDER BY version").rows.map { try $0.int64("version") }
    }
}
