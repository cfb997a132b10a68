import ConvoyMigrations
import ConvoyRollout
import Foundation
import TestSupport
import Testing

@testable import ConvoyReporting
@testable import ConvoyRun
@testable import ConvoyText

/// What a report shows of a version that it has not read itself, since when an instance has its version, and what says that it was set back.
struct RememberedInstanceTests {
    private static let reverted = AppliedMigration(version: newest, direction: .down, duration: .milliseconds(1))
    private static let applied = AppliedMigration(version: newest, direction: .up, duration: .milliseconds(1))

    private func ended(
        _ name: String,
        _ outcome: Outcome,
        at seconds: Double,
        to version: MigrationVersion?,
        _ applied: [AppliedMigration] = []
    ) -> Event {
        Event(
            at: moment(seconds),
            .instanceFinished(instance: name, result: InstanceResult(outcome: outcome, to: version, applied: applied))
        )
    }

    /// The status of the sample fleet, with ends in runs.
    private func status(_ endings: [Event], claim: AuditClaim? = nil) -> FleetReport {
        var statuses = statuses
        statuses[1].claim = claim
        var report = FleetReport(fleet: "teslamate-eu", target: newest, statuses: statuses, at: moment())
        for event in endings { report.apply(elsewhere: event, run: "r-7") }
        for instance in report.instances { instance.suspectedSetback.map { report.apply(setbacks: [instance.name: $0]) } }
        return report
    }

    private func problems(_ json: JSONValue, _ schema: String) throws -> [String] {
        try JSONSchema(named: schema).problems(in: try JSONSerialization.jsonObject(with: Data(json.text.utf8)))
    }

    // MARK: The version

    @Test func anInstanceThatCannotBeReachedHasTheVersionThatARunKnows() throws {
        let report = status([ended("carol", .migrated, at: -10_800, to: older)])
        let carol = try #require(report.instance("carol"))
        #expect(carol.version == older && carol.outcome == .unreachable && carol.failure != nil && carol.due == nil)
        #expect(carol.known == VersionKnowledge(version: older, at: moment(-10_800), source: .run("r-7")))
        #expect(carol.setback == nil)
        #expect(report.summary.versions == [newest: 1, older: 2] && report.summary.withUnknownVersion == 0)
        let table = report.statusTable(OutputStyle(), at: moment(60))
        #expect(table.contains("VERSION         KNOWN"), "\(table)")
        #expect(table.contains("20260807090000  3 h ago (run r-7)"), "\(table)")
        #expect(table.contains("20260808090000  -  "), "\(table)")
        #expect(try problems(report.statusJSON, "status") == [])
        let json = report.statusJSON.line
        #expect(json.contains(#""version":"20260807090000","version_known_at":"2026-08-08T06:00:00.000Z""#), "\(json)")
        #expect(json.ranges(of: "version_known_at").count == 1)
        #expect(try problems(report.reportJSON(at: moment()), "report") == [])
        let csv = report.csv.split(separator: "\r\n")
        #expect(csv.first?.contains("version_known_at") == true && csv.last?.contains("2026-08-08T06:00:00.000Z") == true)
        var chosen = report
        chosen.columns = [.named(.instance), .named(.known)]
        #expect(chosen.statusTable(OutputStyle(), at: moment()).contains("carol     3 h ago (run r-7)"))
    }

    @Test func withoutRunsNothingIsShownOfThem() {
        let report = status([])
        #expect(!report.statusTable(OutputStyle()).contains("KNOWN"))
        for text in ["version_known_at", "setback"] {
            #expect(!report.statusJSON.line.contains(text) && !report.csv.contains(text), "\(text)")
        }
        #expect(report.openMetrics(at: moment()).contains("convoy_setback_instances{fleet=\"teslamate-eu\"} 0\n"))
        #expect(!FleetReport().openMetrics(at: moment()).contains("convoy_setback_instances"))
    }

