import ConvoyJournal
import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyReporting
@testable import ConvoyText

/// What is told of runs that are over.
struct HistoryTests {
    @Test func durationsOverTheFleet() {
        #expect(
            durationsReport.table(OutputStyle(width: 100)) == """
                MIGRATION            NAME            INSTANCES    P50    P95         MAX  SLOWEST
                20260807090000       -                      20  10 ms  19 ms       20 ms  i20
                20260808090000       narrow_charges         20  1.1 s  1.2 s  1 min 35 s  i7
                20260808090000 down  narrow_charges          1  2.0 s  2.0 s       2.0 s  i3

                3 migrations, from 2 runs in .convoy/journal.sqlite

                """
        )
        let empty = DurationsReport(journal: "j\u{1B}", generatedAt: moment(), runs: [RunID("r-1")], migrations: [], names: [:])
        #expect(empty.table(OutputStyle()) == "no migration was applied in 1 run in j\\u{1B}\n")
    }

    @Test func aRunWithItsDurations() {
        let report = report(troubledRun)
        let lines = report.table(OutputStyle(width: 100), durations: report.migrationDurations, names: [newest: "narrow_charges"])
        #expect(
            lines.contains(
                """

                MIGRATION       NAME            INSTANCES    P50    P95    MAX  SLOWEST
                20260808090000  narrow_charges          1  12 ms  12 ms  12 ms  alice

                """
            )
        )
    }

    @Test func twoRunsSideBySide() throws {
        #expect(runComparison.sharedInstances == 3)
        #expect(runComparison.onlyInFirst == ["dave"])
        #expect(runComparison.onlyInSecond == ["erin"])
        #expect(runComparison.migrations.map { $0.ratio(0.5) } == [2.5])
        #expect(runComparison.goneFailures.map(\.failure) == [busy])
        #expect(runComparison.newFailures.map(\.failure.kind) == [.unreachable])
        #expect(runComparison.lastingFailures.map(\.instances) == [["carol"]])
        try expectGolden(runComparison.table(OutputStyle(width: 120), names: [newest: "narrow_charges"]), "comparison.txt")
    }

    @Test func runsThatShareNothing() {
        let waves = [PlannedWave(name: "all", instances: ["zoe"])]
        let other = report([Event(at: moment(), .runStarted(run: "r-9", fleet: "other", waves: waves))])
        let comparison = RunComparison(.init(report: report(troubledRun), state: nil), .init(report: other, state: .running))
        #expect(comparison.migrations.map { $0.ratio(0.5) } == [nil])
        #expect(comparison.typicalRatio == nil)
        #expect(
            comparison.table(OutputStyle()).hasSuffix(
                """

                no instance is in both runs; 4 only in the first; 1 only in the second
                failures: 0 gone, 0 new, 0 in both
                no migration ran in both

                """
            )
        )
        let nothing = RunComparison(.init(report: FleetReport(), state: nil), .init(report: FleetReport(), state: nil))
        #expect(nothing.table(OutputStyle()).contains("no instance is in both runs\n"))
    }

    @Test func migrationsArePairedByVersionAndDirection() {
        func side(_ applied: [(MigrationVersion, MigrationDirection, Int)]) -> RunComparison.Side {
            let migrations = applied.map { AppliedMigration(version: $0, direction: $1, duration: .milliseconds($2)) }
            let result = InstanceResult(outcome: .migrated, applied: migrations)
            let waves = [PlannedWave(name: "all", instances: ["i"])]
            let events: [Event.Kind] = [.runStarted(run: "r", fleet: "f", waves: waves), .instanceFinished(instance: "i", result: result)]
            return .init(report: report(events.map { Event(at: moment(), $0) }), state: nil)
        }
        let comparison = RunComparison(
            side([(older, .up, 10), (newest, .up, 0), (newest, .down, 8)]),
            side([(newest, .up, 5), (newest, .down, 2), (older, .down, 1)])
        )
        #expect(comparison.migrations.map(\.version) == [older, newest, older, newest])
        #expect(comparison.migrations.map(\.direction) == [.up, .up, .down, .down])
        #expect(comparison.migrations.map { $0.ratio(1) } == [nil, nil, nil, 0.25])
        #expect(comparison.typicalRatio == 0.25)
    }

    /// What is left out when only a run's standing is read changes nothing, wherever the run is.
    @Test func aRunIsToldTheSameFromFewerEvents() async throws {
        let again: [Event.Kind] = [
            .runResumed(by: "ann@db-tools"), .instanceStarted(instance: "bob", wave: "rest"),
            .instancePlanned(instance: "bob", from: older, pending: [newest]),
            .migrationApplied(
                instance: "bob",
                migration: AppliedMigration(version: newest, direction: .up, duration: .milliseconds(5))
            ),
            .rollbackStarted(instance: "alice", wave: "canary"),
            .migrationApplied(
                instance: "alice",
                migration: AppliedMigration(version: newest, direction: .down, duration: .milliseconds(7))
            ),
        ]
        let events = troubledRun + again.map { Event(at: moment(10), $0) }
        try await withTemporaryFolder { folder in
            let journal = try await SQLiteJournal.open(path: "\(folder)/journal.sqlite")
            for length in 1...events.count {
                let run = RunRecord(
                    id: RunID("r-\(length)"),
                    fleet: "teslamate-eu",
                    fleetFile: "fleet.yaml",
                    change: .up(to: nil),
                    instances: 4,
                    startedAt: moment(),
                    startedBy: "ann@db-tools"
                )
                try await journal.begin(run, plan: Data())
                try await journal.append(Array(events.prefix(length)), to: run.id)
                var (whole, brief) = (FleetReport(), FleetReport())
                var counts = (whole: 0, brief: 0)
                for try await recorded in journal.events(of: run.id) {
                    whole.apply(try #require(recorded.event))
                    counts.whole += 1
                }
                for try await recorded in journal.events(of: run.id, .standing) {
                    brief.apply(try #require(recorded.event))
                    counts.brief += 1
                }
                #expect(brief.reportJSON(at: moment()) == whole.reportJSON(at: moment()))
                #expect(counts.whole == length)
                #expect(counts.brief == (length < 6 ? length : length - 1))
            }
        }
    }

    // MARK: Failures

    @Test func aFailureSaysWhereAndSinceWhen() {
        var events = Array(troubledRun.dropLast())
        events.append(
            Event(at: moment(60), .instanceFinished(instance: "dave", result: InstanceResult(outcome: .failed, failure: overflow)))
        )
        events.append(
            Event(at: moment(70), .instanceFinished(instance: "alice", result: InstanceResult(outcome: .failed, failure: overflow)))
        )
        let group = report(events).failureGroups.first
        #expect(group?.instances == ["alice", "bob", "dave"])
        #expect(group?.waves == ["canary", "rest"])
        #expect(group?.firstSeen == moment(1))
        #expect(group?.lines(OutputStyle()).contains("  first seen: 2026-08-08 09:00:01Z, in waves canary, rest") == true)
    }

    @Test func aFailureThatIsReturnedWasSeenBefore() {
        var events = Array(troubledRun.dropLast())
        events.append(Event(at: moment(4), .rollbackStarted(instance: "bob", wave: "rest")))
        events.append(
            Event(at: moment(9), .rollbackFinished(instance: "bob", result: InstanceResult(outcome: .failed, to: older, failure: overflow)))
        )
        #expect(report(events).failureGroups.first { $0.failure == overflow }?.firstSeen == moment(1))
    }

    @Test func withoutARunAFailureIsSeenWhenSomebodyLooked() {
        let group = statusReport.failureGroups.first
        #expect(group?.waves == [])
        #expect(group?.firstSeen == moment())
        #expect(group?.lines(OutputStyle()).contains { $0.contains("first seen") } == false)
    }

    struct Excerpt: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var statement: String
        var position: Int?
        var width: Int?
        var lines: [String]
    }

    @Test(arguments: [
        Excerpt(testDescription: "the first character", statement: "SELECT x", position: 1, lines: ["SELECT x", "^"]),
        Excerpt(
            testDescription: "a later line",
            statement: "SELECT\n  x\nFROM cars",
            position: 10,
            lines: ["SELECT", "  x", "  ^", "FROM cars"]
        ),
        Excerpt(testDescription: "the end of the statement", statement: "SELECT (", position: 9, lines: ["SELECT (", "        ^"]),
        Excerpt(testDescription: "no position", statement: "SELECT x", position: nil, lines: ["SELECT x"]),
        Excerpt(testDescription: "a position behind it", statement: "SELECT x", position: 99, lines: ["SELECT x"]),
        Excerpt(testDescription: "no position at all", statement: "SELECT x", position: -1, lines: ["SELECT x"]),
        Excerpt(testDescription: "tabs", statement: "SELECT\n\tx\ty", position: 11, lines: ["SELECT", "    x    y", "         ^"]),
        Excerpt(
            testDescription: "wide characters",
            statement: "SELECT '日本', x",
            position: 14,
            lines: ["SELECT '日本', x", "               ^"]
        ),
        Excerpt(
            testDescription: "a combining mark",
            statement: "SELECT 'e\u{301}', x",
            position: 14,
            lines: ["SELECT 'e\u{301}', x", "            ^"]
        ),
        Excerpt(
            testDescription: "beyond the basic plane",
            statement: "SELECT '😀', x",
            position: 13,
            lines: ["SELECT '😀', x", "             ^"]
        ),
        Excerpt(
            testDescription: "control characters",
            statement: "SELECT '\u{1B}', x",
            position: 13,
            lines: ["SELECT '\\u{1B}', x", "                 ^"]
        ),
        Excerpt(testDescription: "CRLF", statement: "SELECT\r\nx", position: 9, lines: ["SELECT", "x", "^"]),
        Excerpt(testDescription: "blank lines go", statement: "SELECT\n\n \n x", position: 12, lines: ["SELECT", " x", " ^"]),
        Excerpt(testDescription: "an empty statement", statement: "", position: 1, lines: ["", "^"]),
        Excerpt(
            testDescription: "many lines",
            statement: "1\n2\n3\n4\n5\n6\n7\n8\n9",
            position: 13,
            lines: ["…", "4", "5", "6", "7", "^", "8", "9"]
        ),
        Excerpt(
            testDescription: "many lines, the first",
            statement: "1\n2\n3\n4\n5\n6\n7",
            position: 1,
            lines: ["1", "^", "2", "3", "4", "5", "6", "…"]
        ),
        Excerpt(
            testDescription: "many lines, no position",
            statement: "1\n2\n3\n4\n5\n6\n7",
            position: nil,
            lines: ["1", "2", "3", "4", "5", "6", "…"]
        ),
        Excerpt(
            testDescription: "a long line",
            statement: "SELECT aaaaaaaaaa, bbbbbbbbbb, cccccccccc, x, dddddddddd",
            position: 44,
            width: 20,
            lines: ["…cccccccccc, x, ddd…", "             ^"]
        ),
        Excerpt(
            testDescription: "the end of a long line",
            statement: "SELECT aaaaaaaaaa, bbbbbbbbbb, (",
            position: 33,
            width: 20,
            lines: ["…aaa, bbbbbbbbbb, (", "                   ^"]
        ),
        Excerpt(testDescription: "a very narrow terminal", statement: "SELECT abc", position: 8, width: 3, lines: ["abc", "^"]),
    ])
    func whereTheServerPoints(_ example: Excerpt) {
        let excerpt = StatementExcerpt(example.statement, position: example.position, width: example.width, ellipsis: "…")
        #expect(excerpt.marked() == example.lines)
    }

    @Test func theCaretStaysUnderItsCharacterAtEveryWidth() throws {
        let statement = "ALTER TABLE 日本 ADD COLUMN\n\tnäme text DEFAULT 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', ADD x\u{301}§ text"
        let place = try #require(statement.unicodeScalars.firstIndex(of: "§"))
        let position = statement.unicodeScalars.distance(from: statement.startIndex, to: place) + 1
        for width in 1...120 {
            let excerpt = StatementExcerpt(statement, position: position, width: width, ellipsis: "…")
            let caret = try #require(excerpt.caret)
            #expect(excerpt.marked().allSatisfy { $0.displayWidth <= width })
            var column = 0
            let under = excerpt.lines[caret.line].first { character in
                defer { column += character.displayWidth }
                return column == caret.column
            }
            #expect(under == "§", "at width \(width)")
        }
    }
}
