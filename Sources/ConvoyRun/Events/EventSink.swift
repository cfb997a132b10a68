/// Receives the events of a run: each event once, in order.
package protocol EventSink: Sendable {
    /// Takes the events that came about together; never empty.
    ///
    /// The run waits for this call before it acts on the events; meanwhile, instances in progress continue and their events collect for the
    /// next batch. A sink that may be slow should not delay the run: see ``EventRelay``.
    func send(_ events: [Event]) async
}

/// Hands each event to several sinks, in order.
package struct EventFanOut: EventSink {
    private let sinks: [any EventSink]

    /// Hands events to these sinks, the first one first.
    package init(_ sinks: [any EventSink]) {
        self.sinks = sinks
    }

    /// Hands the events to one sink after the other, and waits for each.
    package func send(_ events: [Event]) async {
        for sink in sinks { await sink.send(events) }
    }
}

/// Hands events to a reader in its own task, without ever making the run wait.
///
///     let relay = EventRelay()
///     async let shown: Void = { for await event in relay.events { reporter.show(event) } }()
///     let log = await Coordinator(migrator: runner, inspector: runner, events: relay).run(plan, on: targets)
///     await shown
///
/// A reader that is slower than the run leaves events waiting in memory.
package struct EventRelay: EventSink {
    /// The events of one run, for one reader; it ends after ``Event/Kind/runFinished(status:)``.
    package let events: AsyncStream<Event>
    private let continuation: AsyncStream<Event>.Continuation

    /// A relay for the events of one run.
    package init() {
        (events, continuation) = AsyncStream.makeStream()
    }

    /// Passes the events on and returns at once.
    package func send(_ events: [Event]) async {
        for event in events {
            continuation.yield(event)
            if case .runFinished = event.kind { continuation.finish() }
        }
    }
}
