internal import ConvoyMigrations
internal import ConvoyRollout
package import ConvoyRun
import ConvoyText
internal import FoundationEssentials

/// An instance of a run, as a line of the browser's list.
struct BrowserRow: Sendable, Hashable {
    /// How far the run is with it, in a word.
    enum State: Sendable, Hashable {
        case pending, running, waiting, returning
        case ended(Outcome, isAccepted: Bool)

        var text: String {
            switch self {
            case .pending: Outcome.pending.rawValue
            case .running: "running"
            case .waiting: "waiting"
            case .returning: "rolling back"
            case .ended(let outcome, _): outcome.rawValue
            }
        }

        var emphasis: Emphasis {
            switch self {
            case .pending: .faint
            case .running: .none
            case .waiting, .returning: .notable
            case .ended(let outcome, let isAccepted): isAccepted ? .notable : outcome.emphasis
            }
        }

        /// What needs an operator comes first, what is done comes last.
        var rank: Int {
            switch self {
            case .ended(let outcome, let isAccepted):
                outcome.isGood || isAccepted
                    ? 100 + (Outcome.allCases.firstIndex(of: outcome) ?? 0) : Outcome.allCases.firstIndex(of: outcome) ?? 0
            case .waiting: 50
            case .returning: 51
            case .running: 52
            case .pending: 53
            }
        }

        var isInProgress: Bool {
            switch self {
            case .running, .waiting, .returning: true
            case .pending, .ended: false
            }
        }
    }

    var name: String
    var server: String
    var wave: String
    /// The place of its wave among the waves.
    var wavePlace: Int
    var state: State
    var version: MigrationVersion?
    var target: MigrationVersion?
    var startedAt: Date?
    var finishedAt: Date?
    /// When the last thing happened that brought it further; nil if it is not in progress.
    var steppedAt: Date?
    /// What was last heard of it, without times that pass.
    var words: String

    init(_ log: InstanceLog, wavePlace: Int, _ facts: BrowserFacts) {
        name = log.name
        server = facts.places[log.name]?.server ?? ""
        wave = log.wave ?? ""
        self.wavePlace = wavePlace
        version = facts.version(log)
        target = facts.target(log)
        startedAt = log.startedAt
        finishedAt = log.finishedAt
        switch log.state {
        case .notReached:
            state = .pending
            words = facts.pending(log).map { counted($0.count, "migration") } ?? ""
        case .running(let reason):
            state = reason != nil ? .waiting : log.isReturning ? .returning : .running
            steppedAt = log.steppedAt
            words = Self.words(log, waitingFor: reason)
        case .finished(let result):
            state = .ended(result.outcome, isAccepted: result.outcome != result.judgedOutcome)
            words = result.failure?.headline ?? Self.words(result)
        }
    }

    private static func words(_ log: InstanceLog, waitingFor reason: String?) -> String {
        if let reason { return reason }
        guard let pending = log.pending else { return "looking" }
        let count = "\(log.appliedOfPlan)/\(pending.count)"
        return [count + (log.current.map { " \($0)" } ?? ""), log.activity?.text].compactMap(\.self).joined(separator: ": ")
    }

    private static func words(_ result: InstanceResult) -> String {
        guard !result.applied.isEmpty else { return "" }
        return "\(counted(result.applied.count, "migration")) in \(result.applied.reduce(.zero) { $0 + $1.duration }.human)"
    }

    /// How long it took, or has taken; nil before its turn, and if no process works on it any more.
    func elapsed(at now: Date, isActive: Bool) -> Duration? {
        guard let startedAt else { return nil }
        if state.isInProgress { return isActive ? startedAt.duration(to: now) : nil }
        return finishedAt.map { startedAt.duration(to: $0) }
    }
}

/// What the browser takes from a run: the run as a whole, and the instances that have changed.
package struct RunReading: Sendable {
    let head: RunLog
    let rows: [BrowserRow]
    /// Whether the rows are all instances of the run, in its order.
    let isWhole: Bool
    /// The instance that is looked into.
    let opened: InstanceLog?

    /// - Parameters:
    ///   - changed: the instances that may have changed since the last reading; nil means all.
    ///   - opened: the instance that is looked into.
    package init(_ log: RunLog, changed: Set<String>?, opened: String?, _ facts: BrowserFacts) {
        head = log.withoutInstances
        isWhole = changed == nil
        let instances = changed.map { $0.compactMap(log.instance) } ?? log.instances
        rows = instances.map { BrowserRow($0, wavePlace: $0.wave.flatMap(log.place) ?? .max, facts) }
        self.opened = opened.flatMap(log.instance)
    }

    /// How many instances it reads.
    package var count: Int { rows.count }
}
