package import ConvoyRun

/// Folds what earlier processes recorded of a run, for the process that resumes it.
package struct TraceReplay: Sendable {
    /// The fold, with everything in it.
    package private(set) var fold: TraceFold
    private var newest: [(at: SpanTime, spans: [TraceSpan])] = []
    private var last = SpanTime(microseconds: 0)

    /// Longer than spans wait before they are sent, together with the time that a request may take.
    private static let margin = Duration.seconds(15)

    package init(_ fold: TraceFold) {
        self.fold = fold
    }

    /// Takes in an event of the journal.
    package mutating func apply(_ event: Event) {
        last = SpanTime(event.at)
        let spans = fold.apply(event)
        guard !spans.isEmpty else { return }
        newest.append((last, spans))
        // Now and then, so that it costs little.
        if newest.count > 1024 { forget() }
    }

    private mutating func forget() {
        let first = last.before(Self.margin)
        newest.removeAll { $0.at < first }
    }

    /// What a killed process may have taken with it: spans that ended just before its last event. They are sent again under the same ids; a process that
    /// ended by itself has sent them.
    package var unsent: [TraceSpan] {
        guard !fold.hasEnded else { return [] }
        let first = last.before(Self.margin)
        return newest.filter { $0.at >= first }.flatMap(\.spans)
    }
}
