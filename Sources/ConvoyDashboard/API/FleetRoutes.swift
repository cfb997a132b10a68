internal import ConvoyFleet
import ConvoyJournal
import ConvoyKit
internal import ConvoyMigrations
import ConvoyReporting
internal import ConvoyRollout
import ConvoyRun
import ConvoyText
internal import FoundationEssentials
internal import Hummingbird

/// The fleet for programs, and for the pages that show it: `/api/v1/fleet`, `/instances`, `/failures`, `/probe`, and the metrics.
struct FleetRoutes: Sendable {
    var view: FleetView

    var routes: [Route] {
        [
            Route(.get, "/api/v1/fleet") { _, context in .json(try await fleet(for: context.reader)) },
            Route(.get, "/api/v1/instances") { request, _ in .json(try await instances(request)) },
            Route(.get, "/api/v1/instances/{instance}") { _, context in .json(try await instance(try context.parameter("instance"))) },
            Route(.get, "/api/v1/failures") { _, _ in
                .json(["failures": .array(try await view.snapshot().report.failureGroups.map(\.json))])
            },
            Route(.get, "/api/v1/probe") { _, _ in .json(await view.probing.stateJSON) },
            Route(.post, "/api/v1/probe", .change(.operator)) { _, _ in
                await view.probing.ask(at: Date())
                return .json(await view.probing.stateJSON, status: .accepted)
            },
            Route(.get, "/metrics") { _, _ in try await metrics() },
            Route(.get, "/healthz", .open) { _, _ in await health() },
        ]
    }

    private func fleet(for reader: AccessControl.Reader) async throws -> JSONValue {
        let snapshot = try await view.snapshot()
        let report = snapshot.report
        // Each use of the report's instances puts them together anew.
        let instances = report.instances
        let cohorts = Dictionary(grouping: instances.compactMap(\.cohort)) { $0 }.map { ($0.key, $0.value.count) }
        let compared = Set((await view.drift.findings)?.1.report.cohorts.map(\.name) ?? [])
        let json: JSONValue = [
            "fleet": .string(view.fleet.name),
            "target": .optional(report.target?.description),
            "generated_at": .string(Date().rfc3339),
            "looked_at": .optional(report.lookedAt?.rfc3339),
            "revision": .string(snapshot.revision),
            "last_event": .integer(Int(clamping: snapshot.progress.lastEvent)),
            "summary": FleetSummary(instances).json,
            "cohorts": .array(
                cohorts.sorted { ($1.1, $0.0) < ($0.1, $1.0) }.map { name, count in
                    [
                        "cohort": .string(name), "instances": .integer(count),
                        "path": .optional(compared.contains(name) ? DriftReport.Cohort.path(of: name) : nil),
                    ]
                }
            ),
            "run": snapshot.run.map { .string($0.record.id.description) } ?? .null,
            "run_status": .optional(snapshot.state?.text),
            "probe": await view.probing.stateJSON,
            "drift": await view.drift.json,
            "actions": .strings(reader.may(.operator) ? ["probe"] : []),
        ]
        return json.namingTarget(report.target, in: report.releases)
    }

    private func instances(_ request: Request) async throws -> JSONValue {
        let number = try request.number("changed_after")
        let snapshot = try await view.snapshot()
        var changed: Set<String>?
        // Other changes since then are not recorded by instance.
        if let number, let run = snapshot.run, request.query("revision") == snapshot.revision {
            changed = await run.instances(changedAfter: RunProgress(edition: snapshot.progress.edition, lastEvent: number))
        }
        return try Self.instances(
            of: snapshot.report,
            changed,
            revision: snapshot.revision,
            lastEvent: snapshot.progress.lastEvent,
            for: request
        )
    }

