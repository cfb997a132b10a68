import ConvoyIO
import ConvoyKit
import ConvoyPostgres
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyJournal

/// A control server that accepts and does not answer: who cancels does not wait for the end of a limit.
@Suite(.timeLimit(.minutes(3)))
struct ControlSilenceTests {
    private let run = JournalSamples.run
    /// Far below every limit that such a server would otherwise be given.
    private let soon = Duration.seconds(20)

    private func append(_ numbers: Range<Int>, to journal: any RunStore) async -> JournalError? {
        await problem { () async throws(JournalError) in try await journal.append(numbers.map(JournalSamples.numbered), to: run.id) }
    }

    /// A journal behind a proxy, with a run.
    private func withProxy(
        _ configure: (inout ControlDatabase.Timing) -> Void = { _ in },
        _ body: (ControlJournal, FaultProxy) async throws -> Void
    ) async throws {
        try await withControlDatabase { _, database in
            let proxy = try FaultProxy(to: .port(database.server.port))
            var timing = ControlDatabase.Timing()
            timing.connect = .seconds(60)
            timing.interruptedPatience = .milliseconds(500)
            configure(&timing)
            let journal = ControlJournal(ControlDatabase(database.ownerOverTCP(port: proxy.port), timing: timing))
            try await journal.begin(run, plan: Data())
            try await body(journal, proxy)
            proxy.set(mode: .forward)
            try await journal.close()
        }
    }

    @Test(arguments: [true, false])
    func anOperatorWhoCancelsDoesNotWaitForAnAnswer(_ isOpen: Bool) async throws {
        try await withProxy { journal, proxy in
            let lock = try await journal.lock(run.id)
            #expect(await append(0..<1, to: journal) == nil)
            // Without a session it is the login that gets no answer.
            if !isOpen { await journal.control.close() }
            proxy.set(mode: .blackHole)
            let begun = ContinuousClock.now
            async let refused = append(1..<2, to: journal)
            await pause(for: .milliseconds(100), cancellation: .ignored)
            journal.hurry(run.id)
            #expect(await refused?.message.contains("cannot be reached") == true || isOpen)
            #expect(.now - begun < soon)
            #expect(await append(1..<3, to: journal) != nil)
            #expect(.now - begun < soon)
            // What was under way arrives now, after it was given up.
            proxy.set(mode: .forward)
            try await eventually("the server answers") { await append(1..<3, to: journal) == nil }
            #expect(try await journal.numbers() == [0, 1, 2])
            await lock.release()
        }
    }

    /// Nothing else is left to wait for.
    @Test func theLastEventsOfACancelledRunMayTakeLonger() async throws {
        try await withProxy { journal, proxy in
            #expect(await append(0..<1, to: journal) == nil)
            proxy.set(mode: .blackHole)
            journal.hurry(run.id)
            #expect(await append(1..<2, to: journal) != nil)
            async let written = appendLast(1..<3, to: journal)
            // Longer than everything else may take.
            await pause(for: .seconds(2), cancellation: .ignored)
            proxy.set(mode: .forward)
            #expect(await written == nil)
            let numbers = try await journal.numbers()
            #expect(numbers == [0, 1, 2])
        }
    }

    /// As long as a lease, answers included, or until the operator asks once more.
    @Test(arguments: [true, false])
    func theLastEventsOfACancelledRunHaveAnEnd(_ isHurried: Bool) async throws {
        try await withProxy({ ($0.lease, $0.answer, $0.patience) = (.seconds(isHurried ? 600 : 1), .seconds(600), .seconds(600)) }) {
            journal,
            proxy in
            #expect(await append(0..<1, to: journal) == nil)
            proxy.set(mode: .blackHole)
            journal.hurry(run.id)
            let begun = ContinuousClock.now
            async let refused = appendLast(1..<2, to: journal)
            await pause(for: .milliseconds(100), cancellation: .ignored)
            if isHurried { journal.hurry(run.id) }
            #expect(await refused != nil)
            #expect(.now - begun < soon)
        }
    }

    private func appendLast(_ numbers: Range<Int>, to journal: any RunStore) async -> JournalError? {
        await problem { () async throws(JournalError) in try await journal.appendLast(numbers.map(JournalSamples.numbered), to: run.id) }
    }

    @Test func aCancelledTaskDoesNotWaitForAnAnswer() async throws {
        try await withProxy { journal, proxy in
            _ = try await journal.runs(limit: 1)
            proxy.set(mode: .blackHole)
            let begun = ContinuousClock.now
            let read = Task { await problem { () async throws(JournalError) in _ = try await journal.runs(limit: 1) } }
            let written = Task {
                await problem { () async throws(JournalError) in try await journal.post(.stop, to: run.id, by: "ann", at: moment()) }
            }
            await pause(for: .milliseconds(100), cancellation: .ignored)
            read.cancel()
            written.cancel()
            let refusal = await read.value?.message
            #expect(refusal?.contains("cannot be reached") == true, "\(refusal ?? "")")
            #expect(refusal?.contains("no answer within 500 ms after the cancellation") == true, "\(refusal ?? "")")
            #expect(await written.value != nil)
            #expect(.now - begun < soon)
        }
    }

    /// All sessions are lent to calls that get no answer.
    @Test func aCallThatWaitsForASessionEndsToo() async throws {
        try await withProxy({ $0.sessions = 1 }) { journal, proxy in
            #expect(await append(0..<1, to: journal) == nil)
            proxy.set(mode: .blackHole)
            let begun = ContinuousClock.now
            let other = Task { await problem { () async throws(JournalError) in _ = try await journal.runs(limit: 1) } }
            await pause(for: .milliseconds(100), cancellation: .ignored)
            async let refused = append(1..<2, to: journal)
            await pause(for: .milliseconds(100), cancellation: .ignored)
            journal.hurry(run.id)
            #expect(await refused?.message.contains("cannot be reached") == true)
            #expect(.now - begun < soon)
            // It has its session still.
            proxy.set(mode: .forward)
            #expect(await other.value == nil)
            #expect(await append(1..<2, to: journal) == nil)
            let numbers = try await journal.numbers()
            #expect(numbers == [0, 1])
        }
    }

    /// The lease ends by itself: the end of a command does not wait for a server that is silent.
    @Test func aLockIsReleasedWithoutAnAnswer() async throws {
        try await withProxy { journal, proxy in
            let lock = try await journal.lock(run.id)
            proxy.set(mode: .blackHole)
            let begun = ContinuousClock.now
            await lock.release()
            #expect(.now - begun < soon)
        }
    }

    /// Who is not cancelled waits.
    @Test func aSlowAnswerIsWaitedFor() async throws {
        try await withProxy { journal, proxy in
            #expect(await append(0..<1, to: journal) == nil)
            proxy.set(mode: .blackHole)
            async let written = append(1..<2, to: journal)
            await pause(for: .seconds(1), cancellation: .ignored)
            proxy.set(mode: .forward)
            #expect(await written == nil)
            let numbers = try await journal.numbers()
            #expect(numbers == [0, 1])
        }
    }
}
