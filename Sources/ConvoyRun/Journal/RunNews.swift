import ConvoyIO

/// How a process learns that there may be something new of a run which others write: an event that a process waits for, or a request.
package protocol RunNews: Sendable {
    /// Returns when there may be something new, when it is time to ask, or when the task is cancelled. Only one task may wait.
    ///
    /// - Parameters:
    ///   - interval: when to ask, where the journal says nothing by itself.
    ///   - listening: when to ask, where it does; not all that it has is worth a word.
    func wait(atMost interval: Duration, listening: Duration) async
}

/// The news of a journal that says nothing by itself.
package struct PolledNews: RunNews {
    package init() {}

    package func wait(atMost interval: Duration, listening _: Duration) async { await pause(for: interval, cancellation: .observed) }
}

extension Journal {
    package func news(of run: RunID) -> any RunNews { PolledNews() }
}
