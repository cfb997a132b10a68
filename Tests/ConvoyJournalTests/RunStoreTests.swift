import ConvoyMigrations
import ConvoyText
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyJournal
@testable import ConvoyRun

/// What every store of runs does, whatever keeps them.
@Suite(.timeLimit(.minutes(3)))
struct RunStoreTests {
    private let run = JournalSamples.run

    /// A new store with a run in it.
    private func withJournal(
        _ kind: StoreKind,
        _ body: (any RunStore, _ open: @escaping @Sendable () async throws -> any RunStore) async throws -> Void
    ) async throws {
        try await kind.withStore { store, open in
            try await store.begin(run, plan: Data("the plan".utf8))
            try await body(store, open)
        }
    }

    @Test(arguments: StoreKind.all)
    func eventsComeBackInOrderForEveryReader(_ kind: StoreKind) async throws {
        try await withJournal(kind) { journal, open in
            let events = JournalSamples.kinds.map { Event(at: moment(), $0) }
            try await journal.append(Array(events.prefix(5)), to: run.id)
            try await journal.append([], to: run.id)
            try await journal.append(Array(events.dropFirst(5)), to: run.id)
            let reader = try await open()
            for journal in [journal, reader] {
                for pageSize in [1, 7, events.count, 1000] {
                    var read: [String] = []
                    for try await recorded in RecordedEvents(journal: journal, run: run.id, pageSize: pageSize) {
                        read.append(try #require(recorded.event).json.line)
                    }
                    #expect(read == events.map(\.json.line))
                }
            }
        }
    }

    @Test(arguments: StoreKind.all)
    func aRunIsListedAsItWasBegunAndAsItEnded(_ kind: StoreKind) async throws {
        try await withJournal(kind) { journal, _ in
            #expect(try await journal.runs(limit: 10) == [run])
            #expect(try await journal.plan(of: run.id) == Data("the plan".utf8))
            #expect(try await journal.plan(of: RunID("other")) == nil)

            try await journal.append([Event(at: moment(5), .runFinished(status: .halted))], to: run.id)
            var ended = run
            ended.status = .halted
            ended.finishedAt = moment(5)
            #expect(try await journal.runs(limit: 10) == [ended])

            try await journal.append([Event(at: moment(6), .runResumed(by: "bob@host"))], to: run.id)
            #expect(try await journal.runs(limit: 10) == [run])

            try await journal.abandon(run.id, unchangedSince: journal.basis(of: run.id), by: "bob@host", at: moment(7))
            ended.status = .abandoned
            ended.finishedAt = moment(7)
            ended.abandonedBy = "bob@host"
            #expect(try await journal.runs(limit: 10) == [ended])

            await #expect {
                try await journal.append([Event(at: moment(8), .runResumed(by: "ann@host"))], to: run.id)
            } throws: {
                "\($0)".contains("abandoned by bob@host")
            }
            #expect(try await journal.runs(limit: 10) == [ended])
        }
    }

    @Test(
        arguments: StoreKind.all,
        [Change.up(to: nil), .up(to: JournalSamples.version), .down(to: JournalSamples.version), .downSteps(3)]
    )
    func theChangeIsKept(_ kind: StoreKind, _ change: Change) async throws {
        try await withJournal(kind) { journal, _ in
            try await journal.begin(JournalSamples.run("r-2", change, startedAt: moment(1)), plan: Data())
            #expect(try await journal.runs(limit: 1).first?.change == change)
        }
    }

