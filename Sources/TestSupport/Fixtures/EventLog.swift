package import ConvoyRun
internal import Synchronization

/// What a run reported, in order.
package final class EventLog: Sendable {
    private let events = Mutex<[Event.Kind]>([])

    package init() {}

    @Sendable package func add(_ event: Event.Kind) { events.withLock { $0.append(event) } }

    package var all: [Event.Kind] { events.withLock { $0 } }

    package var warnings: [String] {
        all.compactMap { event in
            if case .instanceWarned(_, let message) = event { message } else { nil }
        }
    }

    package var waits: [String] {
        all.compactMap { event in
            if case .instanceWaiting(_, let reason, _) = event { reason } else { nil }
        }
    }
}
