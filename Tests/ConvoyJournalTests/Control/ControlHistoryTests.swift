import ConvoyFleet
import ConvoyIO
import ConvoyKit
import ConvoyMigrations
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyJournal

/// A standby that was behind became the primary, and the run continued there: those who had read further see what it recorded since.
@Suite(.timeLimit(.minutes(3)))
struct ControlHistoryTests {
    private let run = JournalSamples.run

    private static func ended(_ name: String, _ second: Double) -> Event {
        Event(at: moment(second), .instanceFinished(instance: name, result: InstanceResult(outcome: .migrated)))
    }

    private var beginning: [Event] {
        [
            Event(
                at: moment(),
                .runStarted(run: run.id.description, fleet: run.fleet, waves: [PlannedWave(name: "all", instances: ["a", "b", "c"])])
            ),
            Event(at: moment(1), .waveStarted(wave: "all")),
        ]
    }

    private func withRun(_ body: (ControlJournal, TestDatabase) async throws -> Void) async throws {
        try await withControlDatabase { control, database in
            let journal = ControlJournal(control)
            try await journal.begin(run, plan: Data())
            try await journal.append(beginning, to: run.id)
            try await body(journal, database)
        }
    }

    /// What came after an event is gone, and another process writes others under the same numbers and further.
    private func takeOver(after number: Int64, _ events: [Event], _ database: TestDatabase) async throws {
        try await database.execute([
            "DELETE FROM convoy_control.events WHERE number > \(number)", "UPDATE convoy_control.runs SET last_event = \(number)",
        ])
        let control = ControlDatabase(database.owner)
        try await ControlJournal(control).append(events, to: run.id)
        await control.close()
    }

    @Test func aFollowerSeesWhatIsRecordedUnderNumbersThatItHas() async throws {
        try await withRun { journal, database in
            let follower = RunFollower(run, in: journal)
            try await journal.append([Self.ended("a", 2), Self.ended("b", 3)], to: run.id)
            try await follower.refresh(within: .zero)
            let before = await follower.progress
            #expect(before.lastEvent == 4)
            try await takeOver(after: 3, [Event(at: moment(9), .runFinished(status: .halted)), Self.ended("c", 10)], database)
            try await follower.refresh(within: .zero)
            #expect(await follower.progress == RunProgress(edition: before.edition + 1, lastEvent: 5))
            // The end of the run has the number of the event that is gone.
            #expect(await follower.isOver(after: 5))
            // A client that had the fourth event gets the new one, and all instances.
            let (events, start) = try await follower.events(after: before, limit: 10)
            #expect(events.map(\.number) == [4, 5])
            #expect(start == RunProgress(edition: before.edition + 1, lastEvent: 3))
            #expect(await follower.instances(changedAfter: before) == nil)
            // From then on it goes on as before.
            let present = await follower.progress
            let next = try await follower.events(after: present, limit: 10)
            #expect(next.events.isEmpty && next.start == present)
            #expect(await follower.instances(changedAfter: present) == [])
        }
    }

    /// Also where there are fewer than before, and where nothing is left of what was read.
    @Test(arguments: [Int64(0), 2])
    func aFollowerSeesThatEventsAreGone(_ left: Int64) async throws {
        try await withRun { journal, database in
            let follower = RunFollower(run, in: journal)
            try await journal.append([Self.ended("a", 2), Event(at: moment(3), .runFinished(status: .halted))], to: run.id)
            try await follower.refresh(within: .zero)
            #expect(await follower.isOver(after: 4))
            let before = await follower.progress
            try await takeOver(after: left, left == 0 ? beginning : [], database)
            // A standby that is a moment behind lacks them as well.
            try await follower.refresh(within: .zero)
            #expect(await follower.progress == before)
            try await eventually("they stay away") {
                try await follower.refresh(within: .zero)
                return await follower.progress.lastEvent == 2
            }
            #expect(await !follower.isOver(after: before))
            // Fewer events than before: who has the new ones still gets only what has changed.
            let present = await follower.progress
            #expect(await follower.instances(changedAfter: before) == nil)
            try await ControlJournal(journal.control).append([Self.ended("b", 20)], to: run.id)
            try await follower.refresh(within: .zero)
            #expect(await follower.instances(changedAfter: present) == ["b"])
            // A client that had more of this edition before the reader was started anew.
            #expect(await follower.instances(changedAfter: RunProgress(edition: present.edition, lastEvent: 4)) == nil)
        }
    }

