import Foundation
import TestSupport
import Testing

@testable import ConvoyJournal
@testable import ConvoyRun

/// How long appends take in the stores, compared in one process: with `CONVOY_MEASURE=1`, because other work on the machine changes the numbers.
@Suite(.timeLimit(.minutes(5)), .enabled(if: ProcessInfo.processInfo.environment["CONVOY_MEASURE"] != nil))
struct StoreThroughputTests {
    /// The time of 1,000 appends of three events, one after the other.
    private func time(_ kind: StoreKind) async throws -> Duration {
        let elapsed = Shared(Duration.zero)
        try await kind.withStore { store in
            try await store.begin(JournalSamples.run, plan: Data())
            let lock = try await store.lock(JournalSamples.run.id)
            let begin = ContinuousClock.now
            for first in stride(from: 0, to: 3000, by: 3) {
                try await store.append((first..<first + 3).map(JournalSamples.numbered), to: JournalSamples.run.id)
            }
            elapsed.change { $0 = .now - begin }
            await lock.release()
            #expect(try await store.numbers() == Array(0..<3000))
        }
        return elapsed.value
    }

    @Test func thousandAppends() async throws {
        let file = try await time(.file)
        for release in PostgresServer.Release.tested {
            let control = try await time(.control(release))
            print("1,000 appends: SQLite \(file), \(release) \(control), ratio \(control / file)")
            #expect(control / file < 20)
        }
    }
}
