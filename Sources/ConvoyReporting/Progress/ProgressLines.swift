internal import ConvoyFleet
internal import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
package import ConvoyText
internal import FoundationEssentials

/// Events as plain lines, for logs and pipes: one for each instance that ends, for each wave, and for what an operator should know at once.
package struct ProgressLines: Sendable {
    /// Who reads the lines.
    package enum Reader: Sendable {
        /// A file or a person: a line starts with the time of day.
        case text
        /// journald, which knows the time: a line starts with its priority, `<4>`, as `sd-daemon(3)` says.
        case journald
    }

    private let style: OutputStyle
    private let reader: Reader

    package init(style: OutputStyle, for reader: Reader = .text) {
        self.style = style
        self.reader = reader
    }

    /// The line of an event that the report has taken in; nil for one that says too little.
    package func line(for event: Event, in report: FleetReport) -> String? {
        text(for: event.kind, report).map { text in
            switch reader {
            case .text: "\(event.at.timeOfDay) \(text)"
            case .journald: LogPriority(event.kind).prefix + text
            }
        }
    }

    private func text(for event: Event.Kind, _ report: FleetReport) -> String? {
        switch event {
        case .runStarted(let run, let fleet, let waves):
            let instances = waves.reduce(0) { $0 + $1.instances.count }
            return "run \(run.visible) of \(fleet.visible): \(counted(instances, "instance")) in \(counted(waves.count, "wave"))"
        case .waveStarted(let name):
            let instances = report.waves.first { $0.name == name }?.instances ?? 0
            return "wave \(name.visible): \(counted(instances, "instance"))"
        case .waveFinished(let name):
            let outcomes = report.waves.first { $0.name == name }?.allOutcomes.text(style) ?? ""
            return "wave \(name.visible) done: \(outcomes.isEmpty ? "nothing to do" : outcomes)"
        case .traceJoined, .instanceStarted, .instancePlanned, .migrationApplied: return nil
        case .instanceProgress(let name, let activity):
            return activity.map { "\(name.visible): \($0.text)" }
        case .instanceWaiting(let name, let reason, _): return "\(name.visible): waiting: \(reason.visible)"
        case .instanceWarned(let name, let message):
            return "\(name.visible): " + style.paint("warning", .notable) + ": \(message.visible)"
        case .instanceFinished(let name, let result): return "\(name.visible): \(text(for: result))"
        case .rollbackStarted(let name, _): return "\(name.visible): rolling back to its version before the run"
        case .rollbackFinished(let name, let result): return "\(name.visible): rolled back: \(text(for: result))"
        case .gateOpened(let wave): return "gate of wave \(wave.visible): the next wave waits until it passes"
        case .gateWaiting(let wave, let reason): return "gate of wave \(wave.visible): waiting for \(reason.visible)"
        case .approved(let wave, let by): return "gate of wave \(wave.visible): approved by \(by.visible)"
        case .gatePassed(let wave): return "gate of wave \(wave.visible): passed"
        case .gateFailed(let wave, let reason):
            return "gate of wave \(wave.visible): " + style.paint("failed", .bad) + ": \(reason.visible)"
        case .hookFinished(let hook):
            guard let problem = hook.problem else { return nil }
            let of = (hook.instance ?? hook.wave).map { " of \($0.visible)" } ?? ""
            return "hook \(hook.point.rawValue)\(of): " + style.paint("failed", .bad) + ": \(problem.visible)"
        case .serverPaused(let server, let by): return "server \(server.visible): paused by \(by.visible); no new instances start there"
        case .serverResumed(let server, let by): return "server \(server.visible): resumed by \(by.visible)"
        case .budgetChanged(let server, let connections):
            return "server \(server.visible): at most \(counted(connections, "connection")), because no more are free there"
        case .windowClosed(let until): return "outside the maintenance window: no new instances start before \(until.human)"
        case .windowOpened: return "the maintenance window is open"
        case .runResumed(let by): return "resumed by \(by.visible)"
        case .halted(let reason):
            return style.paint("halted", .bad) + ": \(reason.description.visible); nothing new starts, what runs finishes"
        case .stopRequested: return "stopping: no new instances start, those in progress finish; a second request cancels them"
        case .cancelRequested: return "cancelling the instances in progress and rolling them back"
        case .runFinished(let status):
            let took = report.finishedAt.map { " after \(report.log.duration(at: $0).human)" } ?? ""
            return "run \(style.paint(status.rawValue, status == .succeeded ? .good : .bad))\(took)"
        }
    }

    private func text(for result: InstanceResult) -> String {
        var text = style.paint(result.outcome.rawValue, result.outcome.emphasis)
        if let failure = result.failure {
            text += ": \(failure.headline)"
            if let holder = failure.unnamedHolder { text += ", locked by \(holder.text)" }
        }
        guard !result.applied.isEmpty else { return text }
        let time = result.applied.reduce(Duration.zero) { $0 + $1.duration }
        let versions = [result.from, result.to].map { $0?.description ?? "none" }.joined(separator: " \(style.arrow) ")
        return text + ", \(versions), \(counted(result.applied.count, "migration")) in \(time.human)"
    }
}

extension ServerActivity {
    /// `CREATE INDEX drives 43 %, building index: scanning table`.
    var text: String {
        let what = [command, relation, fraction.map { "\(Int(clamping: $0 * 100)) %" }].compactMap(\.self).joined(separator: " ")
        return "\(what), \(phase)".visible
    }
}

extension Date {
    /// The time of day in UTC: `09:00:00`.
    fileprivate var timeOfDay: String { formatted(Date.ISO8601FormatStyle().time(includingFractionalSeconds: false)) }
}
