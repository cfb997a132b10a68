import FoundationEssentials
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import ConvoyIO

@Suite("Reactor", .timeLimit(.minutes(2)))
struct ReactorTests {
    @Test("many waits at once each get their own answer")
    func manyWaits() async throws {
        let reactor = Reactor(threadName: "reactor-many")
        let pipes = try (0..<300).map { _ in try TestPipe() }
        let answers = await withTaskGroup(of: (Int, Reactor.Wakeup).self, returning: [Int: Reactor.Wakeup].self) { group in
            for (index, pipe) in pipes.enumerated() {
                group.addTask {
                    (
                        index,
                        await reactor.wait(
                            on: pipe.reading,
                            for: .readable,
                            until: .now + .milliseconds(index % 3 == 0 ? 100 : 60_000),
                            cancellation: .observed
                        )
                    )
                }
            }
            for (index, pipe) in pipes.enumerated() where index % 3 != 0 {
                group.addTask {
                    pipe.signal()
                    return (-1, .ready)
                }
            }
            var answers: [Int: Reactor.Wakeup] = [:]
            for await (index, answer) in group { answers[index] = answer }
            return answers
        }
        for index in pipes.indices { #expect(answers[index] == (index % 3 == 0 ? .timedOut : .ready)) }
    }

    @Test("cancelling races with readiness and deadlines, and every wait ends once")
    func races() async throws {
        let reactor = Reactor(threadName: "reactor-races")
        let counts = Shared<[Reactor.Wakeup: Int]>([:])
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    for round in 0..<300 {
                        guard let pipe = try? TestPipe() else { return }
                        let task = Task {
                            await reactor.wait(
                                on: pipe.reading,
                                for: .readable,
                                until: .now + .microseconds((round * 37 + worker) % 1500),
                                cancellation: .observed
                            )
                        }
                        if round % 2 == 0 { pipe.signal() }
                        if round % 3 == 0 { task.cancel() }
                        let wakeup = await task.value
                        counts.change { $0[wakeup, default: 0] += 1 }
                    }
                }
            }
        }
        #expect(counts.value.values.reduce(0, +) == 2400)
        #expect(counts.value.count == 3)
    }

    @Test("a deadline is kept, never early")
    func deadlines() async {
        let reactor = Reactor(threadName: "reactor-times")
        let clock = ContinuousClock()
        for milliseconds in [0, 1, 5, 20] {
            let deadline = clock.now + .milliseconds(milliseconds)
            let wakeup = await reactor.wait(until: deadline, cancellation: .observed)
            #expect(wakeup == .timedOut)
            #expect(clock.now >= deadline)
            // Generous: the machine may be busy with something else.
            #expect(clock.now - deadline < .seconds(1))
        }
        // An earlier deadline is seen while it waits for a later one.
        async let long = reactor.wait(until: clock.now + .milliseconds(400), cancellation: .observed)
        let begin = clock.now
        _ = await reactor.wait(until: clock.now + .milliseconds(10), cancellation: .observed)
        #expect(clock.now - begin < .milliseconds(350))
        #expect(await long == .timedOut)
    }

    @Test("waiting costs no time of the processor, whatever the descriptors' state")
    func noSpinning() async throws {
        let reactor = Reactor(threadName: "reactor-idle")
        let pipes = try (0..<50).map { _ in try TestPipe() }
        let waits = Task {
            await withTaskGroup(of: Void.self) { group in
                for pipe in pipes {
                    group.addTask {
                        _ = await reactor.wait(on: pipe.reading, for: .readable, until: .now + .milliseconds(500), cancellation: .observed)
                    }
                }
            }
        }
        await waits.value
        // 50 waits that began and timed out; a loop would have taken 50 ticks (of 10 ms).
        let spent = try ticks(of: "reactor-idle")
        #expect(spent < 15)

        // A descriptor that is not open, and one whose other end is gone, are ready at once.
        #expect(await reactor.wait(on: 1_000_000, for: .readable, until: .now + .seconds(20), cancellation: .observed) == .ready)
        let half = try TestPipe()
        half.closeWriting()
        #expect(await reactor.wait(on: half.reading, for: .readable, until: .now + .seconds(20), cancellation: .observed) == .ready)
    }

    @Test("a cancelled wait lets go of its descriptor, so that the other end sees it closed")
    func cancelledWaitsLetGo() async throws {
        let reactor = Reactor(threadName: "reactor-letgo")
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0)
        let (mine, other) = (ends[0], ends[1])
        defer { close(other) }
        let task = Task { await reactor.wait(on: mine, for: .readable, until: .now + .seconds(30), cancellation: .observed) }
        await pause(for: .milliseconds(50), cancellation: .observed)
        task.cancel()
        #expect(await task.value == .cancelled)
        close(mine)
        #expect(await Reactor.shared.wait(on: other, for: .readable, until: .now + .seconds(10), cancellation: .observed) == .ready)
    }

    /// The processor time of the only thread of that name.
    private func ticks(of thread: String) throws -> Int {
        for task in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task") {
            guard let data = FileManager.default.contents(atPath: "/proc/self/task/\(task)/stat") else { continue }
            let text = String(decoding: data, as: UTF8.self)
            guard text.contains("(\(thread))"), let end = text.lastIndex(of: ")") else { continue }
            let fields = text[end...].split(separator: " ")
            return (Int(fields[12]) ?? 0) + (Int(fields[13]) ?? 0)
        }
        throw TestSupportError("no thread \(thread)")
    }
}

/// A pipe that closes itself.
private final class TestPipe: Sendable {
    let reading: Int32
    private let writing: Mutex<Int32>

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw TestSupportError("no pipe") }
        reading = ends[0]
        writing = Mutex(ends[1])
    }

    func signal() {
        var byte: UInt8 = 0
        _ = write(writing.withLock { $0 }, &byte, 1)
    }

    func closeWriting() {
        writing.withLock {
            close($0)
            $0 = -1
        }
    }

    deinit {
        close(reading)
        closeWriting()
    }
}
