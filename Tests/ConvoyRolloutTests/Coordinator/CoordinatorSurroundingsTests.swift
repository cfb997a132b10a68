import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import FoundationEssentials
import Synchronization
import TestSupport
import Testing

@testable import ConvoyRollout
@testable import ConvoyRun

/// What a run does around its instances, and what comes to it from outside.
@Suite(.timeLimit(.minutes(1))) struct CoordinatorSurroundingsTests {
    let fake = FakeInstances()
    let sink = RecordingSink()

    /// Hooks at these points; those named in `failing` do not end well.
    private func hooks(_ points: Set<HookPoint>, failing: HookPoint? = nil) -> RunSurroundings {
        var surroundings = RunSurroundings()
        surroundings.hookPoints = points
        surroundings.runHook = { context in
            let problem = context.point == failing ? "exit code 3" : nil
            return HookResult(point: context.point, wave: context.wave, instance: nil, duration: .zero, problem: problem, output: "")
        }
        return surroundings
    }

    private func coordinator(_ surroundings: RunSurroundings = RunSurroundings(), journal: (any Journal)? = nil) -> Coordinator {
        Coordinator(migrator: fake, inspector: fake, events: sink, journal: journal, surroundings: surroundings)
    }

    private func gated(_ name: String, _ names: String) -> ConnectedWave {
        var wave = planned(name, names)
        wave.wave.gate = RunPlan.GateTerms(Gate(approve: true))
        return wave
    }

    @Test func hooksStandAroundRunAndWaves() async {
        for name in ["a", "b"] { fake.finish(name) }
        let report = await coordinator(hooks([.beforeRun, .beforeWave, .afterWave, .afterRun])).run(
            plan(planned("all", "a b", maxParallel: 1))
        )
        #expect(report.status == .succeeded)
        #expect(
            sink.texts == [
                "run of eu: all", "hook before_run ok", "wave all", "hook before_wave ok", "start a", "a migrated", "start b", "b migrated",
                "hook after_wave ok", "end all", "hook after_run ok", "finish succeeded",
            ]
        )
    }

    @Test(arguments: [
        (HookPoint.beforeRun, RunEnding.halted, 0), (.beforeWave, .halted, 0), (.afterWave, .halted, 1), (.afterRun, .failed, 2),
    ])
    func aHookThatFailsHaltsBeforeAnythingElseBegins(_ point: HookPoint, _ status: RunEnding, _ touched: Int) async {
        for name in ["a", "b"] { fake.finish(name) }
        let report = await coordinator(hooks(Set(HookPoint.allCases), failing: point)).run(
            plan(planned("canary", "a"), planned("rest", "b"))
        )
        #expect(report.status == status)
        #expect(fake.calls.count == touched)
        #expect(report.instances.count { $0.outcome == .pending } == 2 - touched)
        // What before_run did is undone, unless it did not do it.
        #expect(sink.texts.contains { $0.hasPrefix("hook after_run") } == (point != .beforeRun))
    }

    @Test(arguments: [(GateKeeper.Verdict.passed, RunEnding.succeeded, 2), (.failed(reason: "no"), .halted, 1)])
    func theNextWaveWaitsForTheGate(_ verdict: GateKeeper.Verdict, _ status: RunEnding, _ touched: Int) async {
        for name in ["a", "b"] { fake.finish(name) }
        var surroundings = RunSurroundings()
        surroundings.passGate = { context in
            context.report(.gateWaiting(wave: context.wave, reason: "an approval"))
            for await _ in context.approvals { return verdict }
            return .cancelled
        }
        let (answers, answer) = AsyncStream.makeStream(of: OperatorRequest.Kind.self)
        async let running = coordinator(surroundings).run(plan(gated("canary", "a"), planned("rest", "b")), by: "me@here", answers: answers)
        await sink.saw("gate canary waits an approval")
        #expect(fake.calls == ["a"])
        answer.yield(.approve(wave: nil))
        let report = await running
        answer.finish()
        #expect(report.status == status)
        #expect(fake.calls.count == touched)
        #expect(sink.texts.contains("approved canary me@here"))
    }

    @Test func aStopEndsAGateThatWaits() async {
        fake.finish("a")
        var surroundings = RunSurroundings()
        surroundings.passGate = { context in
            for await _ in context.approvals {}
            return .cancelled
        }
        let (stops, operatorAsks) = AsyncStream.makeStream(of: Void.self)
        async let running = coordinator(surroundings).run(plan(gated("canary", "a"), planned("rest", "b")), stopRequests: stops)
        await sink.saw("gate canary")
        operatorAsks.yield()
        let report = await running
        operatorAsks.finish()
        #expect(report.status == .interrupted)
        #expect(fake.calls == ["a"])
    }

    @Test(arguments: [(1, 1), (3, 3), (100, 4)])
    func neverMoreThanTheServerHasFree(available: Int, atOnce: Int) async {
        let slots = ServerSlots(maximum: available + ServerSlots.spare + 5, reserved: 3, others: 2)
        #expect(slots.available == available)
        let names = "a@s b@s c@s d@s e@s f@s"
        let counting = SlotInstances(slots: slots, together: atOnce)
        let report = await Coordinator(migrator: counting, inspector: counting, events: sink)
            .run(plan(planned("all", names), limits: ConnectionLimits(total: 64, perServer: 4)))
        #expect(report.status == .succeeded)
        #expect(counting.most == atOnce)
        #expect(sink.texts.contains("budget s \(available)") == (available < 4))
    }

    @Test func outsideTheWindowNothingStarts() async {
        for name in ["a", "b"] { fake.finish(name) }
        let (stops, operatorAsks) = AsyncStream.makeStream(of: Void.self)
        // A minute past its end, each day: for whoever runs this at that very minute it opens a day later all the same.
        let window = MaintenanceWindow(from: 60, to: 120, timezone: "UTC")
        let coordinator = Coordinator(migrator: fake, inspector: fake, events: sink, window: window) {
            Date(timeIntervalSince1970: 121 * 60)
        }
        async let running = coordinator.run(plan(planned("all", "a b")), stopRequests: stops)
        await sink.saw("window closed")
        operatorAsks.yield()
        let report = await running
        operatorAsks.finish()
        #expect(report.status == .interrupted)
        #expect(fake.calls.isEmpty)
    }

    @Test func theHookBeforeTheRunWaitsForTheWindow() async {
        fake.finish("a")
        // It opens two hours after the run begins.
        let clock = Mutex(Date(timeIntervalSince1970: 0))
        let window = MaintenanceWindow(from: 120, to: 180, timezone: "UTC")
        let (stops, operatorAsks) = AsyncStream.makeStream(of: Void.self)
        let coordinator = Coordinator(
            migrator: fake,
            inspector: fake,
            events: sink,
            surroundings: hooks([.beforeRun, .afterRun]),
            window: window
        ) { clock.withLock(\.self) }
        async let running = coordinator.run(plan(planned("all", "a")), stopRequests: stops)
        await sink.saw("window closed")
        operatorAsks.yield()
        let report = await running
        operatorAsks.finish()
        #expect(report.status == .interrupted)
        #expect(!sink.texts.contains { $0.hasPrefix("hook") }, "\(sink.texts)")
    }

    @Test func theHookBeforeTheRunRunsWhenTheWindowOpens() async {
        fake.finish("a")
        let clock = Mutex(Date(timeIntervalSince1970: 120 * 60 - 0.2))
        let window = MaintenanceWindow(from: 120, to: 180, timezone: "UTC")
        let coordinator = Coordinator(
            migrator: fake,
            inspector: fake,
            events: sink,
            surroundings: hooks([.beforeRun, .afterRun]),
            window: window
        ) {
            clock.withLock(\.self)
        }
        async let running = coordinator.run(plan(planned("all", "a")))
        await sink.saw("window closed")
        clock.withLock { $0 = Date(timeIntervalSince1970: 120 * 60 + 1) }
        let report = await running
        #expect(report.status == .succeeded)
        let texts = sink.texts
        let opened = texts.firstIndex(of: "window open") ?? .max
        #expect(texts.firstIndex(of: "hook before_run ok").map { $0 > opened } == true, "\(texts)")
        #expect(texts.suffix(2) == ["hook after_run ok", "finish succeeded"])
    }

    /// Wherever in the start of a run the window opens: after so many looks at the clock.
    @Test(arguments: 0...8) func aWindowThatOpensWhileTheRunStartsIsNotMissed(looks: Int) async {
        fake.finish("a")
        let asked = Mutex(0)
        let window = MaintenanceWindow(from: 120, to: 180, timezone: "UTC")
        let coordinator = Coordinator(migrator: fake, inspector: fake, events: sink, window: window) {
            let isEarly = asked.withLock { count in
                count += 1
                return count <= looks
            }
            return Date(timeIntervalSince1970: 120 * 60 + (isEarly ? -0.2 : 1))
        }
        let report = await coordinator.run(plan(planned("all", "a")))
        #expect(report.status == .succeeded)
    }

    @Test(arguments: 0..<3) func whatTheJournalDoesNotTakeDoesNotBegin(batch: Int) async {
        for name in ["a", "b", "c"] { fake.finish(name) }
        let journal = FailingJournal(failsAt: batch)
        let report = await coordinator(journal: journal).run(plan(planned("all", "a b c", maxParallel: 1)))
        #expect(report.status == .halted)
        #expect(report.status == .halted)
        #expect(report.haltReason == .journalFailed(reason: "journal j: no room"))
        // Every instance that began stands in what the journal took before.
        // The first batch has no start: it waits for what the server can give.
        #expect(fake.calls.count == max(0, batch - 1))
        #expect(journal.texts.filter { $0.hasPrefix("start ") }.count >= fake.calls.count)
        // With room again, nothing that happened is missing.
        #expect(journal.texts == sink.texts)
    }
}

