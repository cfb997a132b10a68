import ConvoyMigrations
import ConvoyRun
internal import Synchronization

/// What an instance in progress found pending, as far as it got.
final class PlannedVersions: Sendable {
    private let state = Mutex<[MigrationVersion]?>(nil)

    func note(_ kind: Event.Kind) {
        guard case .instancePlanned(_, _, let pending) = kind else { return }
        state.withLock { $0 = $0 ?? pending }
    }

    /// Nil if it was not probed, or if nothing was pending.
    var versions: [MigrationVersion]? { state.withLock(\.self) }
}
