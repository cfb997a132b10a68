package import ConvoyMigrations

/// What an operator asks of `convoy provision`.
package struct ProvisionRequest: Sendable {
    /// The names of the instances, each once.
    package var names: [String]
    /// The server; nil: the only one that allows it.
    package var server: String?
    /// Labels of new entries of the fleet file.
    package var labels: [String: String]
    /// The version to migrate to; nil: the newest.
    package var version: MigrationVersion?

    package init(names: [String], server: String? = nil, labels: [String: String] = [:], version: MigrationVersion? = nil) {
        (self.names, self.server, self.labels, self.version) = (names, server, labels, version)
    }
}
