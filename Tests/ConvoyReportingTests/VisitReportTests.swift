import ConvoyFleet
import ConvoyMigrations
import ConvoyRun
import FoundationEssentials
import Testing

@testable import ConvoyReporting

/// What one run does to one instance, step by step.
struct VisitReportTests {
    private static let third = MigrationVersion(20_260_809_090_000)

    private static let started = Event.Kind.instanceStarted(instance: "bob", wave: "rest")
    private static let planned = Event.Kind.instancePlanned(instance: "bob", from: nil, pending: [older, newest, third])
    private static let first = Event.Kind.migrationApplied(
        instance: "bob",
        migration: AppliedMigration(version: older, direction: .up, duration: .seconds(2))
    )

    private static func finished(_ outcome: Outcome, _ failure: Failure? = nil, applied: [MigrationVersion] = [older]) -> Event.Kind {
        .instanceFinished(
            instance: "bob",
            result: InstanceResult(
                outcome: outcome,
                to: applied.last,
                applied: applied.map { AppliedMigration(version: $0, direction: .up, duration: .seconds(2)) },
                failure: failure
            )
        )
    }

    private func visit(_ kinds: [Event.Kind]) -> VisitReport {
        var visit = VisitReport(instance: "bob")
        for (second, kind) in kinds.enumerated() { visit.apply(Event(at: moment(Double(second)), kind)) }
        return visit
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var kinds: [Event.Kind]
        var state = RunState.running
        var start: InstanceStart?
        var steps: String
    }

    private static let start = InstanceStart(version: nil, pending: [older, newest])

    @Test(arguments: [
        Case(testDescription: "nothing is known", kinds: [], steps: ""),
        Case(testDescription: "its turn has not come", kinds: [], start: start, steps: "to-come to-come"),
        Case(testDescription: "its turn never came", kinds: [], state: .ended(.halted), start: start, steps: "not-run not-run"),
        Case(testDescription: "before its probe", kinds: [started], start: start, steps: "to-come to-come"),
        Case(testDescription: "after its probe", kinds: [started, planned], steps: "in-progress to-come to-come"),
        Case(testDescription: "in progress", kinds: [started, planned, first], steps: "done in-progress to-come"),
        Case(testDescription: "cut off", kinds: [started, planned, first], state: .cutOff, steps: "done cut-off not-run"),
        Case(testDescription: "cut off before its probe", kinds: [started], state: .cutOff, start: start, steps: "not-run not-run"),
        Case(
            testDescription: "resumed",
            kinds: [started, planned, first, .runResumed(by: "ann@host"), started, planned],
            steps: "done in-progress to-come to-come"
        ),
        Case(
            testDescription: "failed",
            kinds: [started, planned, first, finished(.failed, overflow)],
            steps: "done failed not-run"
        ),
        Case(
            testDescription: "interrupted",
            kinds: [started, planned, first, finished(.interrupted, Failure(.interrupted, "interrupted"))],
            state: .ended(.interrupted),
            steps: "done not-run not-run"
        ),
        Case(
            testDescription: "migrated",
            kinds: [started, planned, first, finished(.migrated, applied: [older, newest, third])],
            state: .ended(.succeeded),
            steps: "done done done"
        ),
        Case(testDescription: "unreachable", kinds: [started, finished(.unreachable, applied: [])], start: start, steps: ""),
        Case(
            testDescription: "being rolled back",
            kinds: [
                started, planned, first, finished(.failed, overflow), .rollbackStarted(instance: "bob", wave: "rest"),
                .instancePlanned(instance: "bob", from: older, pending: [older]),
            ],
            steps: "done in-progress"
        ),
    ])
    func everyStepHasAState(_ example: Case) {
        let steps = visit(example.kinds).steps(.up, in: example.state, from: example.start)
        #expect(steps.map(\.state.rawValue).joined(separator: " ") == example.steps)
    }

    @Test func whatIsDoneHasItsTimesAndWhatIsLeftItsDirection() {
        let visit = visit([
            Self.started, Self.planned, Self.first, Self.finished(.failed, overflow), .rollbackStarted(instance: "bob", wave: "rest"),
            .instancePlanned(instance: "bob", from: older, pending: [older]),
        ])
        let steps = visit.steps(.up, in: .running)
        #expect(steps.map(\.version) == [older, older])
        #expect(steps.map(\.direction) == [.up, .down])
        #expect(steps.map(\.duration) == [.seconds(2), nil])
        #expect(steps.map(\.endedAt) == [moment(2), nil])
    }

    @Test func aWaitBeginsOnceAndEndsWithTheNextStep() throws {
        let holder = LockHolder(pid: 4711, application: "psql", address: nil, since: nil)
        let facts = WaitFacts(blockers: [holder], statement: "DROP TABLE cars", line: 3)
        var visit = visit([
            Self.started, Self.planned, .instanceWaiting(instance: "bob", reason: "a lock"),
            .instanceWaiting(instance: "other", reason: "something else"),
            .instanceWaiting(instance: "bob", reason: "a lock that 4711 holds", facts: facts),
        ])
        #expect(try #require(visit.wait) == VisitReport.Wait(reason: "a lock that 4711 holds", since: moment(2), facts: facts))
        // The holder may be found after the statement.
        visit.apply(Event(at: moment(8), .instanceWaiting(instance: "bob", reason: "a lock", facts: WaitFacts(blockers: [holder]))))
        #expect(visit.wait?.facts == facts)
        visit.apply(Event(at: moment(9), Self.first))
        #expect(visit.wait == nil)
        visit.apply(Event(at: moment(10), .instanceWaiting(instance: "bob", reason: "again")))
        #expect(visit.wait?.since == moment(10))
        visit.apply(Event(at: moment(11), .runResumed(by: "ann@host")))
        #expect(visit.wait == nil)
    }

    @Test func hooksAndWarningsAreKeptButNotWithoutEnd() {
        var visit = visit([Self.started])
        for number in 0..<50 {
            visit.apply(Event(at: moment(Double(number)), .instanceWarned(instance: "bob", message: "\(number)")))
            let hook = HookResult(
                point: .beforeInstance,
                wave: "rest",
                instance: number == 49 ? "other" : "bob",
                duration: .zero,
                problem: nil,
                output: "\(number)"
            )
            visit.apply(Event(at: moment(Double(number)), .hookFinished(hook)))
        }
        #expect(visit.warnings.count == 20 && visit.warnings.last?.value == "49")
        #expect(visit.hooks.count == 20 && visit.hooks.last?.value.output == "48")
    }

    @Test func aWaitNamesOnlySoMuch() {
        let holder = LockHolder(pid: 1, application: "", address: nil, since: nil)
        let facts = WaitFacts(blockers: Array(repeating: holder, count: 90), statement: String(repeating: "x", count: 100_000), line: 1)
        #expect(facts.blockers.count == 5)
        #expect((facts.statement?.count ?? 0) < 20_000)
    }
}
