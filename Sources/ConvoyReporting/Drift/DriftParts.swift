import ConvoyRun
import ConvoyText

/// Parts of a page, as markup: what `convoy drift --output html`, the report and the dashboard show of cohorts. All texts in it are escaped.
extension DriftReport {
    /// Where the name of a cohort leads.
    package enum Links: Sendable {
        /// To the section of the same page that shows what differs.
        case sections
        /// To a page of its own, at that address.
        case pages(@Sendable (Cohort) -> String)
    }

    /// The table of cohorts.
    package func cohortTable(_ links: Links) -> String { Self.cohortTemplate.render(CohortTable(self, links)) }

    /// What differs in the cohorts that drifted, side by side, a section each.
    package var differenceSections: String { Self.differenceTemplate.render(DifferenceSections(self)) }

    /// What differs in one cohort, without its name and its instances; nothing if there is nothing to show.
    package static func differenceSection(of cohort: Cohort) -> String { differenceTemplate.render(DifferenceSections(of: cohort)) }

    /// The instances that could not be read, and why; empty if all were read.
    package var unreadSection: String { unread.isEmpty ? "" : Self.unreadTemplate.render(UnreadSection(unread)) }

    static let cohortTemplate = WebTemplate(PackageResources.cohorts_mustache)
    static let differenceTemplate = WebTemplate(PackageResources.differences_mustache)
    static let unreadTemplate = WebTemplate(PackageResources.unread_mustache)
}

/// The table of cohorts: versions with one schema, and how many instances have it.
struct CohortTable {
    struct Row {
        var name: String
        /// An address; nil if there is nothing more to show.
        var link: String?
        var count: String
        /// Whether it drifted; nil where nothing was compared.
        var badge: ReportPage.Badge?
        var names: String
    }

    var caption: String
    var hasDrift: Bool
    var cohorts: [Row]
    /// How many cohorts are left out.
    var rest: String?

    /// More would not be read.
    private static let limit = 500
    private static let nameLimit = 50

    init(_ report: DriftReport, _ links: DriftReport.Links) {
        caption = "Versions with one schema; those that drifted first"
        hasDrift = true
        cohorts = report.cohorts.prefix(Self.limit).enumerated().map { index, cohort in
            let link: String? =
                switch links {
                case .sections: DifferenceSections.isShown(cohort, at: index) ? "#" + DifferenceSections.anchor(index) : nil
                case .pages(let address): address(cohort)
                }
            return Row(
                name: cohort.name.visible,
                link: link,
                count: cohort.instances.count.grouped,
                badge: cohort.badge,
                names: listed(cohort.instances, limit: Self.nameLimit)
            )
        }
        rest = Self.rest(report.cohorts.count)
    }

    /// - Parameter members: the instances of each cohort.
    init(_ members: [String: [String]]) {
        caption = "Instances with one version and one schema, the largest cohort first"
        hasDrift = false
        let sorted = members.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
        cohorts = sorted.prefix(Self.limit).map { name, instances in
            Row(name: name.visible, count: instances.count.grouped, names: listed(instances, limit: Self.nameLimit))
        }
        rest = Self.rest(members.count)
    }

    private static func rest(_ count: Int) -> String? { count > limit ? "And \((count - limit).grouped) more." : nil }
}

/// What differs in cohorts, a section each.
struct DifferenceSections {
    struct Section {
        var anchor: String
        var heading: String
        /// The instances; nil if the page has them elsewhere.
        var names: String?
        var problem: String?
        var hasDifferences: Bool
        var differences: [Difference]
        /// How many differences are left out.
        var rest: String?
    }

    struct Difference {
        var kind: String
        var object: String
        var change: String
        var expected: ChangedText?
        var found: ChangedText?
        /// A query that shows the object.
        var sql: String?
    }

    var drifted: [Section]

    /// A page with more would be of no use in a browser; the JSON has all.
    private static let sectionLimit = 100
    private static let differenceLimit = 500
    private static let nameLimit = 50

    init(_ report: DriftReport) {
        drifted = report.cohorts.prefix(Self.sectionLimit).enumerated().compactMap { index, cohort in
            guard Self.isShown(cohort, at: index) else { return nil }
            var section = Self.section(cohort, anchor: Self.anchor(index), heading: cohort.name.visible)
            section.names = listed(cohort.instances, limit: Self.nameLimit)
            return section
        }
    }

    init(of cohort: DriftReport.Cohort) {
        drifted = cohort.isDrifted || cohort.problem != nil ? [Self.section(cohort, anchor: "differences", heading: "Differences")] : []
    }

    /// The id of a cohort's section.
    static func anchor(_ index: Int) -> String { "cohort-\(index + 1)" }

    static func isShown(_ cohort: DriftReport.Cohort, at index: Int) -> Bool {
        index < sectionLimit && (cohort.isDrifted || cohort.problem != nil)
    }

    private static func section(_ cohort: DriftReport.Cohort, anchor: String, heading: String) -> Section {
        let shown = cohort.differences.prefix(differenceLimit)
        let rest = cohort.count - shown.count
        return Section(
            anchor: anchor,
            heading: heading,
            problem: cohort.problem?.visible,
            hasDifferences: !shown.isEmpty,
            differences: shown.map(difference),
            rest: rest > 0
                ? "And \(rest.grouped) more: `convoy drift --output json` has \(cohort.leftOut == 0 ? "them all" : "the first \(cohort.differences.count.grouped)")."
                : nil
        )
    }

    private static func difference(_ difference: DriftReport.Difference) -> Difference {
        let (expected, found) = ChangedText.pair(difference.expected.map(visibleLines), difference.found.map(visibleLines))
        return Difference(
            kind: difference.kind,
            object: difference.object.visible,
            change: difference.change,
            expected: expected,
            found: found,
            sql: difference.sql?.visible
        )
    }
}

/// The instances that could not be read.
struct UnreadSection {
    var unread: [ReportPage.Fact]
    /// How many are left out.
    var rest: String?

    private static let limit = 200

    init(_ instances: [DriftReport.Unread]) {
        unread = instances.prefix(Self.limit).map {
            let hint = $0.failure.hint.map { "; hint: \($0.visible)" } ?? ""
            return ReportPage.Fact(term: $0.instance.visible, value: "\($0.failure.kind.rawValue): \($0.failure.message.visible)\(hint)")
        }
        rest = instances.count > Self.limit ? "And \((instances.count - Self.limit).grouped) more." : nil
    }
}

extension DriftReport.Cohort {
    var badge: ReportPage.Badge {
        if problem != nil { return ReportPage.Badge("not compared", .bad) }
        return isDrifted ? ReportPage.Badge(counted(count, "difference"), .notable) : ReportPage.Badge("none", .good)
    }
}

extension DriftReport {
    /// Whether all instances were compared, and none drifted.
    package var isWell: Bool { drifted == 0 && unread.isEmpty && instances > 0 && incomparable == 0 }

    /// What it comes to, in a word or two.
    package var word: String { drifted > 0 ? "drift" : isWell ? "no drift" : "incomplete" }

    var badge: ReportPage.Badge { ReportPage.Badge(word, isWell ? .good : .notable) }
}

/// Visible, with its line breaks kept: the definition of a view has lines.
private func visibleLines(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { String($0).visible }.joined(separator: "\n")
}
