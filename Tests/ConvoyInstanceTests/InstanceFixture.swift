import ConvoyMigrations
import TestSupport

/// The repository's own migration set.
let teslaMateSet: Result<MigrationSet, any Error> = Result {
    try MigrationSet.load(directory: "\(repositoryRoot)/Migrations", displayedAs: "Migrations")
}
