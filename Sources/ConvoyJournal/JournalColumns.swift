import ConvoyIO
import ConvoyMigrations
import ConvoyRun
import ConvoyText
internal import FoundationEssentials

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

extension RunID {
    /// Reads an id that a store has; nil for one that Convoy cannot have made: it becomes part of a file's name, an argument of a program, and is
    /// shown in a terminal.
    package init?(recorded text: String?) {
        func isPlain(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
            default: false
            }
        }
        guard let text, text.utf8.count <= 64, let first = text.utf8.first, isPlain(first),
            text.utf8.allSatisfy({ isPlain($0) || $0 == UInt8(ascii: "-") })
        else { return nil }
        self.init(text)
    }
}

/// A run's record as a store has it: texts that may be damaged.
struct RunColumns {
    var id: String?
    var fleet: String?
    var fleetFile: String?
    var direction: String?
    var target: String?
    var steps: Int?
    /// Of a correction.
    var kind: String?
    /// Of a rollback that undoes another run.
    var undoneRun: String?
    var instances: Int?
    var startedAt: String?
    var finishedAt: String?
    var status: String?
    var convoyVersion: String?
    var startedBy: String?
    var abandonedBy: String?

    /// Nil if it is damaged.
    var record: RunRecord? {
        guard let id = RunID(recorded: id), let direction,
            let change = Change(direction: direction, target: target, steps: steps, kind: kind, undoneRun: undoneRun),
            let startedAt = startedAt.flatMap(Date.init(rfc3339:)), let ending = status.map(RunEnding.init(rawValue:)) ?? .some(nil)
        else { return nil }
        return RunRecord(
            id: id,
            fleet: fleet ?? "",
            fleetFile: fleetFile ?? "",
            change: change,
            instances: max(0, instances ?? 0),
            startedAt: startedAt,
            finishedAt: finishedAt.flatMap(Date.init(rfc3339:)),
            status: ending,
            convoyVersion: convoyVersion ?? "",
            startedBy: startedBy ?? "",
            abandonedBy: abandonedBy
        )
    }
}

extension OperatorRequest {
    /// Nil for what is damaged, or of a kind that only a newer program knows: it cannot be done, and those after it can.
    init?(number: Int64?, kind: String?, argument: String?, by: String?, at: String?) {
        guard let number, let kind = kind.flatMap({ Kind(kind: $0, argument: argument) }) else { return nil }
        self.init(number: number, kind: kind, by: by ?? "", at: at.flatMap(Date.init(rfc3339:)) ?? Date())
    }
}

extension RunEnding {
    /// The endings of runs that cannot be resumed, so that they may be removed.
    static let final: [RunEnding] = [.succeeded, .failed, .abandoned]
}

extension AppliedMigration {
    /// A migration as a store has it; nil if that is damaged.
    init?(version: Int64?, isUp: Bool?, seconds: Double?) {
        guard let version, let isUp, let seconds else { return nil }
        self.init(
            version: MigrationVersion(version),
            direction: isUp ? .up : .down,
            duration: min(max(.microseconds(Int64(clamping: (seconds * 1e6).rounded())), .zero), .longest)
        )
    }
}

extension [MigrationDurations] {
    /// The median of each migration in one direction.
    func medians(_ direction: MigrationDirection) -> [MigrationVersion: Duration] {
        filter { $0.direction == direction }.reduce(into: [:]) { $0[$1.version] = $1.median }
    }
}
