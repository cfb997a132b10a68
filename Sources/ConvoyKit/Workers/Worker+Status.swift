import ConvoyJournal
import ConvoyText

extension Worker {
    /// How a worker is, for those who look after it.
    package struct Condition: Sendable {
        /// Its loop is at work.
        package var isLive: Bool
        /// It has reached the control database a moment ago, and takes new work.
        package var isReady: Bool
        /// Numbers as OpenMetrics text.
        package var metrics: String
    }

    /// How long its loop may take for one turn: several answers of the control database, each with its own time limit.
    private static let longestTurn = Duration.seconds(60)

    /// How it is now. Asks the control database how much waits in the runs of the fleet.
    package func condition() async -> Condition {
        let isReached = lastSuccess.map { .now - $0 < timing.lease } ?? false
        var text = OpenMetricsText()
        text.add("convoy_worker_assignments", "Assignments that this worker works on now, without watches.", [([], String(busy))])
        text.add("convoy_worker_capacity", "The most assignments that it takes at a time.", [([], String(limits.total))])
        text.add("convoy_worker_runs", "The runs that it takes part in.", [([], String(runs.count))])
        text.add("convoy_worker_draining", "1 if it takes nothing new.", [([], isDraining ? "1" : "0")])
        text.add("convoy_control_up", "1 if the control database has answered within a lease.", [([], isReached ? "1" : "0")])
        if isReached, let counts = try? await control.assignmentCounts(of: fleet) {
            text.add(
                "convoy_assignments",
                "Assignments of all open runs of the fleet: those that wait for a worker, and those that workers have.",
                [([("state", "waiting")], String(counts.waiting)), ([("state", "claimed")], String(counts.claimed))]
            )
        }
        return Condition(isLive: .now - lastTurn < Self.longestTurn, isReady: isReached && !isDraining, metrics: text.text)
    }
}
