import ConvoyMigrations
import TestSupport

/// The repository's own migration set, without its checkpoints: an empty database goes through each migration.
let teslaMateSet: Result<MigrationSet, any Error> = Result {
    try MigrationSet.load(directory: "\(repositoryRoot)/Migrations", displayedAs: "Migrations").having(checkpoints: [])
}
