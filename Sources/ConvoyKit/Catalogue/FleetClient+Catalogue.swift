internal import ConvoyCatalog
import ConvoyFleet
import ConvoyMigrations
import ConvoyText

/// The catalogue that ships with the migration set.
extension FleetClient {
    /// The catalogue that each version of the set gives.
    ///
    /// - Throws: its problems.
    func expectedCatalogs() throws(Problems) -> ExpectedCatalogs {
        try ExpectedCatalogs.load(of: self.set.migrations.map(\.version), directory: fleet.migrations, displayedAs: fleet.migrations)
    }

    /// The versions of the set that may run a second time.
    ///
    /// - Throws: every line of their file that is wrong.
    func repeatableVersions() throws(Problems) -> RepeatableVersions {
        try RepeatableVersions.load(in: self.set, directory: fleet.migrations, displayedAs: fleet.migrations)
    }
}