    /// What was read before stays until the run is read anew.
    @Test func aFollowerShowsNoRunThatIsHalfRead() async throws {
        try await withRun { journal, database in
            let proxy = try FaultProxy(to: .port(database.server.port))
            let far = ControlJournal(ControlDatabase(database.ownerOverTCP(port: proxy.port)))
            let follower = RunFollower(run, in: far)
            try await journal.append([Self.ended("a", 2), Self.ended("b", 3)], to: run.id)
            try await follower.refresh(within: .zero)
            let before = await follower.progress
            try await takeOver(after: 3, [Self.ended("c", 10), Self.ended("b", 11)], database)
            proxy.set(delay: .milliseconds(30))
            let isRead = Shared(false)
            async let refreshed: Void = {
                try await follower.refresh(within: .zero)
                isRead.change { $0 = true }
            }()
            var seen: Set<RunProgress> = []
            while !isRead.value {
                seen.insert(await follower.progress)
                await pause(for: .milliseconds(2), cancellation: .ignored)
            }
            try await refreshed
            let after = RunProgress(edition: before.edition + 1, lastEvent: 5)
            #expect(seen.isSubset(of: [before, after]) && seen.contains(before), "\(seen)")
            #expect(await follower.progress == after)
            try await far.close()
        }
    }

    @Test func aWaitSeesWhatHasANumberThatItHas() async throws {
        try await withRun { journal, database in
            let lock = try await journal.lock(run.id)
            try await journal.append([Event(at: moment(2), .gateOpened(wave: "all"))], to: run.id)
            let proxy = try FaultProxy(to: .port(database.server.port))
            let far = ControlJournal(ControlDatabase(database.ownerOverTCP(port: proxy.port)))
            let wait = RunWait(RunCatalog(journal: .control(database.owner)) { _ in }, in: far, interval: .milliseconds(20))
            async let result = wait.result(of: run.id, for: .halted, within: .seconds(60))
            // More than it takes to look once.
            try await eventually("it has read the gate") { proxy.counts.roundTrips > 40 }
            let json = EventRow(Event(at: moment(3), .halted(.nothingReached(wave: "all")))).json
            try await database.execute([
                "UPDATE convoy_control.events SET type = 'halted', recorded_at = clock_timestamp(), json = '\(json)' WHERE number = 3"
            ])
            guard case .halted = try await result else {
                Issue.record("not halted")
                return
            }
            await lock.release()
            try await far.close()
        }
    }

    /// A follower that began late knows only the events that say how the run stands; it finds the last shared one among those.
    @Test func aFollowerThatBeganLateShowsLittleTwice() async throws {
        try await withRun { journal, database in
            let names = (1...40).map { "instance-\($0)" }
            for name in names {
                let migrations = (1...5).map { (version: Int64) -> Event in
                    let migration = AppliedMigration(version: MigrationVersion(version), direction: .up, duration: .seconds(1))
                    return Event(at: moment(2), .migrationApplied(instance: name, migration: migration))
                }
                let start = Event(at: moment(2), .instanceStarted(instance: name, wave: "all"))
                try await journal.append([start] + migrations + [Self.ended(name, 3)], to: run.id)
            }
            let follower = RunFollower(run, in: journal)
            try await follower.refresh(within: .zero)
            let before = await follower.progress
            #expect(before.lastEvent == 282)
            try await takeOver(after: 280, [Self.ended("a", 10), Self.ended("b", 11)], database)
            try await follower.refresh(within: .zero)
            let (events, start) = try await follower.events(after: before, limit: 20)
            // The last instance's start; what it applied then is shown once more.
            #expect(start.lastEvent == 276)
            #expect(events.map(\.number) == Array(277...282))
        }
    }

    /// A client that looks seldom.
    @Test func whatTwoSwitchesHaveReplacedIsShownToWhoMissedTheFirst() async throws {
        try await withRun { journal, database in
            let follower = RunFollower(run, in: journal)
            try await journal.append([Self.ended("a", 2), Self.ended("b", 3)], to: run.id)
            try await follower.refresh(within: .zero)
            let before = await follower.progress
            try await takeOver(after: 2, (0..<4).map { Self.ended("c", 10 + Double($0)) }, database)
            try await follower.refresh(within: .zero)
            try await takeOver(after: 5, [Self.ended("a", 20)], database)
            try await follower.refresh(within: .zero)
            #expect(await follower.progress == RunProgress(edition: before.edition + 2, lastEvent: 6))
            let (events, start) = try await follower.events(after: before, limit: 20)
            #expect(start.lastEvent == 2)
            #expect(events.map(\.number) == Array(3...6))
        }
    }

