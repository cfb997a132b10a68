import ConvoyFleet
import ConvoyJournal
import ConvoyKit
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

/// The command line and the dashboard send requests through ``RunRequests``: what it accepts, both accept.
@Suite struct RunRequestsTests {
    private static let moment = Date(timeIntervalSince1970: 1_786_179_600)

    private static let started: [Event.Kind] = [
        .runStarted(
            run: "r",
            fleet: "eu",
            waves: [PlannedWave(name: "canary", instances: ["a"]), PlannedWave(name: "rest", instances: ["b"])]
        )
    ]

    /// The states of a run, as its events show them, and the wave whose gate can be approved.
    static let states: [(name: String, events: [Event.Kind], wave: String?)] = [
        ("nothing happened", [], nil),
        ("a wave is in progress", [.waveStarted(wave: "canary")], nil),
        ("the gate is open", [.gateOpened(wave: "canary")], "canary"),
        ("the gate waits", [.gateOpened(wave: "canary"), .gateWaiting(wave: "canary", reason: "an approval")], "canary"),
        ("the gate is approved and soaks", [.gateOpened(wave: "canary"), .approved(wave: "canary", by: "ann")], "canary"),
        ("the gate passed", [.gateOpened(wave: "canary"), .gatePassed(wave: "canary")], nil),
        ("the gate failed", [.gateOpened(wave: "canary"), .gateFailed(wave: "canary", reason: "check a")], nil),
        ("a stop was requested", [.gateOpened(wave: "canary"), .stopRequested], nil),
        ("a cancel was requested", [.gateOpened(wave: "canary"), .stopRequested, .cancelRequested], nil),
        ("the fleet was halted", [.gateOpened(wave: "canary"), .halted(.nothingReached(wave: "canary"))], nil),
        ("another process resumed the run", [.gateOpened(wave: "canary"), .runResumed(by: "ann")], nil),
        (
            "the gate opened again after that",
            [.gateOpened(wave: "canary"), .runResumed(by: "ann"), .gateOpened(wave: "canary")], "canary"
        ),
        ("a server is paused meanwhile", [.gateOpened(wave: "canary"), .serverPaused(server: "s", by: "ann")], "canary"),
        ("the maintenance window closed", [.gateOpened(wave: "canary"), .windowClosed(until: moment)], "canary"),
        ("the run ended", [.gateOpened(wave: "canary"), .runFinished(status: .interrupted)], nil),
    ]

    private func withRequests(
        _ events: [Event.Kind],
        approve: Bool = true,
        _ body: (RunRequests) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            let journal = try await SQLiteJournal.open(path: "\(folder)/journal.sqlite")
            func members(_ names: String) -> [RunPlan.PlannedInstance] { instances(names).map(RunPlan.PlannedInstance.init) }
            let plan = RunPlan(
                fleet: "eu",
                generatedAt: Self.moment,
                change: .up(to: nil),
                waves: [
                    RunPlan.Wave(name: "canary", instances: members("a@eu-1"), gate: RunPlan.GateTerms(Gate(approve: approve))),
                    RunPlan.Wave(name: "rest", instances: members("b@eu-2")),
                ]
            )
            let run = RunID("20260808T090000Z-ab12cd")
            let record = RunRecord(
                id: run,
                fleet: "eu",
                fleetFile: "fleet.yaml",
                change: .up(to: nil),
                instances: 2,
                startedAt: Self.moment,
                startedBy: "ann"
            )
            try await journal.begin(record, plan: try plan.data())
            try await journal.append((Self.started + events).map { Event(at: Self.moment, $0) }, to: run)
            try await body(RunRequests(of: run, in: journal))
        }
    }

    @Test(arguments: states) func anApprovalIsAcceptedWhileTheGateIsOpen(_ name: String, _ events: [Event.Kind], _ wave: String?)
        async throws
    {
        try await withRequests(events) { requests in
            if let wave {
                let approval = try await requests.approval()
                #expect(approval == .approve(wave: wave))
            } else {
                await #expect(throws: RunRequestError.noOpenGate) { try await requests.approval() }
            }
        }
    }

    /// The report decides which button the dashboard shows: it must be the one that works.
    @Test(arguments: states) func theReportShowsTheSameGate(_ name: String, _ events: [Event.Kind], _ wave: String?) {
        var report = FleetReport()
        for kind in Self.started + events { report.apply(Event(at: Self.moment, kind)) }
        #expect(report.gate?.wave == wave)
    }

    @Test func aGateWithoutApprovalIsNotApproved() async throws {
        try await withRequests([.gateOpened(wave: "canary")], approve: false) { requests in
            await #expect(throws: RunRequestError.approvalNotRequired(wave: "canary")) { try await requests.approval() }
        }
    }

    /// A second request cancels what is in progress: who is asked whether instances may finish must not send it.
    @Test(arguments: states) func aFirstStopIsNotTheSecond(_ name: String, _ events: [Event.Kind], _ wave: String?) async throws {
        try await withRequests(events) { requests in
            if events.contains(where: { if case .stopRequested = $0 { true } else { false } }) {
                await #expect(throws: RunRequestError.alreadyStopping) { try await requests.postFirstStop(by: "bob") }
                return
            }
            try await requests.postFirstStop(by: "bob")
            // The run has not seen this one yet.
            await #expect(throws: RunRequestError.alreadyStopping) { try await requests.postFirstStop(by: "ann") }
        }
    }

    @Test func onlyAServerOfTheRunIsPaused() async throws {
        try await withRequests([]) { requests in
            let requested = [try await requests.pause("eu-2"), try await requests.unpause("eu-1")]
            #expect(requested == [.pause(server: "eu-2"), .unpause(server: "eu-1")])
            for server in ["eu-3", "", "EU-1"] {
                await #expect(throws: RunRequestError.unknownServer(server, known: ["eu-1", "eu-2"])) { try await requests.pause(server) }
                await #expect(throws: RunRequestError.unknownServer(server, known: ["eu-1", "eu-2"])) { try await requests.unpause(server) }
            }
        }
    }
}