    @Test(
        arguments: StoreKind.all,
        [
            ("latest", nil, ["20260808T100000Z-ffff00"]), ("latest", "eu", ["20260807T000000Z-aaaaaa"]), ("latest", "asia", []),
            ("20260807", nil, ["20260807T000000Z-aaaaaa"]), ("20260808", nil, ["20260808T100000Z-ffff00", "20260808T090000Z-ab12cd"]),
            ("20260808T09", nil, ["20260808T090000Z-ab12cd"]), ("2026%", nil, []), ("", "eu", ["20260807T000000Z-aaaaaa"]),
            ("20260808T100000Z-ffff00", nil, ["20260808T100000Z-ffff00"]), ("20260808T090000Z-ab12cd", "eu", []),
        ]
    )
    func aRunIsFoundByIdPrefixOrLatest(_ kind: StoreKind, _ wanted: (String, String?, [String])) async throws {
        let (text, fleet, expected) = wanted
        try await withJournal(kind) { journal, _ in
            try await journal.begin(JournalSamples.run("20260807T000000Z-aaaaaa", fleet: "eu", startedAt: moment(1800)), plan: Data())
            try await journal.begin(JournalSamples.run("20260808T100000Z-ffff00", startedAt: moment(3600)), plan: Data())
            #expect(try await journal.runs(named: text, fleet: fleet).map(\.id.description) == expected)
        }
    }

    @Test(arguments: StoreKind.all)
    func anIdThatBeginsAnotherIsStillOne(_ kind: StoreKind) async throws {
        try await withJournal(kind) { journal, _ in
            for id in ["r-1", "r-10"] { try await journal.begin(JournalSamples.run(id), plan: Data()) }
            #expect(try await journal.runs(named: "r-1").map(\.id.description) == ["r-1"])
        }
    }

    @Test(arguments: StoreKind.all)
    func outcomesCountTheLastWordOnEachInstance(_ kind: StoreKind) async throws {
        try await withJournal(kind) { journal, _ in
            let results: [(String, Outcome)] = [("alice", .migrated), ("bob", .failed), ("carol", .migrated), ("bob", .migrated)]
            for (name, outcome) in results {
                try await journal.append(
                    [Event(at: moment(), .instanceFinished(instance: name, result: InstanceResult(outcome: outcome)))],
                    to: run.id
                )
            }
            let rolledBack = InstanceResult(outcome: .rolledBack)
            try await journal.append([Event(at: moment(), .rollbackFinished(instance: "alice", result: rolledBack))], to: run.id)
            #expect(try await journal.outcomes(of: run.id) == [.migrated: 2, .rolledBack: 1])
        }
    }

    @Test(arguments: StoreKind.all)
    func requestsReachTheProcessThatRuns(_ kind: StoreKind) async throws {
        try await withJournal(kind) { journal, open in
            let other = try await open()
            #expect(try await journal.requests(of: run.id, after: 0) == [])
            let kinds: [OperatorRequest.Kind] = [
                .stop, .approve(wave: nil), .approve(wave: "canary"), .pause(server: "eu-1"), .unpause(server: "eu-1"),
            ]
            for kind in kinds { try await other.post(kind, to: run.id, by: "bob@host", at: moment(1)) }
            let requests = try await journal.requests(of: run.id, after: 0)
            #expect(requests.map(\.kind) == kinds)
            #expect(requests.map(\.number) == [1, 2, 3, 4, 5])
            #expect(requests.allSatisfy { $0.by == "bob@host" && $0.at == moment(1) })
            #expect(try await journal.requests(of: run.id, after: 3) == Array(requests.dropFirst(3)))
            #expect(try await journal.requests(of: RunID("other"), after: 0) == [])
        }
    }

    @Test(arguments: StoreKind.all)
    func nothingIsWrittenForARunThatIsNotThere(_ kind: StoreKind) async throws {
        try await withJournal(kind) { journal, _ in
            let other = RunID("other")
            await #expect(throws: JournalError.self) { try await journal.append([JournalSamples.numbered(1)], to: other) }
            await #expect(throws: JournalError.self) { try await journal.post(.stop, to: other, by: "bob", at: moment()) }
            await #expect(throws: JournalError.self) { try await journal.begin(run, plan: Data()) }
            try await journal.append([JournalSamples.numbered(1)], to: run.id)
            #expect(try await journal.numbers() == [1])
        }
    }

