package import ConvoyFleet
internal import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
import ConvoyText
internal import Synchronization

/// Notifies the webhooks of a fleet file of the progress of a run.
///
///     let notifier = RunNotifier(fleet.notifications, file: fleet.file, report: { reporter.report }, warn: reporter.warn)
///     let result = await notifier.delivering(giveUp: interruptions) { await coordinator.run(plan) }
///
/// It never makes the run wait, and what cannot be delivered changes nothing but a line of warning.
package final class RunNotifier: EventSink {
    /// How long ``delivering(giveUp:_:)`` waits after the run.
    struct Timing: Sendable {
        /// For what is left.
        var patience = Duration.seconds(10)
        /// The same once the operator has asked to stop.
        var grace = Duration.seconds(3)
        /// After this it says that it waits.
        var silence = Duration.seconds(1)
    }

    private let senders: [(webhook: Webhook, sender: WebhookSender)]
    private let report: @Sendable () -> FleetReport
    private let warn: @Sendable (String) -> Void
    private let timing: Timing
    /// The base of the dashboard's URLs.
    private let dashboard: String?
    /// The waves for whose gate a notification was sent that the run waits.
    private let announcedGates: Mutex<Set<String>>

    /// - Parameters:
    ///   - file: the fleet file, as messages call it.
    ///   - dashboard: the base of the dashboard's URLs, to whose page of the run messages link; nil for no link.
    ///   - earlier: what an earlier process has done of the run, and has already sent.
    ///   - report: what the run has done so far, with every event that was sent here taken in.
    ///   - warn: called with one line for a notification that could not be delivered, or that is waited for.
    package convenience init(
        _ webhooks: [Webhook],
        file: String,
        dashboard: String? = nil,
        resuming earlier: FleetReport? = nil,
        report: @escaping @Sendable () -> FleetReport,
        warn: @escaping @Sendable (String) -> Void
    ) {
        self.init(webhooks, file: file, dashboard: dashboard, resuming: earlier, timing: Timing(), report: report, warn: warn)
    }

    init(
        _ webhooks: [Webhook],
        file: String,
        dashboard: String? = nil,
        resuming earlier: FleetReport? = nil,
        timing: Timing,
        report: @escaping @Sendable () -> FleetReport,
        warn: @escaping @Sendable (String) -> Void
    ) {
        senders = webhooks.map { ($0, WebhookSender($0, file: file, warn: warn)) }
        self.report = report
        self.warn = warn
        self.timing = timing
        self.dashboard = dashboard
        announcedGates = Mutex(Set(earlier?.waves.filter { $0.gateOpenedAt != nil }.map(\.name) ?? []))
    }

    /// Queues what is worth a message and returns at once.
    package func send(_ events: [Event]) async {
        guard !senders.isEmpty else { return }
        for event in events where isNews(event.kind) { post(event, report()) }
    }

    /// Queues what an event is worth, and returns at once: nothing for most events.
    ///
    /// - Parameter report: what the run has done so far, with this event taken in.
    package func post(_ event: Event, _ report: FleetReport) {
        guard var message = NotificationMessage(event, report) else { return }
        message.link = dashboard.map { "\($0)/runs/\(message.report.run)" }
        for (webhook, sender) in senders where webhook.occasions.contains(message.occasion) {
            sender.post(message.body(webhook.format), about: message.occasion)
        }
    }

    private func isNews(_ kind: Event.Kind) -> Bool {
        switch kind {
        case .runStarted, .halted, .runFinished: true
        // The reason of the wait changes, and checks may repeat it; one notification for each gate is enough.
        case .gateWaiting(let wave, _): announcedGates.withLock { $0.insert(wave).inserted }
        default: false
        }
    }

    /// Delivers while the body runs; after it waits for what is left, but not for long. It is used once.
    ///
    /// - Parameters:
    ///   - giveUp: an element when the operator asks to stop.
    ///   - body: sends its events here.
    package func delivering<Value: Sendable>(giveUp: AsyncStream<Void>, _ body: () async -> Value) async -> Value {
        guard !senders.isEmpty else { return await body() }
        return await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.deliver() }
            let value = await body()
            for (_, sender) in senders { sender.finish() }
            group.addTask { await self.patience(giveUp) }
            // Whichever comes first: everything is delivered, or the wait is over.
            await group.next()
            group.cancelAll()
            return value
        }
    }

    private func deliver() async {
        await withTaskGroup(of: Void.self) { group in
            for (_, sender) in senders { group.addTask { await sender.deliver() } }
        }
    }

    /// Ends when there was time enough.
    private func patience(_ giveUp: AsyncStream<Void>) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [timing, warn] in
                guard (try? await Task.sleep(for: timing.silence)) != nil else { return }
                warn("waiting up to \((timing.patience - timing.silence).human) for notifications to arrive")
                try? await Task.sleep(for: timing.patience - timing.silence)
            }
            group.addTask { [timing] in
                for await _ in giveUp {
                    try? await Task.sleep(for: timing.grace)
                    return
                }
                // Without a request to give up, the wait still ends.
                try? await Task.sleep(for: timing.patience)
            }
            await group.next()
            group.cancelAll()
        }
    }
}
