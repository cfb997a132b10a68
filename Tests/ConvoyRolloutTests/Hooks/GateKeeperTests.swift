import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import Synchronization
import TestSupport
import Testing

@testable import ConvoyInstance
@testable import ConvoyRollout

/// A gate that is being watched: its clock, its approvals, and what it said that it waits for.
private struct Watch: Sendable {
    let clock = ManualClock()
    let waits = LineLog()
    let approvals: AsyncStream<String>
    let approve: AsyncStream<String>.Continuation

    init() {
        (approvals, approve) = AsyncStream.makeStream()
    }

    func verdict(_ gate: Gate, instances: [Instance] = [], resumedAfter: Duration = .zero) async -> GateKeeper.Verdict {
        let keeper = GateKeeper(
            hooks: hookRunner([:]),
            limits: ConnectionLimits(total: 4, perServer: 2),
            clock: clock,
            httpTimeout: .seconds(30)
        ) { await InstanceChecks(checks: $0).failure(on: $1) }
        return await keeper.verdict(
            on: gate,
            after: "canary",
            instances: instances,
            run: "run-1",
            direction: .up,
            approvals: approvals,
            resumedAfter: resumedAfter,
            waiting: waits.add
        )
    }
}

@Suite(.timeLimit(.minutes(2))) struct GateKeeperTests {
    /// Writes a line at each look, and fails at the look of that number.
    private func look(_ diary: Diary, failsAt number: Int = 0) -> [String] {
        script(#"echo "$CONVOY_HOOK $CONVOY_WAVE" >> "$1"; test $(wc -l < "$1") -ne "$2""#, diary.path, "\(number)")
    }

    @Test func aGateThatAsksForNothing() async {
        let watch = Watch()
        #expect(await watch.verdict(Gate()) == .passed)
        #expect(watch.waits.all == [])
    }

    @Test func withoutASoakOneLookIsEnough() async throws {
        try await withDiary { diary in
            let watch = Watch()
            #expect(await watch.verdict(Gate(command: look(diary))) == .passed)
            #expect(diary.words == ["gate canary"])
        }
    }

    @Test func looksAreRepeatedDuringTheSoak() async throws {
        try await withDiary { diary in
            let watch = Watch()
            async let verdict = watch.verdict(Gate(soak: .seconds(70), every: .seconds(30), command: look(diary)))
            for time in [30, 60, 70] {
                await watch.clock.sleeper(until: .seconds(time))
                watch.clock.advance(to: .seconds(time))
            }
            #expect(await verdict == .passed)
            #expect(diary.words.count == 4)
            #expect(watch.waits.all == ["its soak of 1 min 10 s"])
        }
    }

    @Test(arguments: 1...4) func aLookThatTurnsBad(number: Int) async throws {
        try await withDiary { diary in
            let watch = Watch()
            async let verdict = watch.verdict(Gate(soak: .seconds(70), every: .seconds(30), command: look(diary, failsAt: number)))
            for time in [30, 60, 70].prefix(number - 1) {
                await watch.clock.sleeper(until: .seconds(time))
                watch.clock.advance(to: .seconds(time))
            }
            #expect(await verdict == .failed(reason: "command /bin/sh: exit code 1"))
            #expect(diary.words.count == number)
        }
    }

    @Test func whatAnEarlierProcessWaited() async throws {
        let watch = Watch()
        async let verdict = watch.verdict(Gate(soak: .seconds(600), every: .seconds(1000)), resumedAfter: .seconds(590))
        await watch.clock.sleeper(until: .seconds(10))
        watch.clock.advance(to: .seconds(10))
        #expect(await verdict == .passed)
        let over = Watch()
        #expect(await over.verdict(Gate(soak: .seconds(600)), resumedAfter: .seconds(601)) == .passed)
    }

    @Test func anApprovalDuringTheSoakCounts() async throws {
        let watch = Watch()
        async let verdict = watch.verdict(Gate(soak: .seconds(60), every: .seconds(30), approve: true))
        await watch.clock.sleeper(until: .seconds(30))
        watch.approve.yield("alice")
        for time in [30, 60] {
            await watch.clock.sleeper(until: .seconds(time))
            watch.clock.advance(to: .seconds(time))
        }
        #expect(await verdict == .passed)
        #expect(watch.waits.all.first == "its soak of 1 min and an approval (convoy approve)")
    }

    @Test(arguments: [0, 30]) func anApprovalThatDoesNotComeInTime(soak: Int) async throws {
        let watch = Watch()
        let gate = Gate(soak: .seconds(soak), every: .seconds(40), approve: true, approveWithin: .seconds(50))
        async let verdict = watch.verdict(gate)
        for time in soak == 0 ? [40, 50] : [30, 50] {
            await watch.clock.sleeper(until: .seconds(time))
            watch.clock.advance(to: .seconds(time))
        }
        #expect(await verdict == .notApproved(within: .seconds(50)))
        #expect(watch.waits.all.last == "an approval within 50 s (convoy approve)")
    }

    @Test func anApprovalInTimePasses() async throws {
        let watch = Watch()
        async let verdict = watch.verdict(Gate(soak: .seconds(60), every: .seconds(1000), approve: true, approveWithin: .seconds(100)))
        await watch.clock.sleeper(until: .seconds(60))
        watch.approve.yield("alice")
        watch.clock.advance(to: .seconds(60))
        #expect(await verdict == .passed)
        #expect(watch.waits.all.first == "its soak of 1 min and an approval within 1 min 40 s (convoy approve)")
    }

    /// Looks go on for as long as nobody says yes, and there is one more when somebody does.
    @Test func anApprovalAfterTheSoak() async throws {
        try await withDiary { diary in
            let watch = Watch()
            async let verdict = watch.verdict(Gate(soak: .seconds(60), every: .seconds(60), approve: true, command: look(diary)))
            for time in [60, 120, 180] {
                await watch.clock.sleeper(until: .seconds(time))
                watch.clock.advance(to: .seconds(time))
            }
            await watch.clock.sleeper(until: .seconds(240))
            watch.approve.yield("alice")
            #expect(await verdict == .passed)
            #expect(diary.words.count == 5)
            #expect(watch.waits.all == ["its soak of 1 min and an approval (convoy approve)", "an approval (convoy approve)"])
        }
    }

    @Test func badWhileItWaitsForAnApproval() async throws {
        try await withDiary { diary in
            let watch = Watch()
            async let verdict = watch.verdict(Gate(every: .seconds(30), approve: true, command: look(diary, failsAt: 2)))
            await watch.clock.sleeper(until: .seconds(30))
            watch.clock.advance(to: .seconds(30))
            #expect(await verdict == .failed(reason: "command /bin/sh: exit code 1"))
        }
    }

    /// An approval does not make up for what is bad.
    @Test func approvedAndBad() async throws {
        try await withDiary { diary in
            let watch = Watch()
            watch.approve.yield("alice")
            #expect(await watch.verdict(Gate(approve: true, command: ["false"])) == .failed(reason: "command false: exit code 1"))
        }
    }

    @Test func nobodyCanApproveAnyMore() async throws {
        let watch = Watch()
        watch.approve.finish()
        let verdict = Task { await watch.verdict(Gate(every: .seconds(30), approve: true)) }
        await watch.clock.sleeper(until: .seconds(30))
        verdict.cancel()
        #expect(await verdict.value == .cancelled)
    }

    @Test(arguments: [Gate(soak: .seconds(60)), Gate(approve: true), Gate(soak: .seconds(60), approve: true)])
    func cancelledWhileItWaits(_ gate: Gate) async throws {
        let watch = Watch()
        let verdict = Task { await watch.verdict(gate) }
        await watch.clock.sleeper(until: .seconds(30))
        verdict.cancel()
        #expect(await verdict.value == .cancelled)
    }

    @Test func cancelledDuringALook() async throws {
        try await withDiary { diary in
            let watch = Watch()
            let verdict = Task { await watch.verdict(Gate(command: script("echo $$ >> $1; while :; do sleep 1000; done", diary.path))) }
            try await eventually("the command runs") { !diary.words.isEmpty }
            verdict.cancel()
            #expect(await verdict.value == .cancelled)
            #expect(diary.words.compactMap(Int32.init).allSatisfy(isGone))
        }
    }

    @Test func aURL() async throws {
        let isWell = Mutex(true)
        let responder = try HTTPResponder { _ in .status(isWell.withLock(\.self) ? 200 : 503) }
        let watch = Watch()
        async let verdict = watch.verdict(Gate(soak: .seconds(60), every: .seconds(30), http: "http://127.0.0.1:\(responder.port)/health"))
        await watch.clock.sleeper(until: .seconds(30))
        isWell.withLock { $0 = false }
        watch.clock.advance(to: .seconds(30))
        #expect(await verdict == .failed(reason: "GET http://127.0.0.1:\(responder.port)/health answered 503"))
    }

    @Test func checksOnTheWavesInstances() async throws {
        let set = try threeMigrations()
        try await PostgresServer.shared().withDatabases(5) { databases in
            let instances = databases.map { $0.instance() }
            for instance in instances { #expect(await InstanceRunner(set).up(instance).outcome == .migrated) }
            let gate = Gate(
                soak: .seconds(60),
                every: .seconds(30),
                checks: [Check(name: "no-trips", sql: "SELECT count(*) = 0 FROM trips")]
            )
            let watch = Watch()
            async let verdict = watch.verdict(gate, instances: instances)
            await watch.clock.sleeper(until: .seconds(30))
            try await databases[3].execute(["INSERT INTO trips VALUES (1)"])
            watch.clock.advance(to: .seconds(30))
            #expect(await verdict == .failed(reason: "\(instances[3].name): check no-trips: it gave false where true is wanted"))
        }
    }
}