extension CoordinatorSurroundingsTests {
    private static var takenOver: JournalError {
        var error = JournalError(path: "j", message: "run r-1 was taken over by pid 7 on elsewhere")
        error.reason = .takenOver
        return error
    }

    /// Another process has the run: what is in progress is cancelled, nothing begins, no hook runs, and nothing more is shown.
    @Test(arguments: [HookPoint?.none, .afterRun, .afterWave])
    func aRunThatWasTakenOverIsLeftAlone(_ point: HookPoint?) async {
        fake.finish("a")
        let journal = LostJournal(Self.takenOver) { if case .instanceFinished = $0 { true } else { false } }
        let ran = Shared<[HookPoint]>([])
        var surroundings = RunSurroundings()
        surroundings.hookPoints = point.map { [.beforeRun, $0] } ?? []
        surroundings.runHook = { context in
            ran.change { $0.append(context.point) }
            return HookResult(point: context.point, wave: context.wave, instance: nil, duration: .zero, problem: nil, output: "")
        }
        let losses = Shared<[JournalError]>([])
        let coordinator = Coordinator(
            migrator: fake,
            inspector: fake,
            events: sink,
            journal: journal,
            surroundings: surroundings,
            onTakenOver: { loss in losses.change { $0.append(loss) } }
        )
        let report = await coordinator.run(plan(planned("all", "a b c", maxParallel: 2)))
        #expect(losses.value == [Self.takenOver])
        #expect(report.status == nil)
        // b hung when a ended, and was cancelled. Both begin at once, in either order.
        #expect(fake.calls.sorted() == ["a", "b"])
        #expect(ran.value == (point == nil ? [] : [.beforeRun]))
        #expect(sink.texts == journal.texts)
        #expect(!sink.texts.contains { $0.hasPrefix("finish") || $0.hasPrefix("halt") })
    }

