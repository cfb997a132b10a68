import ConvoyIO
import ConvoyMigrations
import ConvoyRun

extension Change {
    /// Reads what ``direction``, ``target`` and ``steps`` of a change gave; nil for anything else.
    ///
    /// - Parameters:
    ///   - kind: what the plan has as the kind of a correction, which has no column.
    ///   - undoneRun: what the plan has as the run that is undone, which has none either.
    init?(direction: String, target: String?, steps: Int?, kind: String? = nil, undoneRun: String? = nil) {
        let version = target.flatMap(MigrationVersion.init)
        if let kind {
            switch Correction.Kind(rawValue: kind) {
            case .baseline: self = .baseline(at: version)
            case .repair: self = .repair(at: version)
            case nil: return nil
            }
            return
        }
        switch (MigrationDirection(rawValue: direction), target, steps) {
        case (.up, nil, nil): self = .up(to: nil)
        case (.up, .some, nil):
            guard let version else { return nil }
            self = .up(to: version)
        case (.down, .some, nil):
            guard let version else { return nil }
            self = .down(to: version)
        case (.down, nil, .some(let steps)): self = .downSteps(steps)
        // What is reverted is an instance's affair, so it is not part of a run's record.
        case (.down, nil, nil): self = undoneRun.map { .undo(run: $0) } ?? .revert([], start: nil)
        default: return nil
        }
    }
}

extension OperatorRequest.Kind {
    /// As the table has it.
    var columns: (kind: String, argument: String?) {
        switch self {
        case .stop: ("stop", nil)
        case .approve(let wave): ("approve", wave)
        case .pause(let server): ("pause", server)
        case .unpause(let server): ("unpause", server)
        }
    }

    init?(kind: String, argument: String?) {
        switch (kind, argument) {
        case ("stop", _): self = .stop
        case ("approve", let wave): self = .approve(wave: wave)
        case ("pause", let server?): self = .pause(server: server)
        case ("unpause", let server?): self = .unpause(server: server)
        default: return nil
        }
    }
}
