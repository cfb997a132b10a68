package import ConvoyFleet
internal import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
package import ConvoyText
package import FoundationEssentials

/// The message of a webhook at one moment of a run.
package struct NotificationMessage: Sendable {
    package var occasion: Webhook.Occasion
    package var at: Date
    /// The wave that it is about, where it is about one.
    package var wave: String?
    /// What the gate waits for, or why the run was halted.
    package var reason: String?
    /// What the run has done so far.
    package var report: FleetReport

    /// Maximum number of failures in a message, the most frequent first, and of names for each.
    private static let failureLimit = 5
    private static let nameLimit = 10
    private static let textLimit = 500

    /// Nil for an event without a notification.
    ///
    /// - Parameter report: with this event taken in.
    package init?(_ event: Event, _ report: FleetReport) {
        switch event.kind {
        case .runStarted: occasion = .runStarted
        case .gateWaiting(let wave, let reason): (occasion, self.wave, self.reason) = (.gateWaiting, wave, reason)
        case .halted(let reason): (occasion, wave, self.reason) = (.halted, reason.wave, reason.description)
        case .runFinished: (occasion, reason) = (.runFinished, report.haltReason?.description)
        default: return nil
        }
        at = event.at
        self.report = report
    }

    package func body(_ format: Webhook.Format) -> String {
        switch format {
        case .json: json.line
        case .slack: JSONValue.object(.init([("text", .string(slackText))])).line
        }
    }

    /// `convoy.notification/1`, as its JSON Schema has it.
    package var json: JSONValue {
        [
            "schema": "convoy.notification/1",
            "event": .string(occasion.rawValue),
            "run": .string(report.run),
            "fleet": .string(report.fleet),
            "at": .string(at.rfc3339),
            "status": .string(occasion == .runFinished ? report.endState.text : "running"),
            "started_at": .optional(report.startedAt?.rfc3339),
            "wave": .optional(wave),
            "reason": .optional(reason.map(Self.cut)),
            "summary": report.summary.json,
            "failures": .array(failures.map(Self.json)),
        ]
    }

    private var failures: ArraySlice<FailureGroup> { report.failureGroups.prefix(Self.failureLimit) }

    private static func json(_ group: FailureGroup) -> JSONValue {
        [
            "fingerprint": .string(group.fingerprint),
            "kind": .string(group.failure.kind.rawValue),
            "version": .optional(group.failure.version?.description),
            "sqlstate": .optional(group.failure.sqlstate),
            "message": .string(cut(group.failure.message)),
            "count": .integer(group.instances.count),
            "instances": .strings(group.instances.prefix(nameLimit)),
        ]
    }

    private static func cut(_ text: String) -> String { text.count > textLimit ? text.prefix(textLimit) + "…" : text }

    // MARK: Slack

    private var slackText: String {
        let run = "Convoy run \(Self.code(report.run)) of \(Self.code(report.fleet))"
        let outcomes = report.summary.outcomes.text
        switch occasion {
        case .runStarted:
            return "\(run) has started: \(counted(report.count, "instance")) in \(counted(report.waves.count, "wave"))"
        case .gateWaiting:
            return "\(run) waits at the gate of wave \(Self.code(wave ?? "")) for \(Self.code(reason ?? "")): \(outcomes)" + slackFailures
        case .halted: return "\(run) was halted: \(Self.code(reason ?? "")); no new instances start: \(outcomes)" + slackFailures
        case .runFinished:
            return "\(run) \(report.endState.text) after \(report.log.duration(at: at).human): \(outcomes)" + slackFailures
        }
    }

    private var slackFailures: String {
        failures.map { group in
            let names = group.instances.prefix(Self.nameLimit).map { Self.code($0, limit: 64) }.joined(separator: ", ")
            let more = group.instances.count > Self.nameLimit ? " and \(group.instances.count - Self.nameLimit) more" : ""
            return "\n• \(group.failure.kind.rawValue): \(Self.code(group.failure.headline)): \(names)\(more)"
        }.joined()
    }

    /// Foreign text as code: nothing in it can become a mention, a link or an emphasis.
    private static func code(_ text: String, limit: Int = 300) -> String {
        var escaped = ""
        for character in text.visible.prefix(limit) {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            // It would end the code.
            case "`": escaped += "'"
            default: escaped.append(character)
            }
        }
        return escaped.allSatisfy(\.isWhitespace) ? "-" : "`\(escaped)`"
    }
}
