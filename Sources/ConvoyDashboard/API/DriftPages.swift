import ConvoyReporting
import ConvoyText
internal import FoundationEssentials

/// What the template of the page `/drift` shows, found there by the names of the properties. Every text is visible and not yet escaped.
struct DriftOverview {
    let verdict: Verdict?
    let facts: [Fact]
    /// What the state is, for a reader; nil if there is nothing to say.
    let stateText: String?
    let isBad: Bool
    let mayCompare: Bool
    let isRunning: Bool
    let csrf: String
    let revision: String
    /// Markup.
    let content: String

    struct Verdict {
        var word: String
        var tone: String
        var glyph: String
        var text: String
    }

    struct Fact {
        var term: String
        var value: String
    }

    init(
        state: InquiryState<DriftFindings>,
        findings: DriftFindings?,
        revision: String,
        every interval: Duration?,
        mayCompare: Bool,
        csrf: String
    ) {
        let report = findings?.report
        verdict = report.map {
            Verdict(word: $0.word, tone: $0.isWell ? "good" : "notable", glyph: $0.isWell ? "✓" : "◦", text: $0.verdict)
        }
        let facts: [(String, String?)] = [
            ("Compared", report?.generatedAt.human),
            ("Comparisons", interval.map { "every \($0.human)" }),
        ]
        self.facts = facts.compactMap { term, value in value.map { Fact(term: term, value: $0) } }
        (stateText, isBad, isRunning) =
            switch state {
            case .never: ("No comparison yet: it asks each database one question, and writes nothing.", false, false)
            case .running(let since): ("Comparing since \(since.human). Reload this page to see the result.", false, true)
            case .done(_, let findings) where findings.problems.isEmpty: (nil, false, false)
            case .done(_, let findings): (findings.problems.map(\.visible).joined(separator: "; "), true, false)
            case .failed(let at, let message): ("The comparison of \(at.human) failed: \(message.visible)", true, false)
            }
        self.mayCompare = mayCompare
        self.csrf = csrf
        self.revision = revision
        content = report.map { $0.cohortTable(.pages(\.path)) + $0.unreadSection } ?? ""
    }
}

/// What the template of the page of a cohort shows.
struct DriftCohortPage {
    struct Member {
        /// Before the name.
        var separator: String
        var name: String
        var path: String
    }

    let name: String
    let verdict: DriftOverview.Verdict
    let facts: [DriftOverview.Fact]
    let instances: [Member]
    /// How many instances are left out.
    let rest: String?
    let revision: String
    /// Markup.
    let content: String

    /// More would not be read; the JSON has all.
    private static let limit = 500

    init(_ cohort: DriftReport.Cohort, of report: DriftReport, revision: String) {
        name = cohort.name.visible
        let isWell = !cohort.isDrifted && cohort.problem == nil
        verdict = DriftOverview.Verdict(
            word: cohort.problem != nil ? "not compared" : isWell ? "no drift" : "drift",
            tone: cohort.problem != nil ? "bad" : isWell ? "good" : "notable",
            glyph: cohort.problem != nil ? "✗" : isWell ? "✓" : "◦",
            text: "\(counted(cohort.instances.count, "instance")), \(counted(cohort.count, "difference"))"
        )
        facts = [DriftOverview.Fact(term: "Compared", value: report.generatedAt.human)]
        instances = cohort.instances.prefix(Self.limit).enumerated().map { index, name in
            Member(separator: index == 0 ? "" : ", ", name: name.visible, path: "/instances/" + name.percentEncoded)
        }
        let left = cohort.instances.count - instances.count
        rest = left > 0 ? "And \(left) more: /api/v1/drift names them all." : nil
        self.revision = revision
        content = DriftReport.differenceSection(of: cohort)
    }
}
