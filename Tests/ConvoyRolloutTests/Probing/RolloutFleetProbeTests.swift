import ConvoyFleet
import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct RolloutFleetProbeTests {
    let fake = FakeInstances(needs: ["a": 9])

    @Test func statusesComeInTheOrderOfTheFleetAndProgressAsItHappens() async {
        let seen = Mutex<[String]>([])
        let probe = FleetProbe(inspector: fake, limits: ConnectionLimits(total: 8, perServer: 8))
        async let statuses = probe.statuses(of: instances("a b c"), for: .up(to: nil)) { progress in
            seen.withLock { $0.append("\(progress.finished)/\(progress.total) \(progress.status.name)") }
        }
        for name in ["a", "b", "c"] { await fake.begun(name) }
        fake.finish("c", .upToDate)
        while seen.withLock({ $0.isEmpty }) { await Task.yield() }
        fake.finish("b", .unreachable)
        while seen.withLock({ $0.count < 2 }) { await Task.yield() }
        fake.finish("a", .pending)
        #expect(await statuses.map(\.outcome) == [.pending, .unreachable, .upToDate])
        #expect(seen.withLock(\.self) == ["1/3 c", "2/3 b", "3/3 a"])
    }

    @Test func aHangingInstanceHoldsUpOnlyItsOwnPlace() async {
        let probe = FleetProbe(inspector: fake, limits: ConnectionLimits(total: 2, perServer: 2))
        async let statuses = probe.statuses(of: instances("hangs b c d"), for: .up(to: nil))
        for name in ["b", "c", "d"] {
            await fake.begun(name)
            fake.finish(name)
        }
        fake.finish("hangs", .unreachable)
        #expect(await statuses.count == 4)
    }

    @Test func atMostAsManyAsAllowedAtATime() async {
        let probe = FleetProbe(inspector: fake, limits: ConnectionLimits(total: 1, perServer: 1))
        async let statuses = probe.statuses(of: instances("a b"), for: .up(to: nil))
        await fake.begun("a")
        #expect(fake.calls == ["a"])
        fake.finish("a")
        await fake.begun("b")
        fake.finish("b")
        #expect(await statuses.count == 2)
    }

    @Test func cancellingLooksAtNothingMore() async {
        let fake = fake
        let task = Task {
            await FleetProbe(inspector: fake, limits: ConnectionLimits(total: 1, perServer: 1))
                .statuses(of: instances("a b c"), for: .up(to: nil))
        }
        await fake.begun("a")
        task.cancel()
        let statuses = await task.value
        #expect(statuses.map(\.outcome) == [.interrupted, .interrupted, .interrupted])
        #expect(statuses.map(\.name) == ["a", "b", "c"])
        #expect(fake.calls == ["a"])
    }

    @Test func anEmptyFleetIsFine() async {
        let probe = FleetProbe(inspector: fake, limits: ConnectionLimits(total: 1, perServer: 1))
        #expect(await probe.statuses(of: [], for: .up(to: nil)).isEmpty)
    }
}