    /// The switch comes after a run was handed over, and before the process that follows it has read anything.
    @Test func whatReplacesEventsFromBeforeAResumptionIsShown() async throws {
        let fleet = "version: 1\nfleet: test\nmigrations: Migrations\ninstances:\n  - {name: a, host: h, user: u, database: a}\n"
        let migration = "-- migrate:up\nCREATE TABLE cars (id bigint);\n-- migrate:down\nDROP TABLE cars;\n"
        try await withTemporaryFolder(files: ["fleet.yaml": fleet, "Migrations/1_cars.sql": migration]) { folder in
            let client = try FleetClient(fleetFile: "\(folder)/fleet.yaml", environment: [:])
            try await withRun { journal, database in
                try await journal.append([Self.ended("a", 2), Self.ended("b", 3), Self.ended("c", 4)], to: run.id)
                let submission = try #require(RunSubmission(client.fleet, in: journal))
                let trail = try await submission.trail(of: run.id)
                #expect(trail.last == 5)
                let new = [Self.ended("c", 10), Self.ended("b", 11), Event(at: moment(12), .runFinished(status: .halted))]
                try await takeOver(after: 3, new, database)
                let sink = KeptEvents()
                let log = await submission.follow(
                    run.id,
                    after: trail,
                    by: "ann@here",
                    stopRequests: AsyncStream { $0.finish() },
                    answers: AsyncStream { $0.finish() },
                    events: sink,
                    note: { _ in }
                )
                #expect(sink.events.value.map(\.at) == new.map(\.at))
                #expect(log.status == .halted)
                #expect(log.instance("a")?.outcome == .migrated)
            }
        }
    }

    /// A standby that is a moment behind lacks the last event (-) for a few looks and has it again (+): what is missing five times in a row was lost, and so
    /// was what another event (x) has taken the place of. An alarm is shown as “!”, after which all is read
    /// anew, and events as “e”.
    @Test(arguments: [
        ("+", "."), ("-+", ".."), ("----", "...."), ("----+----", "........."), ("-----", "....!"), ("----+-----", ".........!"),
        ("-------", "....!e."), ("-----+", "....!e"), ("x", "!"), ("--x", "..!"), ("xx", "!e"),
    ])
    func onlyWhatStaysAwayWasLost(_ looks: String, _ expected: String) async throws {
        try await withRun { journal, database in
            try await database.execute(["CREATE TABLE public.kept AS SELECT * FROM convoy_control.events WHERE number = 2"])
            var trail = EventTrail()
            let first = try await trail.next(of: run.id, limit: 10, in: journal)
            #expect(first.events.map(\.number) == [1, 2])
            var seen = ""
            for look in looks {
                var statements = ["DELETE FROM convoy_control.events WHERE number = 2"]
                if look != "-" { statements.append("INSERT INTO convoy_control.events SELECT * FROM public.kept") }
                if look == "x" { statements.append("UPDATE convoy_control.events SET recorded_at = clock_timestamp() WHERE number = 2") }
                try await database.execute(statements)
                let page = try await trail.next(of: run.id, limit: 10, in: journal)
                seen += page.lastShared != nil ? "!" : page.events.isEmpty ? "." : "e"
                if let shared = page.lastShared { #expect(shared == 1) }
            }
            #expect(seen == expected)
        }
    }

    /// Only the last events are remembered, which are compared one by one.
    @Test func aTrailFindsTheLastSharedEvent() async throws {
        try await withRun { journal, database in
            var trail = EventTrail()
            var page = try await trail.next(of: run.id, limit: 1, in: journal)
            #expect(page.events.map(\.number) == [1] && page.isFull)
            page = try await trail.next(of: run.id, limit: 10, in: journal)
            #expect(page.events.map(\.number) == [2] && !page.isFull && page.lastShared == nil)
            page = try await trail.next(of: run.id, limit: 10, in: journal)
            #expect(page.events.isEmpty && trail.last == 2)
            try await takeOver(after: 1, [Self.ended("a", 5), Self.ended("b", 6)], database)
            page = try await trail.next(of: run.id, limit: 10, in: journal)
            #expect(page.lastShared == 1 && page.events.isEmpty && page.isFull)
            page = try await trail.next(of: run.id, limit: 10, in: journal)
            #expect(page.lastShared == nil && page.events.map(\.number) == [1, 2, 3])
        }
    }
}

private final class KeptEvents: EventSink {
    let events = Shared<[Event]>([])

    func send(_ events: [Event]) async { self.events.change { $0 += events } }
}
