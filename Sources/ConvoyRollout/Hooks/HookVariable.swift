/// A variable that says what a hook or a gate's command runs for.
package enum HookVariable: String, Sendable, CaseIterable {
    case run = "CONVOY_RUN"
    case fleetName = "CONVOY_FLEET_NAME"
    case hook = "CONVOY_HOOK"
    case direction = "CONVOY_DIRECTION"
    case wave = "CONVOY_WAVE"
    case instance = "CONVOY_INSTANCE"
    case server = "CONVOY_SERVER"
    case database = "CONVOY_DATABASE"
    case from = "CONVOY_FROM"
    case to = "CONVOY_TO"
    case fromRelease = "CONVOY_FROM_RELEASE"
    case toRelease = "CONVOY_TO_RELEASE"
    case outcome = "CONVOY_OUTCOME"
    case status = "CONVOY_STATUS"

    /// What its value is, in one line without a full stop; the documentation and `convoy explain` show it.
    package var meaning: String {
        switch self {
        case .run: "the run's id"
        case .fleetName: "the fleet's name"
        case .hook: "the point, or `gate` for a gate's command"
        case .direction: "`up` or `down`"
        case .wave: "the wave; not around a run"
        case .instance: "the instance's name; only around an instance, like the next six"
        case .server: "the instance's server"
        case .database: "the instance's database"
        case .from: "the version on which the instance was; not set for an empty database"
        case .to: "before: the version to which the run takes the instance, not set with `--steps`; after: the version on which it is"
        case .fromRelease: "the release of `CONVOY_FROM`, as reports show it: `v4.1.1` or `after v4.0.1`; not set without `releases.csv`"
        case .toRelease: "the release of `CONVOY_TO`, in the same way"
        case .outcome: "in an `after_` hook: how the instance, the wave or the run ended"
        case .status: "in `after_run`: the status of the run"
        }
    }

    /// What the variables of labels begin with; the label's key follows in capitals.
    package static let labelPrefix = "CONVOY_LABEL_"
}
