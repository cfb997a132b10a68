import ConvoyFleet
import ConvoyMigrations
import ConvoyRun
import Foundation
import TestSupport
import Testing

@testable import ConvoyReporting
@testable import ConvoyText

/// The history of an instance and its facts, as tables and as JSON.
struct InstancePageTests {
    private let record = RunRecord(
        id: RunID("r-1"),
        fleet: "teslamate-eu",
        fleetFile: "fleet.yaml",
        change: .up(to: nil),
        instances: 4,
        startedAt: moment(),
        startedBy: "ann@host"
    )

    private func visit(_ state: RunState, _ kinds: [Event.Kind]) throws -> InstanceVisit {
        let events = kinds.enumerated().map { Event(at: moment(Double($0.offset)), $0.element) }
        return try #require(InstanceVisit(record, state, instance: "bob", events: events))
    }

    private var failed: InstanceVisit {
        get throws {
            let failure = Failure(.failed, "numeric field overflow", version: newest, sqlstate: "22003")
            return try visit(
                .ended(.failed),
                [
                    .instanceStarted(instance: "bob", wave: "rest"),
                    .instancePlanned(instance: "bob", from: older, pending: [newest]),
                    .instanceFinished(instance: "bob", result: InstanceResult(outcome: .failed, from: older, to: older, failure: failure)),
                ]
            )
        }
    }

    private func history(_ visits: [InstanceVisit], _ trail: AuditTrail?, isInFleet: Bool = true) -> InstanceHistory {
        InstanceHistory(
            fleet: "teslamate-eu",
            instance: "bob",
            isInFleet: isInFleet,
            journal: ".convoy/journal.sqlite",
            generatedAt: moment(60),
            visits: visits,
            hasOlderVisits: false,
            trail: trail,
            names: [:]
        )
    }

    private func problems(_ json: JSONValue, _ schema: String) throws -> [String] {
        try JSONSchema(named: schema).problems(in: try JSONSerialization.jsonObject(with: Data(json.text.utf8)))
    }

    @Test func aVisitIsFoldedFromTheEventsOfOneInstance() throws {
        let visit = try failed
        #expect((visit.outcome, visit.from, visit.to, visit.wave) == (.failed, older, older, "rest"))
        #expect(visit.duration == .seconds(2))
        #expect(InstanceVisit(record, .running, instance: "bob", events: []) == nil)
        let alive = try self.visit(.running, [.instanceStarted(instance: "bob", wave: "rest")])
        #expect(alive.outcome == nil && alive.duration == nil)
        #expect([alive].lines(OutputStyle())[1].contains("in progress"))
        let dead = try self.visit(.cutOff, [.instanceStarted(instance: "bob", wave: "rest")])
        #expect([dead].lines(OutputStyle())[1].contains("cut off"))
    }

    @Test func aHistoryFitsItsSchemaWhateverTheTenantWrote() throws {
        let entry = AuditEntry(
            version: MigrationVersion(-5),
            name: "\u{1B}[2Jname",
            direction: nil,
            run: "r\n1",
            startedAt: nil,
            duration: .longest,
            appliedBy: "bob",
            convoyVersion: "0.1",
            isOfThisDatabase: false
        )
        for trail in [nil, AuditTrail.missing, .unreadable("permission \u{1B} denied"), .entries([entry], leftOut: 3)] {
            let history = history([try failed], trail)
            #expect(try problems(history.json, "history") == [])
            #expect(!history.table(OutputStyle(width: 80)).contains("\u{1B}"))
        }
        let table = history([], .entries([entry], leftOut: 3)).table(OutputStyle())
        #expect(table.contains("-5 *") && table.contains("… 3 older rows left out: use --limit"), "\(table)")
        #expect(table.hasSuffix("bob of teslamate-eu: no run in .convoy/journal.sqlite; 4 rows in convoy.migration_log\n"))
        #expect(history([try failed], nil, isInFleet: false).table(OutputStyle()).hasSuffix("; the fleet no longer has this instance\n"))
    }

    @Test(arguments: [Change.baseline(at: nil), .repair(at: nil)])
    func aRunThatRunsNoMigrationHasItsKind(change: Change) throws {
        var visit = try failed
        let plain = visit.json.text
        #expect(!plain.contains("\"baseline\"") && !plain.contains("\"repair\""))
        visit.run.change = change
        let kind = try #require(change.correctionKind)
        #expect(visit.json.text.contains("\"\(kind.rawValue)\""))
        #expect(try problems(history([visit], nil).json, "history") == [])
    }

    @Test func aPageSaysWhatIsDueAndWhatFailedLast() throws {
        let status = InstanceStatus(
            name: "bob",
            server: "eu-1",
            database: "teslamate_bob",
            labels: ["ring": "canary"],
            outcome: .pending,
            version: older,
            pending: [newest],
            serverVersion: "17.2",
            lastMigratedAt: moment(-600),
            warnings: ["a \u{1B} warning"]
        )
        var page = InstanceDescription(
            fleet: "teslamate-eu",
            status: status,
            at: moment(),
            names: [newest: "narrow_charges"],
            newest: newest
        )
        #expect(page.table(OutputStyle()).contains("how long they take here is not known"))
        #expect(try problems(page.json, "instance") == [])
        page.usualDurations = [newest: .milliseconds(120)]
        page.wave = "canary"
        page.hooks = [.beforeInstance]
        page.lockHolders = [LockHolder(pid: 4711, application: "psql", address: nil, since: nil)]
        page.visits = Array(repeating: try failed, count: 7)
        #expect(
            page.table(OutputStyle(width: 100)).hasPrefix(
                """
                bob  pending
                  fleet     teslamate-eu
                  server    eu-1
                  database  teslamate_bob, PostgreSQL 17.2
                  labels    ring=canary
                  wave      canary
                  version   20260807090000, since 2026-08-08 08:50:00Z (10 min ago)
                  newest    20260808090000 (narrow_charges)
                  due       1 migration, usually 120 ms
                  hooks     before_instance
                  lock      held by pid 4711 (psql)

                DUE             NAME            USUALLY
                20260808090000  narrow_charges   120 ms

                WHEN                  RUN  BY        OUTCOME  FROM            TO              MIGRATIONS   TIME
                """
            ),
            "\(page.table(OutputStyle(width: 100)))"
        )
        let table = page.table(OutputStyle(width: 100))
        #expect(table.contains("… `convoy history bob` lists more\n"))
        #expect(table.contains("failed: bob\n  20260808090000: numeric field overflow (SQLSTATE 22003)\n"))
        #expect(table.hasSuffix("warning: a \\u{1B} warning\n"))
        #expect(try problems(page.json, "instance") == [])
    }
}
