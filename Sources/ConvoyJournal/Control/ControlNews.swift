import ConvoyPostgres
import ConvoyRun

/// What processes say to each other about a control database, with NOTIFY in the transaction that writes: which run has something new that others
/// wait for. It is a hint of when to look, and nothing else: anybody who may connect can send it, and a pooler may lose it.
struct ControlNews: Sendable, Hashable {
    /// One channel for all runs: the server wakes every session that listens in the database, whatever its channel.
    static let channel = "convoy_control"
    /// Longer ones are not ours.
    private static let payloadLimit = 1000

    var run: String
    /// The worker that wrote it, which need not hear it; nil for everyone else.
    var sender: String?

    init(_ run: RunID, from sender: String? = nil) {
        (self.run, self.sender) = (run.description, sender)
    }

    /// Nil for what Convoy does not send.
    init?(payload: String) {
        guard !payload.isEmpty, payload.utf8.count <= Self.payloadLimit else { return nil }
        let words = payload.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard words.count <= 2, words.allSatisfy({ !$0.isEmpty }), words[0] != ControlNews.trial else { return nil }
        (run, sender) = (words[0], words.count > 1 ? words[1] : nil)
    }

    /// Sends it, when the transaction is committed.
    var statement: PipelineStatement { Self.statement(sender.map { "\(run) \($0)" } ?? run) }

    /// A notification that says only that notifications arrive.
    static let trialStatement = statement(trial)

    private static let trial = "?"

    private static func statement(_ payload: String) -> PipelineStatement {
        // What is too long is not sent: the transaction is worth more.
        let payload = payload.utf8.count <= payloadLimit ? payload : trial
        return PipelineStatement("SELECT pg_catalog.pg_notify($1, $2)", [channel, payload])
    }
}

extension RunDecision {
    /// Whether another process waits for something of it: work to take, work to stop, or an event.
    var isNews: Bool {
        cancelsAll || !withdrawals.isEmpty || !approvals.isEmpty || beginnings.contains { !$0.isClaimed }
            || events.contains { RecordedEvents.Selection.isAwaited($0.kind.type) }
    }
}