    @Test(arguments: StoreKind.all)
    func callsOfOneTaskStayInOrderAndEachCallStaysWhole(_ kind: StoreKind) async throws {
        try await withJournal(kind) { journal, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<20 {
                    group.addTask { [run] in
                        for call in 0..<10 {
                            let first = task * 1000 + call * 10
                            try await journal.append((first..<first + 3).map(JournalSamples.numbered), to: run.id)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let numbers = try await journal.numbers()
            #expect(numbers.count == 600)
            for task in 0..<20 {
                let own = numbers.filter { $0 / 1000 == task }
                #expect(own == own.sorted())
            }
            for first in stride(from: 0, to: 600, by: 3) {
                #expect(numbers[first...first + 2].elementsEqual(numbers[first]...numbers[first] + 2))
            }
        }
    }

    @Test(arguments: StoreKind.all)
    func anEventOfACancelledTaskIsWritten(_ kind: StoreKind) async throws {
        try await withJournal(kind) { journal, _ in
            let task = Task { [run] in
                while !Task.isCancelled { await Task.yield() }
                try await journal.append([JournalSamples.numbered(7)], to: run.id)
                return try await journal.numbers()
            }
            task.cancel()
            let numbers = try await task.value
            #expect(numbers == [7])
        }
    }

    // MARK: Reading while it is written

    @Test(arguments: StoreKind.all)
    func whatIsReadIsAlwaysABeginning(_ kind: StoreKind) async throws {
        try await withJournal(kind) { journal, open in
            let reader = try await open()
            let isOver = Shared(false)
            async let readings = {
                var readings: [[Int]] = []
                while !isOver.value { readings.append(try await reader.numbers()) }
                return readings
            }()
            for first in stride(from: 0, to: 300, by: 3) {
                try await journal.append((first..<first + 3).map(JournalSamples.numbered), to: run.id)
                try await reader.post(.stop, to: run.id, by: "bob@host", at: moment())
            }
            isOver.change { $0 = true }
            for reading in try await readings { #expect(reading == Array(0..<reading.count) && reading.count % 3 == 0) }
            #expect(try await reader.numbers() == Array(0..<300))
            #expect(try await reader.requests(of: run.id, after: 0).map(\.number) == Array(1...100))
        }
    }

    // MARK: Locks

    @Test(arguments: StoreKind.all)
    func onlyOneOfManyGetsTheLock(_ kind: StoreKind) async throws {
        try await withJournal(kind) { journal, open in
            let other = try await open()
            #expect(try await journal.state(of: run) == .cutOff)
            for _ in 0..<5 {
                let locks = await withTaskGroup(of: (any RunLock)?.self) { group in
                    for store in [journal, other, journal, other] { group.addTask { [run] in try? await store.lock(run.id) } }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                #expect(locks.compactMap(\.self).count == 1)
                let holder = try #require(try await other.holder(of: run.id))
                #expect(holder.hasPrefix("pid "))
                #expect(try await journal.state(of: run) == .running)
                await #expect {
                    _ = try await other.lock(run.id)
                } throws: {
                    "\($0)".contains("run \(run.id) is still running (\(holder)")
                }
                for lock in locks { await lock?.release() }
                for lock in locks { await lock?.release() }
                #expect(try await other.holder(of: run.id) == nil)
            }
            #expect(try await other.holder(of: RunID("other")) == nil)
        }
    }

    @Test(arguments: StoreKind.all)
    func whoeverHasTheLockWrites(_ kind: StoreKind) async throws {
        try await withJournal(kind) { journal, open in
            for number in 0..<3 {
                let store = number == 1 ? try await open() : journal
                let lock = try await store.lock(run.id)
                try await store.append([JournalSamples.numbered(number)], to: run.id)
                await lock.release()
            }
            #expect(try await journal.numbers() == [0, 1, 2])
        }
    }
}
