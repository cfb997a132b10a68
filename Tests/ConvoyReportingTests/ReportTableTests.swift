import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import Testing

@testable import ConvoyReporting
@testable import ConvoyText

struct ReportTableTests {
    @Test func theStatusOfAFleet() {
        #expect(
            statusReport.statusTable(OutputStyle(width: 200)) == """
                INSTANCE  OUTCOME      VERSION         PENDING   MIGRATED  SERVER  DATABASE         POSTGRESQL
                alice     up-to-date   20260808090000        0  1 min ago  eu-1    teslamate_alice  17.2
                bob       pending      20260807090000        1   12 d ago  eu-1    teslamate_bob    17.2
                carol     unreachable  -                     -          -  us-1    teslamate_carol  -

                VERSION         INSTANCES
                20260808090000          1
                20260807090000          1
                not known               1

                unreachable: carol
                  connection refused by us-1:5432
                  hint: is the server running?

                teslamate-eu: 3 instances: 1 up-to-date, 1 pending, 1 unreachable, newest version 20260808090000

                """
        )
    }

    @Test func aNarrowTerminalKeepsWhatMatters() {
        #expect(
            statusReport.statusTable(OutputStyle(width: 40)).split(separator: "\n").prefix(4) == [
                "INSTANCE  OUTCOME      VERSION",
                "alice     up-to-date   20260808090000",
                "bob       pending      20260807090000",
                "carol     unreachable  -",
            ]
        )
    }

    @Test func aRunWithFailures() {
        #expect(
            report(troubledRun).table(OutputStyle(width: 100)) == """
                INSTANCE  WAVE    OUTCOME    FROM            TO              MIGRATIONS   TIME
                alice     canary  migrated   20260807090000  20260808090000           1  12 ms
                bob       rest    failed     20260807090000  20260807090000           0      -
                carol     rest    lock-busy  -               -                        0      -
                dave      rest    pending    -               -                        0      -

                WAVE    INSTANCES  OUTCOMES
                canary          1  1 migrated
                rest            3  1 pending, 1 failed, 1 lock-busy

                VERSION         INSTANCES
                20260808090000          1
                20260807090000          1
                not known               2

                failed: bob
                  Migrations/20260808090000_narrow_charges.sql:7: numeric field overflow (SQLSTATE 22003)
                  migration: 20260808090000
                  first seen: 2026-08-08 09:00:01Z, in wave rest
                    ALTER TABLE charges
                        ALTER COLUMN charger_power TYPE numeric(8,2)
                                     ^
                  detail: A field with precision 8, scale 2 must round to an absolute value less than 10^6.
                  hint: correct the rows that are too large, then run the command again

                lock-busy: carol
                  another session holds the migration lock
                  first seen: 2026-08-08 09:00:03Z, in wave rest
                  locked by: pid 4711 (psql from 10.0.0.7, session since 2026-08-08T08:00:00Z)
                  hint: wait for it, or end that session

                halted: wave rest reached its stop rule failures: 1 (bob); the rest was not started
                run r-1 of teslamate-eu halted: 1 migrated, 1 pending, 1 failed, 1 lock-busy, 3.5 s

                """
        )
    }

    @Test func aPlan() {
        #expect(
            planReport.table(OutputStyle(width: 80)) == """
                WAVE    INSTANCE  OUTCOME      FROM            MIGRATIONS  SERVER  DATABASE
                canary  bob       pending      20260807090000           1  eu-1    teslamate_bob
                rest    alice     up-to-date   20260808090000           0  eu-1    teslam…_alice
                rest    carol     unreachable  -                        0  us-1    teslam…_carol

                MIGRATION       NAME            INSTANCES
                20260808090000  narrow_charges          1

                unreachable: carol
                  connection refused by us-1:5432
                  hint: is the server running?

                teslamate-eu: apply 1 migration to get to 20260808090000 on 1 of 3 instances in 2 waves; nothing on 1; 1 instance cannot be worked on

                """
        )
    }

    @Test func aLongPlanIsShownInRuns() {
        let versions = (1...30).map { MigrationVersion(Int64($0)) }
        let instances = [versions, Array(versions.dropFirst(10)), Array(versions.suffix(1))].map {
            InstanceStatus(name: "i", server: "s", database: "d", labels: [:], outcome: .pending, pending: $0)
        }
        var plan = planReport
        plan.waves = [.init(name: "all", maxParallel: nil, instances: instances)]
        plan.migrationNames = [MigrationVersion(30): "last"]
        #expect(
            plan.table(OutputStyle()).split(separator: "\n").dropFirst(4).prefix(4) == [
                "MIGRATION  NAME           INSTANCES",
                "1 to 10    10 migrations          1",
                "11 to 29   19 migrations          2",
                "30         last                   3",
            ]
        )
        #expect(!plan.table(OutputStyle(), .brief).contains("MIGRATION  NAME"))
    }

    @Test func nothingBreaksOnAnEmptyFleet() {
        let empty = FleetReport(fleet: "f", target: nil, statuses: [], at: moment())
        #expect(empty.statusTable(OutputStyle()) == "f: 0 instances\n")
        #expect(report([]).table(OutputStyle()) == "run  of  interrupted: no instances\n")
    }

    @Test func colourIsAnAdditionOnly() {
        let plain = report(troubledRun).table(OutputStyle())
        var painted = report(troubledRun).table(OutputStyle(usesColor: true))
        #expect(painted.contains("\u{1B}[31mfailed\u{1B}[0m"))
        painted.replace(/\u{1B}\[[0-9]+m/, with: "")
        #expect(painted == plain)
    }

    /// Names and messages that try to take the terminal over.
    @Test(arguments: ["\u{1B}[2J\u{1B}[H", "a\nb\r\tc", "\u{9B}31m", "\u{202E}txt", String(repeating: "x", count: 5000), "日本語🚗", ""])
    func hostileTextStaysText(_ text: String) {
        let failure = Failure(
            .failed,
            text,
            version: newest,
            file: text,
            line: 1,
            statement: text + "\n" + text,
            detail: text,
            hint: text,
            lockedBy: LockHolder(pid: 1, application: text, address: text, since: text)
        )
        let events: [Event] = [
            Event(at: moment(), .runStarted(run: text, fleet: text, waves: [PlannedWave(name: text, instances: [text])])),
            Event(at: moment(), .instanceStarted(instance: text, wave: text)),
            Event(at: moment(), .instanceWaiting(instance: text, reason: text)),
            Event(at: moment(), .instanceWarned(instance: text, message: text)),
            Event(at: moment(), .instanceFinished(instance: text, result: InstanceResult(outcome: .failed, failure: failure))),
            Event(at: moment(), .halted(.gateFailed(wave: text, reason: text))),
            Event(at: moment(), .runFinished(status: .halted)),
        ]
        let status = FleetReport(
            fleet: text,
            target: newest,
            statuses: [InstanceStatus(name: text, server: text, database: text, labels: [text: text], outcome: .failed, failure: failure)],
            at: moment()
        )
        for width in [nil, 1, 10, 40, 80, 200] {
            let style = OutputStyle(width: width)
            var texts = [report(events).table(style), status.statusTable(style)]
            texts += events.compactMap { ProgressLines(style: style).line(for: $0, in: report(events)) }.map { $0 + "\n" }
            texts += LiveView(style: style).lines(report(events.prefix(4)), at: moment()).map { $0 + "\n" }
            texts += [report(events).json.text, status.statusJSON.text]
            for text in texts {
                #expect(!text.unicodeScalars.contains { $0.isObeyedByTerminals && $0 != "\n" })
            }
        }
    }

    @Test(arguments: [
        (Duration.milliseconds(0), "0 ms"), (.milliseconds(999), "999 ms"), (.milliseconds(1250), "1.2 s"), (.seconds(42), "42 s"),
        (.seconds(60), "1 min"), (.seconds(185), "3 min 5 s"), (.seconds(7800), "2 h 10 min"), (.seconds(7200), "2 h"),
        (.seconds(86_400 * 12), "12 d"), (.seconds(-1), "0 ms"),
    ])
    func durationsForPeople(_ duration: Duration, _ expected: String) {
        #expect(duration.human == expected)
    }

    @Test(arguments: [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7199, "1 h"), (172_800, "2 d")])
    func agesForPeople(_ seconds: Int, _ expected: String) {
        #expect(Duration.seconds(seconds).humanAge == expected)
    }

    @Test func theRunsOfAJournal() {
        #expect(
            runsReport.table(OutputStyle(width: 200)) == """
                RUN  FLEET         WHAT                        STATUS     STARTED               BY                  TIME  INSTANCES  OUTCOMES
                r-5  teslamate-eu  rollback 1 step             running    2026-08-08 09:00:00Z  ann@db-tools  1 min 30 s          3  1 rolled-back, 2 pending
                r-4  teslamate-eu  migrate                     cut off    2026-08-08 09:00:00Z  ann@db-tools           -          3  2 migrated, 1 pending
                r-3  teslamate-eu  migrate to 20260808090000   succeeded  2026-08-08 09:00:00Z  ann@db-tools   1 min 1 s          3  3 migrated
                r-2  teslamate-eu  rollback to 20260807090000  abandoned  2026-08-08 09:00:00Z  ann@db-tools   1 min 1 s          3  3 pending

                run r-5 waits: no worker of its fleet is alive; `convoy resume r-5` carries it out

                run r-4 was cut off: continue it with `convoy resume r-4`, or give it up with `convoy abandon r-4`

                """
        )
        #expect(RunsReport(journal: "j\u{1B}", generatedAt: moment(), runs: []).table(OutputStyle()) == "no runs yet in j\\u{1B}\n")
    }

    @Test(
        arguments: [(RunState.running, "running"), (.cutOff, "cut off"), (.ended(.abandoned), "abandoned"), (nil, "interrupted")]
            as [(RunState?, String)]
    )
    func aRunWithoutAnEndSaysHowItStands(_ state: RunState?, _ expected: String) {
        let last = report(troubledRun.prefix(8)).table(OutputStyle(), state: state).split(separator: "\n").last
        #expect(last == "run r-1 of teslamate-eu \(expected): 1 migrated, 3 pending")
    }
}
