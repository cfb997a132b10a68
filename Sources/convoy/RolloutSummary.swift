import ConvoyDashboard
import ConvoyFleet
import ConvoyMigrations
import ConvoyText

/// A summary of the rollout in the words of the fleet file, as `validate` shows it.
struct RolloutSummary {
    private let rollout: Rollout

    init(_ rollout: Rollout) {
        self.rollout = rollout
    }

    var lines: [String] {
        var lines = waves
        if !rollout.checks.isEmpty { lines.append("  checks      " + Self.list(rollout.checks.map(\.name))) }
        let hooks = HookPoint.allCases.filter { rollout.hooks.commands[$0] != nil }.map(\.rawValue)
        if !hooks.isEmpty { lines.append("  hooks       \(Self.list(hooks)), at most \(rollout.hooks.timeout.human) each") }
        if let window = rollout.window { lines.append("  window      " + Self.text(window)) }
        return lines
    }

    /// Only the names if no wave has further rules.
    private var waves: [String] {
        let details = rollout.waves.map(Self.details)
        guard details.contains(where: { !$0.isEmpty }) else { return ["  waves       " + Self.list(rollout.waves.map(\.name))] }
        return zip(rollout.waves, details).enumerated().map { index, wave in
            let start = index == 0 ? "  waves       " : "              "
            return start + wave.0.name + (wave.1.isEmpty ? "" : ": " + wave.1.joined(separator: "; "))
        }
    }

    private static func details(_ wave: Wave) -> [String] {
        var details: [String] = []
        switch wave.onePer {
        case .cohort: details.append("one per cohort")
        case .label(let key): details.append("one per label.\(key)")
        case nil: break
        }
        let stop = [
            wave.stop.failures.map { "failures \($0)" },
            wave.stop.failurePercent.map { "failure_percent \(text($0))" },
            wave.stop.sameFailure.map { "same_failure \($0)" },
            wave.stop.unreachablePercent.map { "unreachable_percent \(text($0))" },
        ].compactMap(\.self)
        if !stop.isEmpty { details.append("stop at " + list(stop)) }
        if wave.onFailure != .proceed { details.append("on_failure \(wave.onFailure.rawValue)") }
        if let gate = wave.gate { details.append("gate " + text(gate)) }
        return details
    }

    private static func text(_ gate: Gate) -> String {
        var parts: [String] = []
        if gate.soak > .zero { parts.append("soak \(gate.soak.human)") }
        if !gate.checks.isEmpty { parts.append(gate.checks.count == 1 ? "1 check" : "\(gate.checks.count) checks") }
        if !gate.command.isEmpty { parts.append("command") }
        if gate.http != nil { parts.append("http") }
        if gate.approve { parts.append("approve" + (gate.approveWithin.map { " within \($0.human)" } ?? "")) }
        return list(parts)
    }

    /// Days, times and time zone of a window.
    static func text(_ window: MaintenanceWindow) -> String {
        let days = window.days.count < 7 ? list(MaintenanceWindow.Day.allCases.filter(window.days.contains).map(\.rawValue)) : "every day"
        return "\(days), \(time(window.from)) to \(time(window.to)) \(window.timezone)"
    }

    private static func time(_ minutes: Int) -> String {
        [minutes / 60, minutes % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
    }

    private static func text(_ percent: Double) -> String {
        Int(exactly: percent).map(String.init) ?? String(percent)
    }

    private static func list(_ words: [String]) -> String { words.joined(separator: ", ") }
}
