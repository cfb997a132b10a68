import ConvoyRollout
import TestSupport
import Testing

/// Questions about cancelled work wait for room.
@Suite(.timeLimit(.minutes(1)))
struct WorkRoomTests {
    private struct Count {
        var now = 0
        var most = 0
        var done = 0
    }

    @Test(arguments: [1, 3])
    func noMoreAreAskedThanThereIsRoomFor(_ total: Int) async {
        let room = WorkRoom(total)
        let count = Shared(Count())
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<60 {
                group.addTask {
                    let answer = await room.asking {
                        count.change { ($0.now, $0.most) = ($0.now + 1, max($0.most, $0.now + 1)) }
                        await Task.yield()
                        count.change { ($0.now, $0.done) = ($0.now - 1, $0.done + 1) }
                        return number
                    }
                    #expect(answer == number)
                }
            }
        }
        #expect(count.value.most <= total && count.value.done == 60)
    }

    /// Work in progress takes room away; who is cancelled while it waits gets none, and takes none.
    @Test func aQuestionWaitsForTheWork() async throws {
        let room = WorkRoom(1)
        let (ending, end) = AsyncStream.makeStream(of: Void.self)
        let isWorking = Shared(false)
        let work = Task {
            await room.working {
                isWorking.change { $0 = true }
                for await _ in ending {}
            }
        }
        try await eventually("it works") { isWorking.value }
        let asked = Shared(0)
        let question = {
            Task {
                await room.asking { () -> Int? in
                    asked.change { $0 += 1 }; return 7
                }
            }
        }
        let (first, second) = (question(), question())
        first.cancel()
        #expect(await first.value == nil)
        #expect(asked.value == 0)
        end.finish()
        await work.value
        #expect(await second.value == 7)
        #expect(await question().value == 7)
        #expect(asked.value == 2)
        // Work does not wait, however many there are.
        await room.working { await room.working { isWorking.change { $0 = false } } }
        #expect(!isWorking.value)
        #expect(await question().value == 7)
    }
}
