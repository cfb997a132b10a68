import ConvoyMigrations
internal import ConvoyRollout
import ConvoyRun
import ConvoyText
internal import FoundationEssentials

/// What the report's template shows, found there by the names of the properties. Every text is visible and not yet escaped.
struct ReportPage {
    /// A word with the tone of its colour, and the glyph that says the same without colour.
    struct Badge {
        var tone: String
        var glyph: String
        var word: String

        init(_ word: String, _ emphasis: Emphasis) {
            (tone, glyph) =
                switch emphasis {
                case .good: ("good", "✓")
                case .bad: ("bad", "✗")
                default: ("notable", "◦")
                }
            self.word = word
        }
    }

    struct Verdict {
        var badge: Badge
        var text: String
    }

    struct Fact {
        var term: String
        var value: String
    }

    struct OutcomeCount {
        var badge: Badge
        var count: String
    }

    let policy: String
    let title: String
    let style: String
    let scripts: [String]
    let data: String
    let generated: String
    let verdict: Verdict
    let facts: [Fact]
    let outcomes: [OutcomeCount]
    let versions: VersionSection?
    /// Markup: the cohorts, and what differs in them where that is known; nil if the report has no cohorts.
    let cohorts: String?
    let failures: FailureSection?
    let run: RunSection?
    let durations: DurationSection?
    let troubled: TroubledSection?

    init(_ report: FleetReport, state: RunState, at now: Date, names: [MigrationVersion: String], drift: DriftReport?) {
        let hasRun = !report.run.isEmpty
        let scripts = WebAssets.scripts + [WebAssets.reportScript]
        policy = [
            "default-src 'none'", "style-src \(WebAssets.style.policySource)",
            "script-src \(scripts.map(\.policySource).joined(separator: " "))", "base-uri 'none'", "form-action 'none'",
        ].joined(separator: "; ")
        title = report.fleet.visible + (hasRun ? ": run \(report.run.visible)" : ": status")
        style = WebAssets.style.text
        self.scripts = scripts.map(\.text)
        generated = now.human
        // Each use of the report's instances puts them together anew.
        let instances = report.instances
        let summary = FleetSummary(instances)
        let took = report.took(state, at: now)
        verdict = Self.verdict(summary, state: hasRun ? state : nil, took: took)
        facts = Self.facts(report, took: took, at: now)
        outcomes = summary.outcomes.ordered.map {
            OutcomeCount(badge: Badge($0.outcome.rawValue, $0.outcome.emphasis), count: $0.count.grouped)
        }
        versions = VersionSection(summary, target: report.target, names: names)
        cohorts = Self.cohorts(of: instances, drift)
        failures = FailureSection(report.failureGroups, names: names)
        run = hasRun ? RunSection(report, at: now) : nil
        durations = DurationSection(report.migrationDurations, names: names)
        troubled = TroubledSection(instances)
        data =
            ([
                "now": state == .running ? .integer(Int(clamping: now.timeIntervalSince1970 * 1000)) : .null,
                "waves": .strings(report.waves.map(\.name)),
                "fleet": FleetColumns(instances, epoch: report.startedAt ?? now).json,
            ] as JSONValue).line.escapedForScript
    }

    private static func cohorts(of instances: [InstanceReport], _ drift: DriftReport?) -> String? {
        if let drift {
            let names = Set(instances.map { ExactText($0.name) })
            let shown = drift.selecting { names.contains(ExactText($0)) }
            return shown.cohortTable(.sections) + shown.differenceSections + shown.unreadSection
        }
        var members: [String: [String]] = [:]
        for instance in instances { instance.cohort.map { members[$0, default: []].append(instance.name) } }
        return members.isEmpty ? nil : DriftReport.cohortTemplate.render(CohortTable(members))
    }

    private static func verdict(_ summary: FleetSummary, state: RunState?, took: Duration?) -> Verdict {
        let counts = summary.outcomes.ordered.map { outcome, count in
            "\(count.grouped) \(outcome.rawValue)"
                + (outcome == .ahead && summary.accepted > 0 ? " (\(summary.accepted.grouped) accepted)" : "")
        }.joined(separator: ", ")
        let text = (counts.isEmpty ? "no instances" : counts) + (took.map { ", \($0.human)" } ?? "")
        if let state { return Verdict(badge: Badge(state.words, state.emphasis), text: text) }
        let pending = summary.outcomes[.pending, default: 0]
        let badge =
            summary.badInstances > 0
            ? Badge("\(summary.badInstances.grouped) not well", .bad)
            : pending > 0 ? Badge("\(pending.grouped) pending", .notable) : Badge("all well", .good)
        return Verdict(badge: badge, text: text)
    }

    private static func facts(_ report: FleetReport, took: Duration?, at now: Date) -> [Fact] {
        let facts: [(String, String?)] = [
            ("Instances", report.count.grouped),
            ("Newest version", report.targetText),
            ("Started", report.startedAt?.human),
            ("Ended", report.finishedAt?.human),
            ("Time", took?.human),
            ("Halted", report.haltReason?.description.visible),
            ("Waits", report.gate.map { "after wave \($0.wave)\($0.waitingFor.map { ": \($0)" } ?? "")".visible }),
            ("Looked at", report.lookedAt?.human),
            ("Generated", now.human),
        ]
        let edited = report.editedMigrations.map { ("Edited since it was applied", Optional($0.text)) }
        let setbacks = report.setbackTexts.map { ("Behind what is known", Optional($0)) }
        let remembered = report.rememberedTexts(at: now).map { ("Version not read now", Optional($0)) }
        return (facts + edited + setbacks + remembered).compactMap { term, value in value.map { Fact(term: term, value: $0) } }
    }
}

extension FleetReport {
    /// How long the run took, or has taken so far; nil if unknown.
    fileprivate func took(_ state: RunState, at now: Date) -> Duration? {
        guard log.startedAt != nil, log.finishedAt != nil || state == .running else { return nil }
        return log.duration(at: now)
    }
}

extension Int {
    /// With a comma at each thousand: `10,000`.
    var grouped: String {
        let digits = Array(String(magnitude))
        var text = self < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text += "," }
            text.append(digit)
        }
        return text
    }
}
