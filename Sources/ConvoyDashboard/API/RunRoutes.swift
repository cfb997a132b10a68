internal import ConvoyFleet
import ConvoyJournal
import ConvoyKit
internal import ConvoyMigrations
internal import ConvoyReporting
internal import ConvoyRollout
import ConvoyRun
import ConvoyText
internal import FoundationEssentials
internal import HTTPTypes
internal import Hummingbird

/// Runs for programs, and for the pages that show them: `/api/v1/runs` and what is below it.
struct RunRoutes: Sendable {
    var view: FleetView
    var followers: FollowerCount
    var doors: Doors
    var access: AccessControl
    /// Nil if the dashboard may only show runs.
    var control: RunControl?

    private static let runsAtOnce: Int64 = 50
    private static let mostRuns: Int64 = 500
    private static let mostEvents: Int64 = 1000

    private typealias Found = FleetView.Found

    var routes: [Route] {
        [
            Route(.get, "/api/v1/runs") { request, _ in
                let limit = min(Self.mostRuns, max(1, try request.number("limit") ?? Self.runsAtOnce))
                return .json(try await view.runs(limit: Int(clamping: limit), at: Date()).json)
            },
            Route(.get, "/api/v1/runs/{run}") { _, context in .json(await run(try await find(context), for: context.reader)) },
            of("/report") { found, _ in .json(view.located(await found.follower.report, found).reportJSON(state: found.state, at: Date()))
            },
            of("/instances") { found, request in
                // At once: otherwise a refresh in between would bring events that no client gets.
                let known = found.record.id.progress(
                    after: try request.number("changed_after"),
                    revision: request.query("revision")
                )
                let (report, progress, changed) = await found.follower.current(changedAfter: known)
                return .json(
                    try FleetRoutes.instances(
                        of: view.located(report, found),
                        changed,
                        revision: found.record.id.revision(progress.edition),
                        lastEvent: progress.lastEvent,
                        for: request
                    )
                )
            },
            Route(.get, "/api/v1/runs/{run}/instances/{instance}") { _, context in
                .json(try await visit(try await find(context), try context.parameter("instance")))
            },
            of("/failures") { found, _ in .json(["failures": .array(await found.follower.report.failureGroups.map(\.json))]) },
            of("/migrations") { found, _ in .json(["migrations": .array(await found.follower.report.migrationDurations.map(\.json))]) },
            Route(.get, "/api/v1/runs/{run}/events") { request, context in
                try await events(try await find(context), request, context)
            },
        ] + (control.map { control in RunControl.Action.allCases.map { act($0, control) } } ?? [])
    }

    private func of(_ part: String, _ answer: @escaping @Sendable (Found, Request) async throws -> Response) -> Route {
        Route(.get, "/api/v1/runs/{run}" + part) { request, context in try await answer(try await find(context), request) }
    }

    private func find(_ context: DashboardContext) async throws -> Found {
        guard let found = try await view.run(try context.parameter("run")) else {
            throw HTTPProblem(.notFound, "unknown run")
        }
        return found
    }

    /// Who carries out a run that workers have; nil for every other run.
    private func staff(_ found: Found) async throws(JournalError) -> RunStaff? {
        guard found.state == .running else { return nil }
        return try await found.follower.journal.staff(of: found.record.id)
    }

    private func run(_ found: Found, for reader: AccessControl.Reader) async -> JSONValue {
        let (report, progress) = await found.follower.current
        let finalReason = await found.follower.finalReason
        // A role that lacks a right of a newer version still sees the run.
        let staff = try? await staff(found)
        let standing = RunControl.Standing(state: found.state, report: report, finalReason: finalReason, staff: staff)
        let record = found.record
        let target = record.change.target
        let json: JSONValue = [
            "run": .string(record.id.description),
            "fleet": .string(record.fleet),
            "direction": .string(record.change.direction.rawValue),
            "target": .optional(target?.description),
            "status": .string(found.state.text),
            "started_at": .string(record.startedAt.rfc3339),
            "finished_at": .optional(record.finishedAt?.rfc3339),
            "started_by": .string(record.startedBy),
            "generated_at": .string(Date().rfc3339),
            "last_event": .integer(Int(clamping: progress.lastEvent)),
            "halt_reason": .optional(report.haltReason?.description),
            "worker_shortage": .optional(standing.shortage),
            "stopping": .bool(report.isStopping),
            "gate": report.gate.map { ["wave": .string($0.wave), "waiting_for": .optional($0.waitingFor)] } ?? .null,
            "paused_servers": .strings(report.pausedServers.keys.sorted()),
            "paused_by": Self.people(report.pausedServers.map { ($0.key, $0.value) }),
            "approved_by": Self.people(report.waves.compactMap { wave in wave.approvedBy.map { (wave.name, $0) } }),
            "summary": report.summary.json,
            "waves": .array(report.waves.map(\.reportJSON)),
            "now": .bool(found.plan?.isImmediate ?? false),
            "cancelling": .bool(report.isCancelling),
            "actions": .strings((control?.actions(standing) ?? []).filter { reader.may($0.role) }.map(\.name)),
        ]
        let named = json.namingTarget(target, in: view.releases)
        guard let kind = record.change.correctionKind else { return named }
        return named.inserting("kind", .string(kind.rawValue), behind: "direction")
    }

