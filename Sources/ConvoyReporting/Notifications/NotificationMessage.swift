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
    /// The page of the run in the dashboard; nil if the fleet file names no dashboard.
    package var link: String?

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
        case .teams: teamsCard.line
        case .grafana: grafanaAnnotation.line
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
            "url": .optional(link),
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

    // MARK: Words

    /// A piece of a message's text.
    enum Piece: Sendable, Hashable {
        /// Convoy's own words.
        case own(String)
        /// What comes from elsewhere: names, reasons, errors. No receiver may take anything in it for a mention, a link or an emphasis.
        case foreign(String, limit: Int = 300)
    }

    /// The lines of a message: what happened, then the failures.
    var lines: [[Piece]] {
        let run: [Piece] = [.own("Convoy run "), .foreign(report.run), .own(" of "), .foreign(report.fleet)]
        let outcomes = report.summary.outcomes.text
        switch occasion {
        case .runStarted:
            return [run + [.own(" has started: \(counted(report.count, "instance")) in \(counted(report.waves.count, "wave"))")]]
        case .gateWaiting:
            let gate: [Piece] = [.own(" waits at the gate of wave "), .foreign(wave ?? ""), .own(" for "), .foreign(reason ?? "")]
            return [run + gate + [.own(": \(outcomes)")]] + failureLines
        case .halted:
            return [run + [.own(" was halted: "), .foreign(reason ?? ""), .own("; no new instances start: \(outcomes)")]] + failureLines
        case .runFinished:
            return [run + [.own(" \(report.endState.text) after \(report.log.duration(at: at).human): \(outcomes)")]] + failureLines
        }
    }

    private var failureLines: [[Piece]] {
        failures.map { group in
            var line: [Piece] = [.own("\(group.failure.kind.rawValue): "), .foreign(group.failure.headline), .own(": ")]
            for (index, name) in group.instances.prefix(Self.nameLimit).enumerated() {
                if index > 0 { line.append(.own(", ")) }
                line.append(.foreign(name, limit: 64))
            }
            if group.instances.count > Self.nameLimit { line.append(.own(" and \(group.instances.count - Self.nameLimit) more")) }
            return line
        }
    }
}