    /// Instances as objects of `convoy.report/1`; with `?as=columns` in the form in which browser pages take many.
    ///
    /// - Parameter changed: the only ones that are wanted; nil means all.
    static func instances(
        of report: FleetReport,
        _ changed: Set<String>?,
        revision: String,
        lastEvent: Int64,
        for request: Request
    ) throws(HTTPProblem) -> JSONValue {
        let wanted = changed.map(report.instances(named:)) ?? report.instances
        let instances: (String, JSONValue) =
            switch request.query("as") {
            case nil, "objects": ("instances", .array(wanted.map(\.reportJSON)))
            case "columns": ("columns", FleetColumns(wanted, epoch: report.startedAt ?? Date(timeIntervalSince1970: 0)).json)
            default: throw HTTPProblem(.badRequest, "“as” must be objects or columns")
            }
        return .object(
            .init([
                ("revision", .string(revision)), ("last_event", .integer(Int(clamping: lastEvent))), ("complete", .bool(changed == nil)),
                instances,
            ])
        )
    }

    private func instance(_ name: String) async throws -> JSONValue {
        let snapshot = try await view.snapshot()
        let endings = try await view.reader.journal()?.endings(of: name, fleet: view.fleet.name) ?? []
        let instance = snapshot.report.instance(name)
        guard instance != nil || !endings.isEmpty else { throw HTTPProblem(.notFound, "unknown instance") }
        return [
            "instance": instance?.reportJSON ?? .null,
            "looked_at": .optional(instance?.probe?.at.rfc3339),
            "drift": await view.drift.findings?.1.report.json(on: name) ?? .null,
            "run": snapshot.run.map { .string($0.record.id.description) } ?? .null,
            "history": .array(endings.compactMap(Self.ending)),
        ]
    }

    /// How an instance ended in a run.
    private static func ending(_ run: RunRecord, _ event: RecordedEvent) -> JSONValue? {
        switch event.event?.kind {
        case .instanceFinished(_, let result), .rollbackFinished(_, let result):
            [
                "run": .string(run.id.description),
                "direction": .string(run.change.direction.rawValue),
                "finished_at": .optional(event.event?.at.rfc3339),
                "outcome": .string(result.outcome.rawValue),
                "from": .optional(result.from?.description),
                "to": .optional(result.to?.description),
                "applied": .array(result.applied.map(\.json)),
                "failure": result.failure?.json ?? .null,
            ]
        default: nil
        }
    }

    private func metrics() async throws -> Response {
        let snapshot = try await view.snapshot()
        let probing = view.probing
        let hasFailed = if case .failed = await probing.state { true } else { false }
        let probes = ProbeMetrics(interval: probing.schedule?.interval, endedAt: await probing.findings?.at, hasFailed: hasFailed)
        let hasDriftFailed = if case .failed = await view.drift.state { true } else { false }
        let drift = DriftMetrics(
            interval: view.drift.schedule?.interval,
            report: await view.drift.findings?.1.report,
            hasFailed: hasDriftFailed
        )
        let totals = try await view.counters.totals()
        return .text(
            snapshot.report.openMetrics(state: snapshot.state, probes: probes, drift: drift, totals: totals, at: Date()),
            type: FleetReport.openMetricsMediaType
        )
    }

    /// It reveals only whether the journal can be read: every client may ask.
    private func health() async -> Response {
        do {
            try await view.reader.check()
            return .text("ok\n", type: "text/plain; charset=utf-8")
        } catch {
            return .text("the journal cannot be read\n", type: "text/plain; charset=utf-8", status: .serviceUnavailable)
        }
    }
}

extension DriftReport {
    /// What the comparison found of an instance; nil if it did not ask that instance.
    fileprivate func json(on instance: String) -> JSONValue? {
        let cohort = cohort(of: instance)
        let failure = cohort == nil ? unread.first { ExactText($0.instance) == ExactText(instance) }?.failure : nil
        guard cohort != nil || failure != nil else { return nil }
        return [
            "compared_at": .string(generatedAt.rfc3339),
            "cohort": .optional(cohort?.name),
            "path": .optional(cohort?.path),
            "differences": .integer(cohort?.count ?? 0),
            "problem": .optional(cohort?.problem ?? failure?.message),
        ]
    }
}
