import ArgumentParser
import ConvoyMigrations

extension MigrationVersion {
    /// Reads a version from the command line.
    ///
    /// - Throws: a `ValidationError` that says what a version looks like.
    init(argument: String) throws {
        guard let version = MigrationVersion(argument) else {
            throw ValidationError("a version is the number at the start of a migration's file name, for example 20240929084639")
        }
        self = version
    }
}
