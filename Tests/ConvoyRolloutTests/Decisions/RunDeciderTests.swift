import ConvoyFleet
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyRollout

@Suite struct RunDeciderTests {
    private let now = Date(timeIntervalSince1970: 1_000_000)

    private func decider(
        _ connected: ConnectedPlan,
        hooks: Set<HookPoint> = [],
        hasWindow: Bool = false,
        isShared: Bool = true
    ) -> RunDecider {
        let terms = RunDecider.Terms(
            connected.plan,
            on: connected.targets,
            id: RunID("run-1"),
            hookPoints: hooks,
            hasWindow: hasWindow,
            isShared: isShared
        ) { _ in 1 }
        return RunDecider(terms)
    }

    private func gated(_ name: String, _ names: String) -> ConnectedWave {
        var wave = planned(name, names)
        wave.wave.gate = RunPlan.GateTerms(Gate(approve: true))
        return wave
    }

    private func ended(_ name: String, _ outcome: Outcome = .migrated) -> RunDecider.Fact {
        .instanceFinished(name, InstanceResult(outcome: outcome, failure: outcome.isGood ? nil : Failure(outcome, "no")), at: now)
    }

    private func hook(_ point: HookPoint, wave: String? = nil, problem: String? = nil) -> RunDecider.Fact {
        .hookFinished(HookResult(point: point, wave: wave, instance: nil, duration: .zero, problem: problem, output: ""))
    }

    private func texts(_ turn: RunDecider.Turn) -> [String] { turn.events.map(\.kind.text) }

    @Test func aStopCountsBeforeTheEndsOfItsTurn() {
        var decider = decider(plan(planned("all", "a@x b@y", maxParallel: 1)))
        let first = decider.begin(by: "ann", at: now)
        #expect(texts(first) == ["run of eu: all", "wave all", "start a"])
        #expect(first.begins == [.change("a", wave: "all")])
        let turn = decider.decide([ended("a"), .stopRequested], at: now)
        #expect(texts(turn) == ["a migrated", "stop", "end all", "finish interrupted"])
        #expect(turn.begins == [])
        #expect(turn.ending == .interrupted && decider.isOver)
    }

    @Test func whatIsNotInProgressChangesNothing() {
        var decider = decider(plan(planned("all", "a@x b@y", maxParallel: 1)), hooks: [.beforeWave])
        #expect(decider.begin(by: "ann", at: now).begins == [.hook(.beforeWave, wave: "all")])
        #expect(decider.decide([ended("a"), hook(.afterWave, wave: "all"), .gateEnded(wave: "all", .passed)], at: now).isEmpty)
        #expect(!decider.awaits(.change("a", wave: "all")) && decider.awaits(.hook(.beforeWave, wave: "all")))
        #expect(texts(decider.decide([hook(.beforeWave, wave: "all")], at: now)) == ["hook before_wave ok", "start a"])
        // Two reports of one end are one.
        #expect(texts(decider.decide([ended("a"), ended("a", .failed)], at: now)) == ["a migrated", "start b"])
        #expect(decider.decide([ended("a")], at: now).isEmpty)
    }