    /// A database that is gone is not at the version that it had, and one where a COMMIT was lost may not be.
    @Test(arguments: [Outcome.unprovisioned, .unknown]) func whatWasKnownBeforeItWasLostDoesNotCount(_ outcome: Outcome) {
        var report = report(troubledRun)
        report.apply(elsewhere: ended("dave", .migrated, at: -100, to: older), run: "r-0")
        #expect(report.instance("dave")?.version == older)
        report.apply(ended("dave", outcome, at: 10, to: nil))
        #expect(report.instance("dave")?.version == nil)
        #expect(report.instance("dave")?.isVersionKnown == false)
    }

    @Test func aReportOfARunSaysWhichVersionsAnotherRunKnows() throws {
        var report = report(troubledRun)
        report.apply(elsewhere: ended("carol", .migrated, at: -7200, to: older), run: "r-0")
        #expect(report.instance("carol")?.outcome == .lockBusy)
        #expect(report.instance("carol")?.remembered?.source == .run("r-0"))
        let table = report.reportTable(OutputStyle(), at: moment())
        #expect(table.contains("2 h ago (run r-0)"), "\(table)")
        // What its own run knows is as old as the run.
        #expect(report.instance("alice")?.remembered == nil)
        // The table of a run by itself has no ages.
        #expect(!report.table(OutputStyle()).contains("KNOWN"))
    }

    @Test func anInstanceThatTheRunLeavesOutHasTheRunOfItsLastEnd() {
        var report = report(troubledRun)
        report.apply(starts: ["erin": InstanceStart(version: nil, pending: [])], at: moment())
        report.apply(
            Event(at: moment(5), .runResumed(by: "ann"))
        )
        var status = statuses[2]
        status.name = "erin"
        report.apply(status, at: moment(10))
        report.apply(ending: ended("erin", .migrated, at: -50, to: older), run: "r-0")
        #expect(report.instance("erin")?.known == VersionKnowledge(version: older, at: moment(-50), source: .run("r-0")))
    }

    // MARK: Since when

    @Test func aRollbackIsSinceWhenItIsOnItsVersion() {
        let ledger = moment(-86_400 * 12)
        #expect(status([]).instance("bob")?.since == ledger)
        #expect(status([ended("bob", .rolledBack, at: -300, to: older, [Self.reverted])]).instance("bob")?.since == moment(-300))
        // One that was not a rollback, or left another version, or came before the ledger's newest row.
        for event in [
            ended("bob", .failed, at: -300, to: older, [Self.applied]), ended("bob", .upToDate, at: -300, to: older),
            ended("bob", .rolledBack, at: -300, to: nil, [Self.reverted]),
            ended("bob", .rolledBack, at: -86_400 * 13, to: older, [Self.reverted]),
        ] {
            #expect(status([event]).instance("bob")?.since == ledger, "\(event)")
        }
        func claim(_ seconds: Double) -> AuditClaim? { AuditClaim(missing: nil, revertedAt: moment(seconds), isOfAnotherDatabase: false) }
        #expect(status([], claim: claim(-200)).instance("bob")?.since == moment(-200))
        // A tenant can date the rows of his ledger as he likes.
        #expect(Date(timeInterval: 1e8, since: moment(0)).plausible(at: moment(0)) == nil)
        #expect(status([], claim: claim(1e7)).instance("bob")?.since == ledger)
        #expect(status([], claim: claim(-86_400 * 13)).instance("bob")?.since == ledger)
        // The newest of both.
        let both = status([ended("bob", .rolledBack, at: -300, to: older, [Self.reverted])], claim: claim(-7200))
        #expect(both.instance("bob")?.since == moment(-300))
        #expect(both.statusTable(OutputStyle()).contains("5 min ago"))
        #expect(both.statusJSON.line.contains(#""last_migrated_at":"2026-08-08T08:55:00.000Z","seconds_since_last_migration":300"#))
        #expect(both.csv.contains("2026-08-08T08:55:00.000Z,300,"))
    }