    /// Who has done something to a wave or a server, by its name.
    private static func people(_ people: [(String, String)]) -> JSONValue {
        .object(.init(people.sorted { $0.0 < $1.0 }.map { ($0.0, .string($0.1)) }))
    }

    /// What the run does to one instance.
    private func visit(_ found: Found, _ name: String) async throws -> JSONValue {
        let (report, progress) = await found.follower.current
        guard let instance = view.located(report, found).instance(name), instance.wave != nil else {
            throw HTTPProblem(.notFound, "the run has no instance with that name")
        }
        let visit = try await view.visit(to: name, in: found)
        let document = VisitDocument(
            of: found.record,
            found.state,
            instance,
            await visit.report,
            holds: report.log.holds,
            plan: found.plan,
            set: view.set,
            usualDurations: try await view.usualDurations(found.record.change.direction)
        )
        let events = await visit.newest.compactMap { recorded -> JSONValue? in
            recorded.event.map { ["number": .integer(Int(clamping: recorded.number)), "event": $0.json] }
        }
        return document.json(at: Date())
            .inserting("last_event", .integer(Int(clamping: progress.lastEvent)), behind: "generated_at")
            .inserting("events", .array(events), behind: "warnings")
    }

    // MARK: Events

    /// The client whose share of the event streams a request takes: who holds the token, however often it logs in and from wherever. A token
    /// without a name is everybody's, and has the sessions and addresses of many.
    private static func client(of context: DashboardContext) -> String? {
        if let name = context.reader.holder?.name { return "name \(name)" }
        return switch context.reader {
        case .session(let session, _): "session \(session.id)"
        case .bearer: "address \(context.remoteAddress)"
        case .anybody: nil
        }
    }

    /// Server-sent events; a page of them as JSON where that is asked for.
    private func events(_ found: Found, _ request: Request, _ context: DashboardContext) async throws -> Response {
        var after = try request.number("after") ?? 0
        // What a browser sends when it connects again; it knows better than the address that the page began with.
        if let header = request.headers[.lastEventID] {
            guard let number = Int64(header), number >= 0 else {
                throw HTTPProblem(.badRequest, "Last-Event-ID is not an event number")
            }
            after = number
        }
        guard request.headers[.accept]?.contains("application/json") != true else {
            let limit = min(Self.mostEvents, max(1, try request.number("limit") ?? Self.mostEvents))
            let page = try await found.follower.events(after: after, limit: Int(clamping: limit))
            // The journal has them as JSON already.
            let events = page.filter { !$0.isDamaged }.map { "{\"number\":\($0.number),\"event\":\($0.json)}" }.joined(separator: ",")
            return .text("{\"last_event\":\(page.last?.number ?? after),\"events\":[\(events)]}\n", type: "application/json")
        }
        let follows = request.query("follow") != "false"
        // The one answer after which a browser does not connect again.
        if follows, await found.follower.isOver(after: after) { return Response(status: .noContent) }
        guard let place = followers.take(Self.client(of: context)) else {
            throw HTTPProblem(.serviceUnavailable, "too many event streams are open", headers: [.retryAfter: "10"])
        }
        // A stream asks for nothing more, and there are few of them.
        doors.prove(context.channel)
        let stream = EventStream(follower: found.follower, start: after, follows: follows) { [access, reader = context.reader] in
            access.isCurrent(reader, at: Date())
        }
        return stream.response(to: request, place: place)
    }

    // MARK: Actions

    private func act(_ action: RunControl.Action, _ control: RunControl) -> Route {
        Route(.post, "/api/v1/runs/{run}/\(action.name)", .change(action.role)) { request, context in
            let found = try await find(context)
            let advice = try await control.act(
                action,
                server: request.query("server"),
                by: context.reader.holder,
                on: found.record.id,
                RunControl.Standing(
                    state: found.state,
                    report: await found.follower.report,
                    finalReason: await found.follower.finalReason,
                    staff: try await staff(found)
                )
            )
            return .json(
                ["run": .string(found.record.id.description), "asked": .string(action.name), "advice": .optional(advice)],
                status: .accepted
            )
        }
    }
}