    /// While nothing happens that had to be written.
    @Test func aRunThatWasTakenOverEndsWithoutAnEventOfItsOwn() async {
        let journal = LostJournal(Self.takenOver) { _ in false }
        let losses = Shared<[JournalError]>([])
        async let running = Coordinator(
            migrator: fake,
            inspector: fake,
            events: sink,
            journal: journal,
            onTakenOver: { loss in losses.change { $0.append(loss) } }
        ).run(plan(planned("all", "a b", maxParallel: 1)))
        await fake.begun("a")
        let shown = sink.texts
        journal.lose()
        let report = await running
        #expect(losses.value == [Self.takenOver])
        #expect(report.status == nil)
        #expect(fake.calls == ["a"])
        #expect(sink.texts == shown)
    }

    /// The second request to stop, of a run whose journal is away, reaches the journal.
    @Test func aSecondStopHurriesTheJournal() async throws {
        let journal = LostJournal(Self.takenOver) { _ in false }
        let (stops, stop) = AsyncStream.makeStream(of: Void.self)
        async let running = coordinator(journal: journal).run(plan(planned("all", "a")), stopRequests: stops)
        await fake.begun("a")
        stop.yield()
        #expect(!journal.isHurried)
        stop.yield()
        _ = await running
        #expect(journal.isHurried)
    }

