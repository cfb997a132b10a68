import ConvoyFleet
import ConvoyMigrations
import FoundationEssentials
import Synchronization
import TestSupport
import Testing

@testable import ConvoyIO
@testable import ConvoyRollout
@testable import ConvoyRun

@Suite(.timeLimit(.minutes(1))) struct CoordinatorTests {
    let fake = FakeInstances()
    let sink = RecordingSink()
    var coordinator: Coordinator { Coordinator(migrator: fake, inspector: fake, events: sink) }

    @Test func aRunTellsEverythingInOrder() async {
        async let running = coordinator.run(plan(planned("canary", "a"), planned("rest", "b c", maxParallel: 1)))
        await fake.begun("a")
        fake.report("a", .instancePlanned(instance: "a", from: nil, pending: [MigrationVersion(1)]))
        fake.report("a", .instanceWaiting(instance: "a", reason: "lock"))
        for name in ["a", "b", "c"] { fake.finish(name) }
        let report = await running
        #expect(
            sink.texts == [
                "run of eu: canary rest", "wave canary", "start a", "plan a 1", "wait a lock", "a migrated", "end canary",
                "wave rest", "start b", "b migrated", "start c", "c migrated", "end rest", "finish succeeded",
            ]
        )
        #expect(report.status == .succeeded)
        #expect(report.fleet == "eu")
        #expect(report.instances.map(\.name) == ["a", "b", "c"])
        #expect(report.instances.map(\.wave) == ["canary", "rest", "rest"])
    }

    @Test func aPlanWithoutInstancesEndsAtOnce() async {
        let report = await coordinator.run(plan())
        #expect(report.status == .succeeded)
        #expect(sink.texts == ["run of eu: ", "finish succeeded"])
    }

    @Test func aHangingInstanceDelaysNobodyElse() async {
        let (stops, operatorAsks) = AsyncStream.makeStream(of: Void.self)
        async let running = coordinator.run(plan(planned("all", "hangs a b c d", maxParallel: 2)), stopRequests: stops)
        await fake.begun("hangs")
        for (name, outcome) in [("a", Outcome.failed), ("b", .unreachable), ("c", .migrated), ("d", .lockBusy)] {
            await fake.begun(name)
            fake.finish(name, outcome)
            await sink.saw("\(name) \(outcome.rawValue)")
        }
        fake.finish("hangs")
        let report = await running
        operatorAsks.finish()
        #expect(report.instances.map(\.outcome) == [.migrated, .failed, .unreachable, .migrated, .lockBusy])
        #expect(report.status == .failed)
    }

    @Test func aStopRuleHaltsAndLeavesTheRestPending() async {
        async let running = coordinator.run(plan(planned("all", "a b c", maxParallel: 2, failures: 1), planned("later", "d")))
        await fake.begun("b")
        fake.finish("a", .failed)
        await sink.saw("halt")
        fake.finish("b")
        let report = await running
        #expect(report.instances.map(\.outcome) == [.failed, .migrated, .pending, .pending])
        #expect(report.haltReason == .failures(wave: "all", limit: 1, instances: ["a"]))
        #expect(report.status == .halted)
        #expect(fake.calls.sorted() == ["a", "b"])
        #expect(sink.texts.suffix(5) == ["a failed", "halt", "b migrated", "end all", "finish halted"])
    }

    @Test func theFirstStopLetsWhatRunsFinish() async {
        let (stops, operatorAsks) = AsyncStream.makeStream(of: Void.self)
        async let running = coordinator.run(plan(planned("all", "a b", maxParallel: 1)), stopRequests: stops)
        await fake.begun("a")
        operatorAsks.yield()
        await sink.saw("stop")
        fake.finish("a")
        let report = await running
        #expect(report.instances.map(\.outcome) == [.migrated, .pending])
        #expect(report.status == .interrupted)
        #expect(fake.calls == ["a"])
        #expect(sink.texts == ["run of eu: all", "wave all", "start a", "stop", "a migrated", "end all", "finish interrupted"])
    }

    @Test func theSecondStopCancelsWhatRuns() async {
        let (stops, operatorAsks) = AsyncStream.makeStream(of: Void.self)
        async let running = coordinator.run(plan(planned("all", "a b c", maxParallel: 2)), stopRequests: stops)
        await fake.begun("a")
        await fake.begun("b")
        operatorAsks.yield()
        await sink.saw("stop")
        operatorAsks.yield()
        let report = await running
        #expect(report.instances.map(\.outcome) == [.interrupted, .interrupted, .pending])
        #expect(report.status == .interrupted)
        #expect(sink.texts.contains("cancel"))
    }

    @Test func cancellingTheTaskIsBothStopsAtOnceAndLosesNoResult() async {
        let coordinator = coordinator
        let task = Task { await coordinator.run(plan(planned("all", "a b c", maxParallel: 2), planned("later", "d"))) }
        await fake.begun("a")
        await fake.begun("b")
        task.cancel()
        let report = await task.value
        #expect(report.instances.map(\.outcome) == [.interrupted, .interrupted, .pending, .pending])
        #expect(sink.texts.last == "finish interrupted")
        #expect(fake.calls.count == 2)
    }

    @Test func aCancelledTaskTouchesNothing() async {
        let coordinator = coordinator
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await coordinator.run(plan(planned("all", "a b")))
        }
        let report = await task.value
        #expect(report.status == .interrupted)
        #expect(fake.calls == [])
        #expect(report.instances.allSatisfy { [.pending, .interrupted].contains($0.outcome) })
    }

    /// The journal of a run has to have an event before its effect.
    @Test func nothingStartsBeforeItsEventIsTaken() async {
        let gate = GatedSink()
        async let running = Coordinator(migrator: fake, inspector: fake, events: EventFanOut([gate, sink])).run(plan(planned("all", "a b")))
        await gate.hasBatch()
        #expect(fake.calls == [])
        #expect(sink.texts == [])
        gate.open()
        await fake.begun("a")
        #expect(sink.texts == ["run of eu: all", "wave all", "start a", "start b"])
        fake.finish("a")
        fake.finish("b")
        _ = await running
    }

    /// What comes in while the journal is busy is one batch, in which the operator's stop counts before the finish that would start another.
    @Test func aBusyJournalGetsTheNextEventsTogetherAndAStopIsNotLate() async {
        let gate = GatedSink()
        let mailbox = Mailbox<RunDecider.Fact>()
        let connected = plan(planned("all", "a@x b@y", maxParallel: 1))
        var driver = RunDriver(
            Coordinator(migrator: fake, inspector: fake, events: EventFanOut([sink, gate])) { Date(timeIntervalSince1970: 0) },
            plan: connected.plan,
            targets: connected.targets,
            id: RunID("run-1"),
            startedAt: Date(timeIntervalSince1970: 0),
            past: nil,
            by: "",
            mailbox: mailbox,
            loss: OneShot(),
            permit: WorkPermit(),
            stops: StopRequests {}
        )
        async let opened: Void = {
            await gate.hasBatch()
            mailbox.post(.instanceFinished("a", InstanceResult(outcome: .migrated), at: Date(timeIntervalSince1970: 1)))
            mailbox.post(.stopRequested)
            gate.open()
        }()
        fake.finish("a")
        fake.finish("b")
        let report = await driver.run()
        await opened
        #expect(report.status == .interrupted)
        #expect(report.instances.map(\.outcome) == [.migrated, .pending])
        #expect(!fake.calls.contains("b"))
        #expect(sink.texts.contains("stop"))
        #expect(sink.batches[1] >= 3)
    }

    @Test func timesNeverGoBack() async {
        let clock = Mutex(0.0)
        let coordinator = Coordinator(migrator: fake, inspector: fake, events: sink) {
            Date(
                timeIntervalSince1970: clock.withLock {
                    $0 -= 1; return $0
                }
            )
        }
        fake.finish("a")
        let report = await coordinator.run(plan(planned("all", "a")))
        let times = sink.events.map(\.at)
        #expect(times == times.sorted())
        #expect(report.duration(at: .distantPast) >= .zero)
    }

    /// What has settled stays as it is; the events begin anew and the run is resumed.
    @Test func aRunWhoseFirstEventIsDamagedIsResumedFromItsPlan() async {
        let plan = plan(planned("all", "a b"))
        var past = RunLog(announcing: plan.plan.plannedWaves)
        past.apply(Event(at: Date(timeIntervalSince1970: 1), .instanceStarted(instance: "a", wave: "all")))
        past.apply(
            Event(at: Date(timeIntervalSince1970: 2), .instanceFinished(instance: "a", result: InstanceResult(outcome: .rolledBack)))
        )
        fake.finish("b")
        let log = await coordinator.run(plan, resuming: past)
        #expect(fake.calls == ["b"])
        #expect(log.instances.map(\.outcome) == [.rolledBack, .migrated])
        #expect(log.status == .succeeded)
    }

    @Test func aRelayEndsWithTheRunAndLosesNothing() async {
        let relay = EventRelay()
        fake.finish("a")
        let report = await Coordinator(migrator: fake, inspector: fake, events: relay).run(plan(planned("all", "a")), id: RunID("run-7"))
        var texts: [String] = []
        for await event in relay.events { texts.append(event.kind.text) }
        #expect(texts == ["run of eu: all", "wave all", "start a", "a migrated", "end all", "finish succeeded"])
        #expect(report.run == "run-7")
    }

    @Test func runIDsSortByTime() {
        var random = SeededGenerator(seed: 7)
        let one = RunID(startedAt: Date(timeIntervalSince1970: 1_795_350_896), using: &random)
        let two = RunID(startedAt: Date(timeIntervalSince1970: 1_795_350_897.9), using: &random)
        #expect(one.description.hasPrefix("20261122T123456Z-"))
        #expect(two.description.hasPrefix("20261122T123457Z-"))
        #expect(one.description.count == 23)
        #expect(one < two)
    }

    @Test func tenThousandInstancesStayWithinTheLimits() async {
        let counting = CountingInstances()
        let all = (0..<10_000).map { instance("i\($0)@s\($0 % 40)") }
        let report = await Coordinator(migrator: counting, inspector: counting, events: EventFanOut([])).run(
            plan(
                ConnectedWave("canary", Array(all[..<10]), maxParallel: 1),
                ConnectedWave("rest", Array(all[10...]), maxParallel: 50),
                limits: ConnectionLimits(total: 100, perServer: 4, servers: ["s3": 2])
            )
        )
        #expect(report.status == .succeeded)
        #expect(report.instances.count == 10_000)
        let most = counting.most
        #expect(most.total <= 50)
        #expect(most.servers.allSatisfy { $0.value <= ($0.key == "s3" ? 2 : 4) })
        #expect(counting.begun == 10_000)
    }
}

