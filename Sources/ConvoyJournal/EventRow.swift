import ConvoyMigrations
import ConvoyRun
import ConvoyText

/// An event as the tables have it, made before the transaction.
struct EventRow: Sendable {
    /// What it makes of the run's record; a nil status opens it again.
    struct End: Sendable {
        var status: RunEnding?
    }

    var at: String
    var type: String
    var instance: String?
    var outcome: String?
    var json: String
    var end: End?
    /// Of a migration that was applied.
    var migration: AppliedMigration?
    /// Of the end of an instance, whether it says at which version the instance is.
    var isLearnt: Bool?

    /// Whether processes wait for it.
    var isAwaited: Bool { EventType(rawValue: type).map(RecordedEvents.Selection.isAwaited) ?? false }

    /// An event that this program cannot read.
    init(at: String, type: String, json: String) {
        (self.at, self.type, self.json) = (at, type, json)
    }

    init(_ event: Event) {
        at = event.at.rfc3339
        type = event.kind.type.rawValue
        instance = event.kind.instance
        outcome = event.kind.outcome?.rawValue
        json = event.json.line
        switch event.kind {
        case .runFinished(let status): end = End(status: status)
        case .runResumed: end = End(status: nil)
        case .migrationApplied(_, let migration): self.migration = migration
        default: break
        }
        if let outcome = event.kind.outcome { isLearnt = outcome.learntVersion || event.kind.ending?.result.to != nil }
    }
}
