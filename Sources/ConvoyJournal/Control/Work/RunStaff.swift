package import ConvoyRun
import ConvoyText

/// Who carries out a run that was handed over to workers, as far as the control database knows.
package struct RunStaff: Sendable, Hashable {
    /// A worker that lives and takes no part.
    package struct Refusal: Sendable, Hashable {
        package var worker: String
        package var reason: String
        /// What to do about it.
        package var hint: String

        package init(worker: String, reason: String, hint: String) {
            (self.worker, self.reason, self.hint) = (worker, reason, hint)
        }
    }

    /// How long a worker counts as alive after it was last seen: it announces itself each five seconds at least.
    package static let lifetime = Duration.seconds(15)

    /// How many workers of the fleet live, take work, and have not refused the run.
    package var willing: Int
    /// In the order of the workers' names.
    package var refusals: [Refusal]
    /// Workers with a lease of the run that is still valid, whether they live or not.
    package var holders: [String]
    /// Workers that were seen within a day, have not signed off, and do not count as alive: they may only have had no way to the control database.
    package var silent = 0
    /// Whether the control database was away until a moment ago, so that ``silent`` workers count as willing.
    package var isUnsettled = false
    /// How long a worker that lives stays silent at most once it can write again.
    package static let silence = Duration.seconds(6)
    /// Why the refusals could not be read, with what to do about it: they are left out then. Nil if they could.
    package var gap: String?

    package init(willing: Int, refusals: [Refusal] = [], holders: [String] = [], gap: String? = nil) {
        (self.willing, self.refusals, self.holders, self.gap) = (willing, refusals, holders, gap)
    }

    /// Whether no worker works on the run, and none that lives is going to.
    package var isMissing: Bool { willing == 0 && holders.isEmpty }

    /// The most refusals that are shown.
    private static let mostReasons = 3

    /// Why no worker takes the run; nil where one may.
    package var shortage: String? {
        guard willing == 0 else { return nil }
        guard !refusals.isEmpty else { return "no worker of its fleet is alive (start one with `convoy worker`)" }
        var different: [Refusal] = []
        for refusal in refusals where !different.contains(where: { $0.reason == refusal.reason }) { different.append(refusal) }
        let reasons = different.prefix(Self.mostReasons).map { "worker \($0.worker): \($0.reason) (\($0.hint))" }.joined(separator: "; ")
        let more = different.count > Self.mostReasons ? "; and \(different.count - Self.mostReasons) more reasons" : ""
        return "no worker takes part in it: \(reasons)\(more)"
    }

    /// Why nothing happens in the run: ``shortage``, where no worker has a lease of it either.
    package var standstill: String? { isMissing ? shortage : nil }

    /// Why the run waits for workers, and what an operator does about it; nil where one may take it.
    package func waitReason(_ run: RunID) -> String? { standstill.map { "\($0); \(remedy(run))" } }

    /// Why the run is not to be resumed or abandoned now, and what to do instead; nil where no worker takes it.
    ///
    /// - Parameter run: which it is about.
    package func obstacle(_ run: RunID) -> (reason: String, hint: String)? {
        guard !isMissing else { return nil }
        // Who still has a lease of it.
        let names = shortList(holders, limit: 3)
        if isUnsettled, holders.isEmpty {
            let wait = "try again in \(Self.lifetime.human)"
            return ("the control database was away until a moment ago, and the workers of its fleet have not been seen since", wait)
        }
        guard let shortage else {
            return ("workers carry it out\(holders.isEmpty ? "" : " (\(names))")", "stop it first, with `convoy stop \(run)`")
        }
        let isOne = holders.count == 1
        let lease = isOne ? "worker \(names) still has a lease" : "workers \(names) still have leases"
        let later = "or later if \(isOne ? "it has" : "they have") a longer --lease"
        return (shortage, "\(lease) of it: try again in \(Self.lifetime.human), \(later)")
    }

    /// What an operator does about a shortage, besides what ``shortage`` says: whole clauses.
    package func remedy(_ run: RunID) -> String {
        let resumption = refusals.isEmpty ? "carries it out without workers" : "submits it again with your fleet file and migrations"
        return "`convoy resume \(run)` \(resumption), `convoy abandon \(run)` gives it up for good"
    }
}