    /// What is in progress does not wait for a journal that is silent, wherever the two requests come from: here, elsewhere, or one of them each.
    @Test(arguments: 0...2)
    func aSecondStopCancelsAlsoWhileTheJournalDoesNotAnswer(_ elsewhere: Int) async throws {
        let journal = SilentJournal()
        let (stops, stop) = AsyncStream.makeStream(of: Void.self)
        async let running = coordinator(journal: journal).run(plan(planned("all", "a b", maxParallel: 2)), stopRequests: stops)
        await fake.begun("a")
        await fake.begun("b")
        journal.fallSilent()
        fake.finish("b")
        try await eventually("the journal is asked") { journal.asked == 1 }
        journal.ask(.stop, times: elsewhere)
        for _ in elsewhere..<2 { stop.yield() }
        try await eventually("what is in progress is cancelled") { fake.isCancelled("a") }
        #expect(!journal.isOver)
        journal.end()
        let report = await running
        #expect(report.status == .interrupted)
    }

    /// The last events of a cancelled run may take longer, until the operator asks once more.
    @Test func theLastEventsOfACancelledRunWaitUntilOneMoreStop() async throws {
        let journal = AbsentJournal()
        let ends = Shared<[UnrecordedEnd]>([])
        let (stops, stop) = AsyncStream.makeStream(of: Void.self)
        let coordinator = Coordinator(
            migrator: fake,
            inspector: fake,
            events: sink,
            journal: journal,
            onUnrecorded: { end in ends.change { $0.append(end) } }
        )
        async let running = coordinator.run(plan(planned("all", "a b", maxParallel: 2)), stopRequests: stops)
        await fake.begun("a")
        await fake.begun("b")
        journal.goAway()
        stop.yield()
        stop.yield()
        try await eventually("only the last events are left") { journal.isClosing }
        // What was hurried before does not end them.
        for _ in 0..<20 { await pause(for: .milliseconds(5), cancellation: .ignored) }
        #expect(ends.value.isEmpty)
        stop.yield()
        let report = await running
        #expect(report.status == .interrupted)
        #expect(ends.value.map { $0.instances.sorted() } == [["a", "b"]])
    }

