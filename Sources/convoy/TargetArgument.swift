import ArgumentParser
import ConvoyMigrations

/// What `--to` names: a version of the schema, or a release of the app, for example `20240929084639` or `v2.1.0`.
enum TargetArgument: Sendable, Hashable {
    case version(MigrationVersion)
    /// Whether there is such a release is known when the migration set has been read.
    case release(String)

    /// Reads a target from the command line.
    ///
    /// - Throws: a `ValidationError` that says what a target looks like.
    init(argument: String) throws {
        if let version = MigrationVersion(argument) {
            self = .version(version)
        } else if ReleaseList.isNameLike(argument) {
            self = .release(argument)
        } else {
            throw ValidationError(
                "a target is the number at the start of a migration's file name, for example 20240929084639, or a release, for example v2.1.0"
            )
        }
    }
}

extension FleetSession {
    /// The version that a target stands for; nil if none was given.
    ///
    /// - Parameter option: the one that names it.
    /// - Throws: a ``CommandFailure`` for a release that the migration set does not know.
    func version(_ target: TargetArgument?, option: String = "--to") throws -> MigrationVersion? {
        switch target {
        case nil: return nil
        case .version(let version): return version
        case .release(let name):
            if let release = set.releases.release(name) { return release.version }
            let refusal = set.releases.refusal(of: name)
            throw CommandFailure(.usage, "\(option): \(refusal.message)", hint: refusal.hint)
        }
    }
}
