import ConvoyIO
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct BellTests {
    @Test func aRingEndsTheWait() async throws {
        let bell = Bell()
        async let rung = bell.wait(atMost: .seconds(3600))
        bell.ring()
        #expect(await rung)
    }

    @Test func whatRingsBeforeTheWaitIsNotLostAndCountsOnce() async {
        let bell = Bell()
        bell.ring()
        bell.ring()
        #expect(await bell.wait(atMost: .seconds(3600)))
        #expect(await bell.wait(atMost: .milliseconds(1)) == false)
        bell.ring()
        #expect(await bell.wait(atMost: .seconds(3600)))
    }

    @Test func aCancelledTaskWaitsNoLonger() async {
        let bell = Bell()
        let task = Task { await bell.wait(atMost: .seconds(3600)) }
        task.cancel()
        #expect(await task.value == false)
        bell.ring()
        #expect(await bell.wait(atMost: .seconds(3600)))
    }
}