    /// A journal that takes everything but the end.
    @Test(arguments: [nil, "finish", "a migrated"])
    func anEndThatTheJournalDoesNotTakeIsReported(_ first: String?) async throws {
        for name in ["a", "b"] { fake.finish(name) }
        let journal = FullJournal(from: first)
        let ends = Shared<[UnrecordedEnd]>([])
        let coordinator = Coordinator(
            migrator: fake,
            inspector: fake,
            events: sink,
            journal: journal,
            onUnrecorded: { end in ends.change { $0.append(end) } }
        )
        let report = await coordinator.run(plan(planned("all", "a")))
        #expect(report.status == .succeeded)
        #expect(ends.value.map(\.problem.message) == (first == nil ? [] : ["no room"]))
        #expect(ends.value.map(\.instances) == (first == nil ? [] : [first == "finish" ? [] : ["a"]]))
        #expect((journal.texts == sink.texts) == (first == nil))
    }
}

/// A journal whose run another process takes over: with the first event of a kind, or when the test says so.
private final class LostJournal: Journal {
    private let state = Mutex((isLost: false, isHurried: false, texts: [String]()))
    private let loss: JournalError
    private let losesWith: @Sendable (Event.Kind) -> Bool

    init(_ loss: JournalError, with event: @escaping @Sendable (Event.Kind) -> Bool) {
        (self.loss, losesWith) = (loss, event)
    }

    var texts: [String] { state.withLock(\.texts) }
    var isHurried: Bool { state.withLock(\.isHurried) }

    func lose() { state.withLock { $0.isLost = true } }

    func append(_ events: [Event], to run: RunID) async throws(JournalError) {
        let isLost = state.withLock { state in
            if events.contains(where: { losesWith($0.kind) }) { state.isLost = true }
            if !state.isLost { state.texts += events.map(\.kind.text) }
            return state.isLost
        }
        if isLost { throw loss }
    }

    func requests(of run: RunID, after number: Int64) async throws(JournalError) -> [OperatorRequest] {
        if state.withLock(\.isLost) { throw loss }
        return []
    }

    func hurry(_ run: RunID) { state.withLock { $0.isHurried = true } }
}

/// A journal that falls silent: the first append after that ends when the run is hurried, and the others when the test says so.
private final class SilentJournal: Journal {
    private let state = Mutex((isSilent: false, asked: 0, requests: [OperatorRequest]()))
    private let hurried = OneShot<Void>()
    private let ended = OneShot<Void>()

    /// How often it was asked since it fell silent.
    var asked: Int { state.withLock(\.asked) }
    var isOver: Bool { ended.current != nil }

    /// Another process asks for something.
    func ask(_ kind: OperatorRequest.Kind, times count: Int) {
        state.withLock { state in
            for number in 0..<count {
                let date = Date(timeIntervalSince1970: 0)
                state.requests.append(OperatorRequest(number: Int64(number) + 1, kind: kind, by: "ann", at: date))
            }
        }
    }

    func fallSilent() { state.withLock { $0.isSilent = true } }
    func end() { ended.fulfil(()) }

    func append(_ events: [Event], to run: RunID) async throws(JournalError) {
        let asked = state.withLock { state in
            if state.isSilent { state.asked += 1 }
            return state.asked
        }
        guard asked > 0 else { return }
        let signal = asked == 1 ? hurried : ended
        // Nothing else ends it, the task's cancellation neither.
        while signal.current == nil { await pause(for: .milliseconds(5), cancellation: .ignored) }
        throw JournalError(path: "j", message: "no answer")
    }

    func requests(of run: RunID, after number: Int64) async throws(JournalError) -> [OperatorRequest] {
        state.withLock { $0.requests.filter { $0.number > number } }
    }

    func hurry(_ run: RunID) { hurried.fulfil(()) }
}

/// A journal that goes away: what it is given waits until the run is hurried, and the last events until it is hurried once more.
private final class AbsentJournal: Journal {
    private let state = Mutex((isAway: false, isClosing: false))
    private let hurried = OneShot<Void>()
    private let hurriedAgain = OneShot<Void>()

    /// Whether the last events are there.
    var isClosing: Bool { state.withLock(\.isClosing) }

