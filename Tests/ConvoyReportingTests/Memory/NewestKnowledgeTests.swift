import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import ConvoyText
import FoundationEssentials
import Testing

@testable import ConvoyReporting

/// The newest knowledge of an instance wins, whatever it came from: this run, another one, or a look.
struct NewestKnowledgeTests {
    private static let middle = MigrationVersion(20_260_807_120_000)

    /// What is known of alice, and when it was learnt.
    enum Source: String, CaseIterable, Sendable {
        case run, other, look
    }

    @Test(arguments: [
        [Source.run, .other, .look], [.run, .look, .other], [.other, .run, .look], [.other, .look, .run], [.look, .run, .other],
        [.look, .other, .run],
    ])
    func wins(_ order: [Source]) {
        let versions: [Source: MigrationVersion] = [.run: older, .other: Self.middle, .look: newest]
        var report = FleetReport()
        report.apply(Event(at: moment(), .runStarted(run: "r", fleet: "f", waves: [PlannedWave(name: "all", instances: ["alice"])])))
        // It is told in any order.
        for source in Source.allCases.reversed() {
            guard let version = versions[source], let place = order.firstIndex(of: source) else { continue }
            let at = moment(Double(place + 1) * 10)
            let result = InstanceResult(outcome: .migrated, from: nil, to: version)
            switch source {
            case .run: report.apply(Event(at: at, .instanceFinished(instance: "alice", result: result)))
            case .other: report.apply(elsewhere: Event(at: at, .instanceFinished(instance: "alice", result: result)), run: "other")
            case .look:
                let status = InstanceStatus(
                    name: "alice",
                    server: "s",
                    database: "d",
                    labels: [:],
                    outcome: .upToDate,
                    version: version,
                    serverVersion: "17.2"
                )
                report.apply(status, at: at)
            }
        }
        let alice = report.instance("alice")
        #expect(alice?.version == order.last.flatMap { versions[$0] })
        #expect(alice?.knownAt == moment(30))
        #expect(alice?.reportJSON.line.contains("\"known_at\":\"2026-08-08T09:00:30.000Z\"") == true)
    }

    @Test func aRunThatDidNotGetThereLeavesItPendingAtTheVersionThatIsKnown() {
        var report = FleetReport()
        report.apply(Event(at: moment(20), .runStarted(run: "r", fleet: "f", waves: [PlannedWave(name: "all", instances: ["alice"])])))
        let status = InstanceStatus(
            name: "alice",
            server: "s",
            database: "d",
            labels: [:],
            outcome: .pending,
            version: older,
            serverVersion: "17.2"
        )
        report.apply(status, at: moment())
        report.apply(
            elsewhere: Event(at: moment(10), .instanceFinished(instance: "alice", result: InstanceResult(outcome: .migrated, to: newest))),
            run: "other"
        )
        report.apply(Event(at: moment(30), .runFinished(status: .halted)))
        #expect(report.instance("alice")?.version == newest)
        #expect(report.instance("alice")?.outcome == .pending)
    }

    @Test func anEndingThatLearntNothingIsNoKnowledge() {
        var report = report(troubledRun)
        let lost = InstanceResult(outcome: .unreachable, failure: busy)
        report.apply(elsewhere: Event(at: moment(100), .instanceFinished(instance: "alice", result: lost)), run: "other")
        #expect(report.instance("alice")?.version == newest)
        #expect(report.instance("alice")?.outcome == .migrated)
    }

    @Test func whereARunDidNotGetToItsPlanSaysWhereTheyStood() {
        var report = report(troubledRun)
        let starts = [
            "dave": InstanceStart(version: older, pending: [newest]), "alice": InstanceStart(version: nil, pending: []),
        ]
        report.apply(starts: starts, at: moment())
        #expect(report.instance("dave")?.version == older)
        #expect(report.instance("dave")?.due == [newest])
        #expect(report.instance("alice")?.version == newest)
        #expect(report.summary.withUnknownVersion == 1)
    }

    @Test func whatARunWaitsForIsSaid() {
        var report = report(troubledRun.prefix(13))
        #expect(report.waits == ["carol waits: pid 4711 (psql) holds the lock"])
        report.apply(Event(at: moment(1), .serverPaused(server: "eu-1", by: "ann@host")))
        report.apply(Event(at: moment(1), .windowClosed(until: moment(3600))))
        report.apply(Event(at: moment(1), .gateOpened(wave: "canary")))
        report.apply(Event(at: moment(1), .gateWaiting(wave: "canary", reason: "its soak of 10 min")))
        #expect(
            report.waits == [
                "the gate of wave canary is waiting for its soak of 10 min",
                "no new instances start before the maintenance window opens, 2026-08-08 10:00:00Z", "server eu-1 is paused",
                "carol waits: pid 4711 (psql) holds the lock",
            ]
        )
        report.apply(Event(at: moment(2), .runFinished(status: .interrupted)))
        #expect(report.waits.isEmpty)
    }

    @Test func anEditedMigrationIsOneEntryInEveryFormat() {
        let statuses = (0..<38).map { index in
            var status = InstanceStatus(
                name: "i\(index)",
                server: "s",
                database: "d",
                labels: [:],
                outcome: .upToDate,
                version: newest,
                serverVersion: "17.2",
                warnings: ["version \(older) was edited"]
            )
            status.edited = [older]
            return status
        }
        let report = FleetReport(fleet: "f", target: newest, statuses: statuses, at: moment())
        #expect(report.editedMigrations.map(\.version) == [older])
        #expect(report.editedMigrations.map(\.instances.count) == [38])
        for format in ReportFormat.allCases {
            for subject in [ReportDocument.Subject.status, .report] {
                let text = ReportDocument(report, as: subject).text(format, at: moment())
                #expect(text.contains(older.description), "\(format)")
            }
        }
        #expect(report.statusJSON.text.contains("\"count\": 38"))
        let warnings = WarningGroup.groups(of: statuses)
        #expect(warnings.map(\.line) == ["warning: version \(older) was edited: 38 instances: i0, i1, i2, i3, i4 and 33 more"])
    }
}
