import ConvoyRun

@testable import ConvoyRollout

/// A worker as a value: a process that claims work, does it and reports. It has no clock and may stop at any point.
struct WorkerModel {
    enum State {
        case alive
        /// It does nothing until it continues, and does not know that time has passed.
        case paused
        case dead
    }

    /// Work that it believes to have.
    struct Job {
        let claim: ControlModel.Claim
        let work: Work
        /// How much of it is left to do.
        var steps: Int
        /// What happened in it and is not reported.
        var news: [RunDecider.Fact] = []
        /// How it ended; nil before.
        var answer: RunDecider.Fact?
        /// Whether it goes on until it is withdrawn.
        var isWatch: Bool {
            switch work {
            case .watchServer, .watchWindow: true
            default: false
            }
        }
        var hasReport: Bool { !news.isEmpty || answer != nil }
    }

    let number: Int
    /// How often it was started: each time it is another worker to the database.
    private(set) var process = 0
    var state = State.alive
    /// What it knows of the run; nil where it has to read everything again.
    var decider: RunDecider?
    var folded = 0
    var jobs: [Job] = []
    /// What it reported last.
    var lastReport: [Job] = []
    /// How often it has decided.
    var decisions = 0
    /// The decision whose commit it did not hear of, with what it knows if that was committed.
    var unheard: (decider: RunDecider, folded: Int, jobs: [Job])?

    init(number: Int) {
        self.number = number
    }

    /// As the database knows it.
    var identity: Int { number * 1000 + process }

    mutating func restart() {
        process += 1
        (state, jobs, lastReport, decisions) = (.alive, [], [], 0)
        forget()
    }

    mutating func forget() {
        (decider, folded, unheard) = (nil, 0, nil)
    }
}