/// Ends every instance well at once, and counts how many are under way together.
private final class CountingInstances: InstanceMigrator, InstanceInspector {
    private struct State {
        var begun = 0
        var now = 0
        var most = 0
        var nowOnServer: [String: Int] = [:]
        var mostOnServer: [String: Int] = [:]
    }

    private let state = Mutex(State())

    var begun: Int { state.withLock { $0.begun } }
    var most: (total: Int, servers: [String: Int]) { state.withLock { ($0.most, $0.mostOnServer) } }

    func connections(for instance: Instance) -> Int { 1 }

    func migrate(_ job: InstanceJob, report: @escaping @Sendable (Event.Kind) -> Void) async -> InstanceResult {
        state.withLock { state in
            state.begun += 1
            state.now += 1
            state.most = max(state.most, state.now)
            let onServer = state.nowOnServer[job.instance.server, default: 0] + 1
            state.nowOnServer[job.instance.server] = onServer
            state.mostOnServer[job.instance.server] = max(state.mostOnServer[job.instance.server] ?? 0, onServer)
        }
        await Task.yield()
        state.withLock { state in
            state.now -= 1
            state.nowOnServer[job.instance.server, default: 0] -= 1
        }
        return InstanceResult(outcome: .migrated)
    }

    func work(of run: String, on instance: Instance) async -> RunWork? { nil }

    func slots(on instance: Instance, run: String) async -> ServerSlots? { nil }

    func probe(_ instance: Instance, for change: Change) async -> InstanceStatus {
        InstanceStatus(name: instance.name, server: instance.server, database: instance.database, labels: [:], outcome: .upToDate)
    }
}