    // MARK: Setbacks

    @Test func aDatabaseThatWasSetBackIsAQuestionInEveryFormat() throws {
        let report = status([ended("bob", .migrated, at: -300, to: newest, [Self.applied])])
        let bob = try #require(report.instance("bob"))
        #expect(bob.version == older && bob.outcome == .pending && bob.due == [newest])
        #expect(bob.setback?.witness == .journal(run: "r-7") && bob.setback?.version == newest)
        #expect(status([]).summary.outcomes == report.summary.outcomes)
        let question =
            "behind run r-7, which left it at 20260808090000: restored from an older backup, or rolled back by another tool or with another journal?"
        for format in ReportFormat.allCases where format != .junit && format != .prometheus {
            for subject in [ReportDocument.Subject.status, .report] {
                let text = ReportDocument(report, as: subject).text(format, at: moment())
                #expect(text.contains("behind run r-7"), "\(format)")
                if format == .table { #expect(text.contains("\nbehind what is known of them:\n  bob is \(question)\n"), "\(text)") }
            }
        }
        #expect(report.openMetrics(at: moment()).contains("convoy_setback_instances{fleet=\"teslamate-eu\"} 1\n"))
        #expect(try problems(report.statusJSON, "status") == [])
        #expect(try problems(report.reportJSON(at: moment()), "report") == [])
        #expect(report.statusJSON.line.ranges(of: "\"setback\"").count == 1)

        var page = InstanceDescription(
            fleet: "teslamate-eu",
            status: bob.probe?.status ?? statuses[1],
            at: moment(),
            names: [:],
            newest: newest
        )
        page.apply(bob)
        #expect(page.table(OutputStyle()).contains("  question  \(question)\n"), "\(page.table(OutputStyle()))")
        #expect(try problems(page.json, "instance") == [])
        #expect(page.json.line.contains("\"setback\":{\"source\":\"journal\""))
    }

    @Test func aNewerRunTakesItBack() {
        var report = status([ended("bob", .migrated, at: -300, to: newest)])
        #expect(report.setbacks.count == 1)
        report.apply(elsewhere: ended("bob", .rolledBack, at: -100, to: older, [Self.reverted]), run: "r-8")
        #expect(report.setbacks.isEmpty)
        report.apply(elsewhere: ended("bob", .migrated, at: 100, to: newest), run: "r-9")
        #expect(report.setbacks.isEmpty && report.instance("bob")?.version == newest)
    }

    @Test func aListOfManyIsCut() {
        let many = (0..<30).map { index in
            var status = statuses[1]
            status.name = "i\(index)"
            return status
        }
        var report = FleetReport(fleet: "f", target: newest, statuses: many, at: moment())
        for status in many { report.apply(elsewhere: ended(status.name, .migrated, at: -10, to: newest), run: "r") }
        for instance in report.instances { instance.suspectedSetback.map { report.apply(setbacks: [instance.name: $0]) } }
        #expect(report.setbacks.count == 30)
        #expect(report.setbackTexts.count == 21 && report.setbackTexts.last == "and 10 more instances")
    }

    @Test func thePageOfAnInstanceThatCannotBeReached() throws {
        let report = status([ended("carol", .rolledBack, at: -10_800, to: older)])
        var page = InstanceDescription(fleet: "teslamate-eu", status: statuses[2], at: moment(), names: [:], newest: newest)
        #expect(!page.table(OutputStyle()).contains("version  "))
        page.apply(try #require(report.instance("carol")))
        let table = page.table(OutputStyle())
        #expect(table.contains("version   20260807090000, as known 3 h ago (run r-7)\n"), "\(table)")
        #expect(try problems(page.json, "instance") == [])
        #expect(page.json.line.contains("\"version_known_at\":\"2026-08-08T06:00:00.000Z\""))
    }
}
