/// Where to bring an instance.
public enum Change: Sendable, Hashable {
    /// Apply what is pending up to and including the version; nil is the newest of the set.
    case up(to: MigrationVersion?)
    /// Revert, newest first, until the version is the newest that is left.
    case down(to: MigrationVersion)
    /// Revert this number of the newest versions.
    case downSteps(Int)
    /// Revert exactly these as far as they are applied, newest first: what a run applied to an instance that began at `start`.
    case revert([MigrationVersion], start: MigrationVersion?)

    /// Which way the migrations of the change run.
    public var direction: MigrationDirection {
        switch self {
        case .up: .up
        case .down, .downSteps, .revert: .down
        }
    }

    /// The version that the caller named; nil where none was.
    public var target: MigrationVersion? {
        switch self {
        case .up(let version): version
        case .down(let version): version
        case .downSteps, .revert: nil
        }
    }

    /// How many to revert; nil where the change names a version.
    public var steps: Int? {
        if case .downSteps(let steps) = self { steps } else { nil }
    }
}
