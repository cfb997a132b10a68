import ConvoyMigrations
import ConvoyRun
internal import Synchronization

/// What an instance under way found pending, as far as it got.
final class PlannedVersions: Sendable {
    private let state = Mutex<[MigrationVersion]?>(nil)

    func note(_ kind: Event.Kind) {
        guard case .instancePlanned(_, _, let pending) = kind else { return }
        state.withLock { $0 = $0 ?? pending }
    }

    /// Nil where it has not looked, or where nothing was pending.
    var versions: [MigrationVersion]? { state.withLock(\.self) }
}
