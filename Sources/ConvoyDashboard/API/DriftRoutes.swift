import ConvoyReporting
internal import ConvoyRollout
import ConvoyRun
import ConvoyText
internal import FoundationEssentials
internal import HTTPTypes
internal import Hummingbird

/// Drift: the cohorts of the last comparison and what differs in each, as pages that need no JavaScript and as JSON. A view asks no database.
struct DriftRoutes: Sendable {
    var view: FleetView
    var pages: Pages

    var routes: [Route] {
        [
            Route(.get, "/drift", .reader, for: .people) { _, context in await cohorts(context) },
            Route(.post, "/drift", .change(.operator), for: .people) { _, _ in
                await view.drift.ask(at: Date())
                return .redirect(to: "/drift")
            },
            Route(.get, "/drift/{version}/{fingerprint}", .reader, for: .people) { _, context in try await cohort(context) },
            Route(.get, "/api/v1/drift") { _, _ in
                guard let report = await view.drift.findings?.1.report else {
                    throw HTTPProblem(.notFound, "no comparison yet: POST /api/v1/drift starts one")
                }
                return .json(report.json)
            },
            Route(.post, "/api/v1/drift", .change(.operator)) { _, _ in
                await view.drift.ask(at: Date())
                return .json(await view.drift.json, status: .accepted)
            },
            Route(.get, "/api/v1/drift/state") { _, _ in .json(await view.drift.json) },
        ]
    }

    // MARK: Pages

    private func cohorts(_ context: DashboardContext) async -> Response {
        let findings = await view.drift.findings?.1
        let page = DriftOverview(
            state: await view.drift.state,
            findings: findings,
            revision: await view.drift.revision,
            every: view.drift.schedule?.interval,
            mayCompare: context.reader.may(.operator),
            csrf: pages.csrfToken(of: context.reader)
        )
        return pages.page("drift", title: "Drift", Self.overview.render(page), for: context.reader)
    }

    private func cohort(_ context: DashboardContext) async throws -> Response {
        let name = try "\(context.parameter("version")) \(context.parameter("fingerprint"))"
        guard let report = await view.drift.findings?.1.report, let cohort = report.cohort(named: name) else {
            throw HTTPProblem(.notFound, "the last comparison has no cohort with this name; the page /drift lists the cohorts")
        }
        let page = DriftCohortPage(cohort, of: report, revision: await view.drift.revision)
        return pages.page("cohort", title: "Cohort \(cohort.name.visible)", Self.cohortPage.render(page), for: context.reader)
    }

    private static let overview = WebTemplate(PackageResources.drift_mustache)
    private static let cohortPage = WebTemplate(PackageResources.cohort_mustache)

    /// Whether every template can be read.
    static var areValid: Bool { [overview, cohortPage].allSatisfy(\.isValid) }
}

extension DriftReport.Cohort {
    /// The address of the cohort's page.
    var path: String { Self.path(of: name) }

    /// The address of the page of a cohort by its name: the version, and the fingerprint.
    static func path(of name: String) -> String {
        "/drift/" + name.split(separator: " ").map { String($0).percentEncoded }.joined(separator: "/")
    }
}

extension FleetInquiry<DriftFindings> {
    /// What the pages show changes with it.
    var revision: String {
        let failedAt: Date? = if case .failed(let at, _) = state { at } else { nil }
        return "\(findings?.at.rfc3339 ?? "")/\(failedAt?.rfc3339 ?? "")"
    }

    /// The state for programs, with the numbers of the last comparison.
    var json: JSONValue {
        let report = findings?.1.report
        let summary: JSONValue? = report.map {
            [
                "instances": .integer($0.instances), "cohorts": .integer($0.cohorts.count), "drifted": .integer($0.drifted),
                "unread": .integer($0.unread.count),
            ]
        }
        return
            stateJSON
            .inserting("revision", .string(revision), behind: "last_done_at")
            .inserting("summary", summary ?? .null, behind: "revision")
    }
}
