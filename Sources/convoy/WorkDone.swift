import ConvoyRun
import ConvoyText

/// How far a run came that did not complete, for the advice at its end.
struct WorkDone {
    /// The instances of the run.
    let instances: Int
    /// Those that it has not reached.
    let unchanged: Int
    /// Those on which it began, and which a resumed run works on again: interrupted, or with an end that is not known.
    let unfinished: Int

    init(_ outcomes: some Collection<Outcome>) {
        instances = outcomes.count
        unchanged = outcomes.count { $0 == .pending }
        unfinished = outcomes.count { !$0.isSettled } - unchanged
    }

    /// Whether a resumed run has something to do.
    var isLeft: Bool { unchanged + unfinished > 0 }

    /// `worked on 2 of 3 instances and left 1 unchanged; 1 is not finished`.
    var text: String {
        let worked = "worked on \(instances - unchanged) of \(counted(instances, "instance")) and left \(unchanged) unchanged"
        return unfinished == 0 ? worked : "\(worked); \(unfinished) \(unfinished == 1 ? "is" : "are") not finished"
    }
}