    func goAway() { state.withLock { $0.isAway = true } }

    func append(_ events: [Event], to run: RunID) async throws(JournalError) { try await refuse(after: hurried) }

    func appendLast(_ events: [Event], to run: RunID) async throws(JournalError) {
        state.withLock { $0.isClosing = true }
        try await refuse(after: hurriedAgain)
    }

    private func refuse(after signal: OneShot<Void>) async throws(JournalError) {
        guard state.withLock(\.isAway) else { return }
        while signal.current == nil { await pause(for: .milliseconds(5), cancellation: .ignored) }
        throw JournalError(path: "j", message: "no answer")
    }

    func requests(of run: RunID, after number: Int64) async throws(JournalError) -> [OperatorRequest] { [] }

    func hurry(_ run: RunID) { if isClosing { hurriedAgain.fulfil(()) } else { hurried.fulfil(()) } }
}

/// Takes everything up to an event.
private final class FullJournal: Journal {
    private let state = Mutex((isFull: false, texts: [String]()))
    private let first: String?

    /// - Parameter first: how the text of the first event begins that it does not take; nil takes all.
    init(from first: String?) {
        self.first = first
    }

    var texts: [String] { state.withLock(\.texts) }

    func append(_ events: [Event], to run: RunID) async throws(JournalError) {
        let isFull = state.withLock { state in
            if let first, events.contains(where: { $0.kind.text.hasPrefix(first) }) { state.isFull = true }
            if !state.isFull { state.texts += events.map(\.kind.text) }
            return state.isFull
        }
        if isFull { throw JournalError(path: "j", message: "no room") }
    }

    func requests(of run: RunID, after number: Int64) async throws(JournalError) -> [OperatorRequest] { [] }
}

/// Takes everything but one batch.
private final class FailingJournal: Journal {
    private let state = Mutex((appends: 0, texts: [String]()))
    private let failsAt: Int

    init(failsAt: Int) {
        self.failsAt = failsAt
    }

    var texts: [String] { state.withLock(\.texts) }

    func append(_ events: [Event], to run: RunID) async throws(JournalError) {
        let mayPass = state.withLock { state in
            state.appends += 1
            guard state.appends != failsAt + 1 else { return false }
            state.texts += events.map(\.kind.text)
            return true
        }
        if !mayPass { throw JournalError(path: "j", message: "no room") }
    }

    func requests(of run: RunID, after number: Int64) async throws(JournalError) -> [OperatorRequest] { [] }
}

/// Ends every instance well once as many as may be are under way together, and tells the server's slots.
private final class SlotInstances: InstanceMigrator, InstanceInspector {
    private let slots: ServerSlots
    private let together: Int
    private let state = Mutex((now: 0, most: 0))

    /// - Parameter together: how many changes must have met before the first of them ends.
    init(slots: ServerSlots, together: Int) {
        self.slots = slots
        self.together = together
    }

    var most: Int { state.withLock(\.most) }

    func connections(for instance: Instance) -> Int { 1 }

    func migrate(_ job: InstanceJob, report: @escaping @Sendable (Event.Kind) -> Void) async -> InstanceResult {
        state.withLock { state in
            state.now += 1
            state.most = max(state.most, state.now)
        }
        defer { state.withLock { $0.now -= 1 } }
        do {
            try await eventually("\(together) changes at once") { most >= together }
        } catch {
            return InstanceResult(outcome: .failed)
        }
        // Time for one more than that to come in.
        for _ in 0..<100 { await Task.yield() }
        return InstanceResult(outcome: .migrated)
    }

    func probe(_ instance: Instance, for change: Change) async -> InstanceStatus {
        InstanceStatus(name: instance.name, server: instance.server, database: instance.database, labels: [:], outcome: .upToDate)
    }

    func work(of run: String, on instance: Instance) async -> RunWork? { nil }

    func slots(on instance: Instance, run: String) async -> ServerSlots? { slots }
}
