import ConvoyFleet
import ConvoyReporting
import ConvoyRun

/// Notifies the webhooks of the fleet file of what a worker's decisions do to one run.
///
/// The worker that has recorded an event sends its notification, and no other process does: a run needs no follower, and each notification is sent
/// once. One that dies between the two sends none.
final class WorkerNotifier: Sendable {
    private let notifier: RunNotifier
    private let ending: AsyncStream<Never>.Continuation
    private let delivery: Task<Void, Never>

    /// Nil where the fleet file has no webhook.
    ///
    /// - Parameter warn: called with one line for a notification that could not be delivered, or that is waited for.
    init?(_ fleet: Fleet, warn: @escaping @Sendable (String) -> Void) {
        guard !fleet.notifications.isEmpty else { return nil }
        let notifier = RunNotifier(
            fleet.notifications,
            file: fleet.file,
            dashboard: fleet.dashboard,
            report: { FleetReport() },
            warn: warn
        )
        let (ended, ending) = AsyncStream.makeStream(of: Never.self)
        self.notifier = notifier
        self.ending = ending
        delivery = Task.detached {
            await notifier.delivering(giveUp: AsyncStream { $0.finish() }) { for await _ in ended {} }
        }
    }

    deinit { ending.finish() }

    /// Queues the messages and returns at once.
    ///
    /// - Parameters:
    ///   - news: the events that are worth a message.
    ///   - log: what has happened in the run, with these events taken in.
    func send(_ news: [Event], _ log: RunLog) {
        guard !news.isEmpty else { return }
        let report = FleetReport(log)
        for event in news { notifier.post(event, report) }
    }

    /// Waits for what is left, but not for long. Nothing is sent after it.
    func finish() async {
        ending.finish()
        await delivery.value
    }
}
