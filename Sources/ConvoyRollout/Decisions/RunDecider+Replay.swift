internal import ConvoyFleet
package import ConvoyRun
import ConvoyText
import FoundationEssentials

extension RunDecider {
    /// Makes the decider of a shared run from its events, turn by turn from the first.
    ///
    /// What was recorded before the run was resumed the last time is only folded: the rules began anew there. It may come from a run of one
    /// process.
    package static func restored(_ terms: Terms, from turns: [[Event]]) throws(ReplayError) -> RunDecider {
        let first = turns.lastIndex { Beginning($0)?.isResumption == true } ?? 0
        var past: RunLog?
        if first > 0 {
            var log = RunLog(announcing: terms.plan.plannedWaves)
            for event in turns[..<first].joined() { log.apply(event) }
            past = log
        }
        var decider = RunDecider(terms, past: past)
        for turn in turns[first...] { _ = try decider.replay(turn) }
        return decider
    }

    /// The turn in which a run began or was resumed.
    struct Beginning {
        var isResumption = false
        var person = ""
        var closedUntil: Date?
        var traceParent: String?

        /// Nil where the events are of another turn.
        init?(_ events: [Event]) {
            switch events.first?.kind {
            case .runStarted, .runResumed: break
            default: return nil
            }
            for event in events {
                switch event.kind {
                case .runResumed(let by): (isResumption, person) = (true, by)
                case .windowClosed(let until): closedUntil = until
                case .traceJoined(let parent): traceParent = parent
                default: break
                }
            }
        }
    }

    /// The facts that led to the events of a turn. Its other events follow from them.
    static func facts(in events: [Event]) -> [Fact] {
        var openedGates: Set<String> = []
        return events.compactMap { event in
            switch event.kind {
            case .instancePlanned, .instanceWaiting, .migrationApplied, .instanceProgress, .instanceWarned, .gateWaiting:
                return .event(event)
            case .instanceFinished(let name, let result): return .instanceFinished(name, result, at: event.at)
            case .rollbackFinished(let name, let result): return .rollbackFinished(name, result, at: event.at)
            case .hookFinished(let hook): return hook.instance == nil ? .hookFinished(hook) : .event(event)
            case .gatePassed(let wave): return .gateEnded(wave: wave, .passed)
            case .gateFailed(let wave, let reason): return .gateEnded(wave: wave, .failed(reason: reason))
            case .halted(.notApproved(let wave, let within)): return .gateEnded(wave: wave, .notApproved(within: within))
            case .gateOpened(let wave):
                openedGates.insert(wave)
                return nil
            case .approved(let wave, let by):
                // A gate that opens announces the approval that it has already.
                return openedGates.contains(wave) ? nil : .requested(.approve(wave: wave), by: by)
            case .serverPaused(let server, let by): return .requested(.pause(server: server), by: by)
            case .serverResumed(let server, let by): return .requested(.unpause(server: server), by: by)
            case .budgetChanged(let server, let connections): return .budget(server: server, connections: connections)
            case .windowClosed(let until): return .window(closedUntil: until)
            case .windowOpened: return .window(closedUntil: nil)
            case .stopRequested, .cancelRequested: return .stopRequested
            case .runStarted, .runResumed, .traceJoined, .waveStarted, .instanceStarted, .waveFinished, .rollbackStarted, .halted,
                .runFinished:
                return nil
            }
        }
    }

    /// Compares what was recorded with what the rules give.
    static func compare(_ recorded: [Event], with expected: [Event]) throws(ReplayError) {
        for index in 0..<max(recorded.count, expected.count) {
            let (left, right) = (index < recorded.count ? recorded[index].kind : nil, index < expected.count ? expected[index].kind : nil)
            guard let left, let right, left.isAlike(right) else {
                throw ReplayError(recorded: left?.headline, expected: right?.headline)
            }
        }
    }
}

extension Event.Kind {
    /// Whether both are the same decision, or the same fact. What facts say in detail is as it was recorded.
    fileprivate func isAlike(_ other: Self) -> Bool { type == other.type && subject == other.subject }

    /// What it is and what it is about, in a line.
    fileprivate var headline: String {
        // What is recorded may be anything.
        subject.isEmpty ? type.rawValue : "\(type.rawValue) \(String(subject.prefix(100)).visible)"
    }

    private var subject: String {
        switch self {
        case .waveStarted(let wave), .waveFinished(let wave), .gateOpened(let wave), .gateWaiting(let wave, _), .approved(let wave, _),
            .gatePassed(let wave), .gateFailed(let wave, _):
            wave
        case .serverPaused(let server, _), .serverResumed(let server, _): server
        case .budgetChanged(let server, let connections): "\(server) \(connections)"
        case .halted(let reason): "\(reason.rule.rawValue) \(reason.wave ?? "")"
        case .runFinished(let status): status.rawValue
        case .hookFinished(let hook): "\(hook.point.rawValue) \(hook.instance ?? hook.wave ?? "")"
        default: instance ?? ""
        }
    }
}
