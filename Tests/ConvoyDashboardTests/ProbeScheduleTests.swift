import ConvoyRun
import ConvoyText
import Synchronization
import TestSupport
import Testing

@testable import ConvoyDashboard

/// When the dashboard probes the fleet by itself.
@Suite(.timeLimit(.minutes(1)))
struct ProbeScheduleTests {
    @Test(
        arguments: [
            (.zero, nil), (.seconds(-60), nil), (.milliseconds(1), nil), (.milliseconds(9999), nil), (.seconds(10), 0.5),
            (.seconds(300), 15),
            (.seconds(3600), 15), (.seconds(30 * 86_400), 15), (.seconds(30 * 86_400 + 1), nil),
        ] as [(Duration, Double?)]
    )
    func anIntervalHasBoundsAndAStartThatIsNotFar(interval: Duration, first: Double?) {
        #expect(ProbeSchedule(every: interval, chance: 0.5)?.first.seconds == first)
    }

    @Test(arguments: [(-1.0, 0.0), (0, 0), (1, 30), (7, 30)])
    func theStartIsMovedByChance(chance: Double, first: Double) {
        #expect(ProbeSchedule(every: .seconds(300), chance: chance)?.first.seconds == first)
    }

    @Test(
        arguments: [
            (0, 15), (14.9, 15), (15, 315), (15.1, 315), (314.9, 315), (315, 615), (616, 915),
            // What was missed is not made up for.
            (100_000, 100_215),
        ] as [(Double, Double)]
    )
    func theNextRoundKeepsTheBeat(time: Double, next: Double) throws {
        let schedule = try #require(ProbeSchedule(every: .seconds(300), chance: 0.5))
        #expect(schedule.next(after: .milliseconds(Int64(time * 1000))).seconds == next)
    }

    @Test(arguments: [10_001, 12_345, 77_777, 1_234_567])
    func noRoundIsDueTwice(milliseconds: Int) throws {
        let schedule = try #require(ProbeSchedule(every: .milliseconds(milliseconds), chance: 1.0 / 3))
        var due = schedule.first
        for _ in 0..<1000 {
            let next = schedule.next(after: due)
            #expect(next > due && next - due <= schedule.interval)
            due = next
        }
    }

    /// Probes that the test counts, and lets end or not.
    private final class Probes: Sendable {
        private struct Counts {
            var begun = 0
            var running = 0
            var most = 0
        }

        private let state = Mutex(Counts())
        private let isHeld = Mutex(false)

        var begun: Int { state.withLock(\.begun) }
        var most: Int { state.withLock(\.most) }
        func hold(_ isHeld: Bool) { self.isHeld.withLock { $0 = isHeld } }

        @Sendable func probe() async throws(ProbeError) -> ProbeFindings {
            state.withLock { counts in
                counts.begun += 1
                counts.running += 1
                counts.most = max(counts.most, counts.running)
            }
            defer { state.withLock { $0.running -= 1 } }
            do {
                try await eventually("the test lets the probe end") { isHeld.withLock { !$0 } }
            } catch {
                throw ProbeError("\(error)")
            }
            if begun == 2 { throw ProbeError("the fleet file is not valid") }
            return ProbeFindings(statuses: [])
        }
    }

    @Test func roundsComeOneAtATimeAndGoOnAfterAFailure() async throws {
        let (clock, probes) = (ManualClock(), Probes())
        let schedule = try #require(ProbeSchedule(every: .seconds(60), chance: 0.5))
        let queue = InquiryQueue()
        let probing = FleetInquiry(probes.probe, schedule, on: clock, in: queue)
        let running = Task { await queue.run() }
        let keeping = Task { await probing.keepSchedule() }
        func round(at seconds: Int64) async {
            await clock.sleeper(until: .seconds(seconds))
            clock.advance(to: .seconds(seconds))
        }
        func ends(_ name: String) async throws { try await eventually("the probe is \(name)") { await probing.state.name == name } }
        #expect(probes.begun == 0)
        await round(at: 3)
        try await ends("done")
        #expect(probes.begun == 1)
        await round(at: 63)
        try await ends("failed")
        // What was found before is still known.
        #expect(await probing.findings != nil)
        probes.hold(true)
        await round(at: 123)
        try await eventually("the third one has begun") { probes.begun == 3 }
        // The rounds that are due meanwhile are left out, and so is a request.
        await round(at: 183)
        await probing.ask(at: moment())
        await round(at: 243)
        await clock.sleeper(until: .seconds(303))
        #expect(probes.begun == 3)
        probes.hold(false)
        try await ends("done")
        // Time that passed unseen brings one round, not many.
        clock.advance(to: .seconds(1000))
        try await eventually("the fourth one has begun") { probes.begun == 4 }
        await clock.sleeper(until: .seconds(1023))
        try await ends("done")
        #expect(probes.begun == 4 && probes.most == 1)
        for task in [running, keeping] {
            task.cancel()
            await task.value
        }
    }

    @Test func withoutAScheduleOnlyARequestStartsAProbe() async throws {
        let probes = Probes()
        let queue = InquiryQueue()
        let probing = FleetInquiry(probes.probe, in: queue)
        let running = Task { await queue.run() }
        await probing.ask(at: moment())
        try await eventually("it is done") { await probing.state.name == "done" }
        #expect(probes.begun == 1)
        running.cancel()
        await running.value
    }

    /// Two inquiries at once would take twice the connections that the fleet file allows.
    @Test func aProbeAndAComparisonWaitForEachOther() async throws {
        let (queue, probes) = (InquiryQueue(), Probes())
        let probing = FleetInquiry(probes.probe, in: queue)
        let other = FleetInquiry(probes.probe, in: queue)
        probes.hold(true)
        let running = Task { await queue.run() }
        await probing.ask(at: moment())
        await other.ask(at: moment())
        await other.ask(at: moment())
        try await eventually("the first one has begun") { probes.begun == 1 }
        #expect(await other.state.name == "running")
        probes.hold(false)
        try await eventually("the second one has ended") { await other.state.name == "failed" }
        #expect(await probing.state.name == "done")
        #expect(probes.begun == 2 && probes.most == 1)
        running.cancel()
        await running.value
    }
}
