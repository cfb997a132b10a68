import ConvoyFleet
import ConvoyKit
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
            #expect(await follower.lastEvent == 4)
            let edition = await follower.edition
            try await takeOver(after: 3, [Event(at: moment(9), .runFinished(status: .halted)), Self.ended("c", 10)], database)
            try await follower.refresh(within: .zero)
            #expect(await follower.lastEvent == 5)
            // The end of the run has the number of the event that is gone.
            #expect(await follower.isOver(after: 5))
            // A client that had the fourth event gets the new one, and all instances.
            let (events, start, present) = try await follower.events(after: 4, of: edition, limit: 10)
            #expect(events.map(\.number) == [4, 5])
            #expect(start == 3 && present == edition + 1)
            #expect(await follower.instances(changedAfter: 4) == nil)
            // From then on it goes on as before.
            let next = try await follower.events(after: 5, of: present, limit: 10)
            #expect(next.events.isEmpty && next.start == 5)
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
            try await takeOver(after: left, left == 0 ? beginning : [], database)
            // A standby that is a moment behind lacks them as well.
            try await follower.refresh(within: .zero)
            #expect(await follower.lastEvent == 4)
            try await eventually("they stay away") {
                try await follower.refresh(within: .zero)
                return await follower.lastEvent == 2
            }
            #expect(await !follower.isOver(after: 4))
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

    /// A standby that is a moment behind lacks the last event (-) for a few looks and has it again (+): what is missing five times in a row was lost, and so
    /// was what another event (x) has taken the place of. An alarm is shown as “!”, and new events as “e”.
    @Test(arguments: [
        ("+", "."), ("-+", ".."), ("----", "...."), ("----+----", "........."), ("-----", "....!"), ("----+-----", ".........!"),
        ("-------", "....!.."), ("-----+", "....!e"), ("x", "!"), ("--x", "..!"), ("xx", "!!"),
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

    /// Only the last events are remembered, which are compared in one answer.
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
            #expect(page.lastShared == 1 && page.events.map(\.number) == [2, 3])
            page = try await trail.next(of: run.id, limit: 10, in: journal)
            #expect(page.lastShared == nil && page.events.isEmpty)
            // Behind the beginning nothing was read that could be compared.
            var late = EventTrail(after: 2)
            #expect(try await late.next(of: run.id, limit: 10, in: journal).events.map(\.number) == [3])
        }
    }
}