    /// Other processes learn a budget only from its event.
    @Test(arguments: [(true, ["budget s 64", "start a", "start b"]), (false, ["start a", "start b"])])
    func aSharedRunRecordsEachBudget(_ isShared: Bool, _ events: [String]) {
        var decider = decider(plan(planned("all", "a b")), isShared: isShared)
        let first = decider.begin(by: "ann", at: now)
        #expect(first.begins == [.watchServer("s")])
        #expect(decider.isNews(available: nil, on: "s"))
        #expect(texts(decider.decide([.slots(server: "s", available: nil)], at: now)) == events)
        #expect(
            !decider.isNews(available: nil, on: "s") && !decider.isNews(available: 100, on: "s") && decider.isNews(available: 1, on: "s")
        )
        #expect(decider.decide([.slots(server: "s", available: 100)], at: now).isEmpty)
    }

    @Test(arguments: [true, false])
    func anApprovalBeforeTheGateIsGivenWhenItOpens(_ isShared: Bool) {
        var decider = decider(plan(gated("canary", "a@x"), planned("rest", "b@y")), isShared: isShared)
        _ = decider.begin(by: "ann", at: now)
        let early = decider.decide([.requested(.approve(wave: "canary"), by: "eve"), .requested(.approve(wave: nil), by: "bob")], at: now)
        #expect(texts(early) == (isShared ? ["approved canary eve"] : []))
        let turn = decider.decide([ended("a")], at: now)
        #expect(texts(turn) == ["a migrated", "end canary", "gate canary", "approved canary eve"])
        #expect(turn.begins == [.gate(wave: "canary")])
        #expect(turn.approvals == [.init(wave: "canary", by: "eve")])
        #expect(texts(decider.decide([.gateEnded(wave: "canary", .passed)], at: now)) == ["gate canary passed", "wave rest", "start b"])
    }

    @Test(arguments: [(nil, RunEnding.succeeded), ("exit code 3", .failed)])
    func theLastHookClosesTheRun(_ problem: String?, _ status: RunEnding) {
        var decider = decider(plan(planned("all", "a@x")), hooks: [.afterRun])
        _ = decider.begin(by: "ann", at: now)
        let turn = decider.decide([ended("a")], at: now)
        #expect(turn.begins == [.hook(.afterRun, wave: nil)] && turn.ending == .succeeded && !decider.isOver)
        #expect(decider.decide([.stopRequested, ended("a")], at: now).isEmpty)
        let last = decider.decide([hook(.afterRun, problem: problem)], at: now)
        #expect(texts(last) == ["hook after_run \(problem ?? "ok")", "finish \(status.rawValue)"])
        #expect(decider.isOver)
    }

    @Test func aGateThatIsAbandonedIsWithdrawnAndWatchesEndWithTheRun() {
        var decider = decider(plan(gated("canary", "a b"), planned("rest", "c@y")), hasWindow: true)
        #expect(decider.begin(by: "ann", at: now).begins == [.watchServer("s"), .watchWindow])
        _ = decider.decide([.slots(server: "s", available: nil)], at: now)
        _ = decider.decide([ended("a"), ended("b")], at: now)
        let turn = decider.decide([.requested(.stop, by: "ann")], at: now)
        #expect(turn.withdraws == [.gate(wave: "canary"), .watchServer("s"), .watchWindow])
        #expect(texts(turn) == ["stop", "finish interrupted"])
        #expect(!decider.awaits(.gate(wave: "canary")) && !decider.awaits(.watchWindow))
    }

    @Test func aSecondStopCancelsAll() {
        var decider = decider(plan(planned("all", "a@x b@y", maxParallel: 1)))
        _ = decider.begin(by: "ann", at: now)
        #expect(!decider.decide([.stopRequested], at: now).cancelsAll)
        let turn = decider.decide([.stopRequested], at: now)
        #expect(turn.cancelsAll && texts(turn) == ["cancel"])
        #expect(texts(decider.decide([ended("a", .interrupted)], at: now)) == ["a interrupted", "end all", "finish interrupted"])
    }

    @Test func whatWasRecordedOtherwiseIsNotReplayed() throws {
        let connected = plan(planned("all", "a@x b@y", maxParallel: 1))
        var first = decider(connected)
        let beginning = first.begin(by: "ann", at: now).events
        let next = first.decide([ended("a")], at: now).events
        var second = decider(connected)
        _ = try second.replay(beginning)
        #expect(throws: RunDecider.ReplayError(recorded: nil, expected: "instance_started b")) { try second.replay(Array(next.dropLast())) }
        var third = decider(connected)
        #expect(throws: RunDecider.ReplayError(recorded: "wave_started other", expected: "wave_started all")) {
            try third.replay([beginning[0], Event(at: now, .waveStarted(wave: "other")), beginning[2]])
        }
    }

    /// A run that one process began, and whose turns are not known, can go on as a shared one.
    @Test func onlyTheEventsSinceTheLastResumptionNeedTheirTurns() throws {
        let connected = plan(planned("all", "a@x b@y c@z", maxParallel: 1))
        var alone = decider(connected, isShared: false)
        var events = alone.begin(by: "ann", at: now).events
        events += alone.decide([ended("a")], at: now).events
        events += alone.decide([.stopRequested], at: now).events
        var log = RunLog()
        for event in events { log.apply(event) }
        var shared = RunDecider(decider(connected).terms, past: log)
        let resumption = shared.begin(by: "bob", at: now)
        #expect(texts(resumption) == ["resume", "start b"])
        // As single turns they would be nonsense.
        var restored = try RunDecider.restored(shared.terms, from: events.map { [$0] } + [resumption.events])
        #expect(restored.awaits(.change("b", wave: "all")) && !restored.awaits(.change("a", wave: "all")))
        #expect(texts(restored.decide([ended("b")], at: now)) == ["b migrated", "start c"])
        #expect(restored.past?.instance("a")?.outcome == .migrated)
    }

    /// What is asked last counts: nothing starts on a server that is paused in the end.
    @Test func requestsOfOneTurnCountTogether() {
        var decider = decider(plan(planned("all", "a@x b@x c@y d@y", maxParallel: 2)), isShared: false)
        _ = decider.begin(by: "ann", at: now)
        _ = decider.decide([.requested(.pause(server: "x"), by: "ann"), .requested(.pause(server: "y"), by: "ann")], at: now)
        let free: [RunDecider.Fact] = [.slots(server: "x", available: nil), .slots(server: "y", available: nil)]
        #expect(decider.decide(free, at: now).isEmpty)
        let requests: [OperatorRequest.Kind] = [.unpause(server: "x"), .unpause(server: "y"), .pause(server: "x")]
        let turn = decider.decide(requests.map { .requested($0, by: "bob") }, at: now)
        #expect(texts(turn) == ["unpause x", "unpause y", "pause x", "start c", "start d"])
    }

    /// Nothing is left to do: what would be watched is not begun.
    @Test func aResumedRunThatEndsAtOnceBeginsNothing() {
        var decider = decider(plan(planned("all", "a b", maxParallel: 1)), hasWindow: true)
        _ = decider.begin(by: "ann", at: now)
        _ = decider.decide([.slots(server: "s", available: nil)], at: now)
        _ = decider.decide([ended("a", .failed)], at: now)
        #expect(decider.decide([ended("b")], at: now).ending == .failed)
        let turn = decider.begin(by: "bob", at: now)
        #expect(turn.begins == [] && turn.ending == .failed && decider.isOver)
    }

    @Test func workIsReadAsItIsStored() {
        let works: [Work] = [
            .change("a", wave: "w"), .rollBack("a", wave: "w"), .hook(.beforeRun, wave: nil), .hook(.beforeWave, wave: "w"),
            .hook(.afterWave, wave: "w"), .hook(.afterRun, wave: nil), .gate(wave: "w"), .watchServer("s"), .watchWindow,
        ]
        #expect(works.map(\.kind) == WorkKind.allCases)
        #expect(works.map { Work($0.kind, subject: $0.subject, wave: $0.wave ?? "") } == works)
    }
}
