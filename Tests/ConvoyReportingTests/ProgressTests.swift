import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import Dispatch
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import ConvoyReporting
@testable import ConvoyText

struct ProgressTests {
    @Test func plainLinesOfARun() {
        var report = FleetReport()
        let lines = troubledRun.compactMap { event in
            report.apply(event)
            return ProgressLines(style: OutputStyle(usesUnicode: false)).line(for: event, in: report)
        }
        #expect(
            lines == [
                "09:00:00 run r-1 of teslamate-eu: 4 instances in 2 waves",
                "09:00:00 wave canary: 1 instance",
                "09:00:00 alice: migrated, 20260807090000 -> 20260808090000, 1 migration in 12 ms",
                "09:00:00 wave canary done: 1 migrated",
                "09:00:00 wave rest: 3 instances",
                "09:00:00 bob: warning: convoy.migration_log cannot be created",
                "09:00:00 carol: waiting: pid 4711 (psql) holds the lock",
                "09:00:01 bob: failed: Migrations/20260808090000_narrow_charges.sql:7: numeric field overflow (SQLSTATE 22003)",
                "09:00:01 halted: wave rest reached its stop rule failures: 1 (bob); nothing new starts, what runs finishes",
                "09:00:03 carol: lock-busy: another session holds the migration lock, locked by pid 4711 (psql from 10.0.0.7, session since "
                    + "2026-08-08T08:00:00Z)",
                "09:00:03 wave rest done: 1 pending, 1 failed, 1 lock-busy",
                "09:00:03 run halted after 3.5 s",
            ]
        )
    }

    /// journald adds the time itself, and takes the priority from the start of a line.
    @Test func plainLinesForJournald() {
        var report = FleetReport()
        let lines = troubledRun.compactMap { event in
            report.apply(event)
            return ProgressLines(style: OutputStyle(usesUnicode: false), for: .journald).line(for: event, in: report)
        }
        #expect(
            lines.prefix(3) == [
                "<6>run r-1 of teslamate-eu: 4 instances in 2 waves", "<6>wave canary: 1 instance",
                "<6>alice: migrated, 20260807090000 -> 20260808090000, 1 migration in 12 ms",
            ]
        )
        #expect(lines.map { $0.prefix(3) } == ["<6>", "<6>", "<6>", "<6>", "<6>", "<4>", "<6>", "<3>", "<3>", "<3>", "<6>", "<3>"])
    }

    @Test func whatIsNoEventHasAPriorityForJournaldToo() async {
        let written = Mutex("")
        let reporter = ProgressReporter(.plain, for: .journald, style: { OutputStyle() }) { text in written.withLock { $0 += text } }
        reporter.note("hook: <0>from a hook")
        reporter.warn("warning: the webhook did not answer")
        await reporter.finish()
        #expect(written.withLock(\.self) == "<6>hook: <0>from a hook\n<4>warning: the webhook did not answer\n")
    }

    @Test func theLiveViewOfARun() {
        let view = LiveView(style: OutputStyle(width: 100, height: 24))
        #expect(view.lines(FleetReport(), at: moment()) == [])
        #expect(
            view.lines(report(troubledRun.prefix(14)), at: moment(63)) == [
                "teslamate-eu  1:03  2/4 done, 1 running, 1 not well",
                "  canary  ████████████████████  1/1  1 migrated",
                "  rest    ██████░░░░░░░░░░░░░░  1/3  1 failed",
                "  → carol  1:02  waiting: pid 4711 (psql) holds the lock",
                "  ! bob  failed: Migrations/20260808090000_narrow_charges.sql:7: numeric field overflow (SQLSTATE …",
            ]
        )
    }

    @Test func theLiveViewTellsWhatItWaitsForAndWhatTakesLong() {
        let view = LiveView(style: OutputStyle(width: 120, height: 24))
        var report = report(troubledRun.prefix(2))
        func apply(_ seconds: Double, _ kinds: Event.Kind...) { for kind in kinds { report.apply(Event(at: moment(seconds), kind)) } }
        apply(1, .instanceStarted(instance: "alice", wave: "canary"), .instancePlanned(instance: "alice", from: older, pending: [newest]))
        #expect(view.lines(report, at: moment(3)).last == "  → alice  0:02  0/1 migrations")
        let activity = ServerActivity(
            command: "CREATE INDEX",
            relation: "drives",
            phase: "building index: scanning table",
            done: 43,
            total: 99
        )
        apply(60, .instanceProgress(instance: "alice", activity: activity))
        apply(60, .serverPaused(server: "eu-1", by: "ann"), .windowClosed(until: moment(3600)), .stopRequested)
        #expect(
            view.lines(report, rate: 0.5, timeLeft: TimeLeft([.init(left: 1, work: .seconds(40), parallelism: 1)]), at: moment(61)) == [
                "teslamate-eu  1:01  0/4 done, 1 running, 30/h, about 40 s left",
                "  canary  ░░░░░░░░░░░░░░░░░░░░  0/1",
                "  rest    ░░░░░░░░░░░░░░░░░░░░  0/3",
                "  outside the maintenance window until 2026-08-08 10:00:00Z",
                "  paused: eu-1",
                "  stopping: no new instances start, those in progress finish",
                "  → alice  1:00  0/1 migrations, 20260808090000 for 1:00: CREATE INDEX drives 43 %, building index: scanning table",
            ]
        )
        apply(
            70,
            .migrationApplied(instance: "alice", migration: AppliedMigration(version: newest, direction: .up, duration: .seconds(69)))
        )
        #expect(report.instance("alice")?.activity == nil)
        apply(70, .instanceFinished(instance: "alice", result: InstanceResult(outcome: .migrated)), .waveFinished(wave: "canary"))
        apply(71, .windowOpened, .serverResumed(server: "eu-1", by: "ann"), .cancelRequested, .gateOpened(wave: "canary"))
        apply(71, .gateWaiting(wave: "canary", reason: "an approval"))
        #expect(
            view.lines(report, at: moment(80)).dropFirst(3) == [
                "  gate of canary  0:09  waiting for an approval", "  cancelling the instances in progress and rolling them back",
            ]
        )
    }

    @Test(arguments: [20, 40, 80, 200])
    func theLiveViewNeverWrapsNorScrolls(_ width: Int) {
        for count in troubledRun.indices {
            let lines = LiveView(style: OutputStyle(width: width, height: 4)).lines(report(troubledRun.prefix(count)), at: moment(5))
            #expect(lines.count < 4)
            #expect(lines.allSatisfy { $0.displayWidth < width })
        }
    }

    @Test func manyWavesShowTheCurrentOne() {
        let waves = (1...40).map { PlannedWave(name: "w\($0)", instances: ["i\($0)"]) }
        var report = FleetReport()
        report.apply(Event(at: moment(), .runStarted(run: "r", fleet: "f", waves: waves)))
        for number in 1...29 {
            report.apply(Event(at: moment(), .instanceFinished(instance: "i\(number)", result: InstanceResult(outcome: .upToDate))))
        }
        let lines = LiveView(style: OutputStyle(usesUnicode: false)).lines(report, at: moment())
        #expect(lines.count == 9)
        #expect(lines.contains("  w30  ....................  0/1"))
    }

    /// Text as it was written, in order.
    private final class Written: Sendable {
        private let text = Mutex("")
        var all: String { text.withLock { $0 } }
        func append(_ more: String) { text.withLock { $0 += more } }
    }

    @Test func jsonIsTheEventsAndMessages() async throws {
        let written = Written()
        let reporter = ProgressReporter(.json, style: { OutputStyle() }, now: { moment(5) }, write: written.append)
        for event in troubledRun { reporter.receive(event) }
        reporter.note("hook: a \u{1B}[31m word")
        reporter.warn("warning: lost\n")
        reporter.warn("\n")
        await reporter.finish()
        let lines = written.all.split(separator: "\n").map(String.init)
        #expect(lines.prefix(troubledRun.count) == troubledRun.map(\.json.line)[...])
        #expect(
            lines.dropFirst(troubledRun.count) == [
                #"{"at":"2026-08-08T09:00:05.000Z","type":"message","level":"note","text":"hook: a \u001b[31m word"}"#,
                #"{"at":"2026-08-08T09:00:05.000Z","type":"message","level":"warning","text":"lost"}"#,
            ]
        )
        let schema = try JSONSchema(named: "progress")
        for line in lines { #expect(schema.problems(in: try JSONSerialization.jsonObject(with: Data(line.utf8))) == []) }
    }

    @Test func thePlainReporterWritesEachLineOnce() async {
        let written = Written()
        let reporter = ProgressReporter(.plain, style: { OutputStyle() }, write: written.append)
        for event in troubledRun { reporter.receive(event) }
        await reporter.finish()
        #expect(written.all.split(separator: "\n").count == 12)
        #expect(!written.all.contains("\u{1B}"))
        #expect(reporter.report.status == .halted)
    }

    @Test func withoutProgressOnlyWhatSomeoneShouldKnowIsWritten() async {
        let written = Written()
        let reporter = ProgressReporter(.none, style: { OutputStyle() }, write: written.append)
        for event in troubledRun { reporter.receive(event) }
        await reporter.finish()
        reporter.note("a hook's line")
        reporter.warn("fleet.yaml:3: warning: a notification did not arrive")
        await reporter.finish()
        #expect(
            written.all == """
                09:00:00 bob: warning: convoy.migration_log cannot be created
                09:00:01 halted: wave rest reached its stop rule failures: 1 (bob); nothing new starts, what runs finishes
                fleet.yaml:3: warning: a notification did not arrive

                """
        )
    }

    @Test func theLiveReporterLeavesNoViewBehind() async {
        let written = Written()
        let reporter = ProgressReporter(.live, style: { OutputStyle(width: 80, height: 24) }, now: { moment(5) }, write: written.append)
        for event in troubledRun { reporter.receive(event) }
        await reporter.finish()
        reporter.receive(Event(at: moment(), .waveStarted(wave: "rest")))
        await reporter.finish()
        // What follows the last erasure is what stays.
        let rest = written.all.components(separatedBy: "\u{1B}[J").last ?? ""
        #expect(rest.contains("warning: convoy.migration_log"))
        #expect(!rest.contains("█"))
    }

    @Test func aReaderThatNeverReadsHoldsNobodyUp() async {
        let gate = DispatchSemaphore(value: 0)
        let reporter = ProgressReporter(
            .plain,
            style: { OutputStyle() },
            write: { _ in
                gate.wait()
                gate.signal()
            }
        )
        for number in 0..<10_000 {
            reporter.receive(Event(at: moment(), .instanceWarned(instance: "i\(number)", message: "m")))
        }
        gate.signal()
        await reporter.finish()
    }
}
