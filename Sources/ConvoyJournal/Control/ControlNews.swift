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
    /// Whether there is work to take and nothing else: only a worker with room needs it.
    var isWork = false

    init(_ run: RunID, from sender: String? = nil, isWork: Bool = false) {
        (self.run, self.sender, self.isWork) = (run.description, sender, isWork && sender != nil)
    }

    /// Nil for what Convoy does not send.
    init?(payload: String) {
        guard !payload.isEmpty, payload.utf8.count <= Self.payloadLimit else { return nil }
        let words = payload.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard words.count <= 3, words.allSatisfy({ !$0.isEmpty }), words[0] != ControlNews.trial else { return nil }
        (run, sender, isWork) = (words[0], words.count > 1 ? words[1] : nil, words.count > 2)
        guard !isWork || words[2] == Self.work else { return nil }
    }

    /// Sends it, when the transaction is committed.
    var statement: PipelineStatement { PipelineStatement(Self.sql, [Self.channel, payload]) }

    /// What is said.
    var payload: String {
        let payload = [run, sender, isWork ? Self.work : nil].compactMap(\.self).joined(separator: " ")
        // What is too long is not sent: the transaction is worth more.
        return payload.utf8.count <= Self.payloadLimit ? payload : Self.trial
    }

    private static let work = "work"
    /// The queue is that of the whole server, and a session of any database can keep it full: COMMIT is refused then. What is written is worth more than that
    /// others hear of it at once, so that nothing is sent while it is almost full.
    private static let sql = "SELECT CASE WHEN pg_catalog.pg_notification_queue_usage() < 0.9 THEN pg_catalog.pg_notify($1, $2) END"

    /// A notification that says only that notifications arrive.
    static let trialStatement = PipelineStatement(sql, [channel, trial])

    private static let trial = "?"
}

extension RunDecision {
    /// Whether another process waits for something of it: work to take, work to stop, or an event.
    var isNews: Bool { isMoreThanWork || beginnings.contains { !$0.isClaimed } }

    /// Whether that is something else than work to take.
    var isMoreThanWork: Bool {
        cancelsAll || !withdrawals.isEmpty || !approvals.isEmpty || events.contains { RecordedEvents.Selection.isAwaited($0.kind.type) }
    }
}
