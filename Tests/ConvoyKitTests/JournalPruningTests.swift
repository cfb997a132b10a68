import ConvoyFleet
import ConvoyJournal
import ConvoyMigrations
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyKit

/// Which old runs go, and that the journal gets smaller.
@Suite(.timeLimit(.minutes(3))) struct JournalPruningTests {
    private static let now = Date(timeIntervalSince1970: 1_800_000_000)
    private static let day = 86_400.0

    private func record(_ id: Int, daysAgo: Double, fleet: String = "eu", _ status: RunEnding? = .succeeded) -> RunRecord {
        RunRecord(
            id: RunID("r-\(id)"),
            fleet: fleet,
            fleetFile: "fleet.yaml",
            change: .up(to: nil),
            instances: 1,
            startedAt: Self.now.addingTimeInterval(-daysAgo * Self.day),
            finishedAt: status == nil ? nil : Self.now.addingTimeInterval(-daysAgo * Self.day + 60),
            status: status,
            startedBy: "ann@db-tools"
        )
    }

    private func removed(_ runs: [(RunRecord, RunState)], newest: Set<RunID> = [], _ keep: JournalKeep) -> [String] {
        let prunable = PrunableRuns(runs.map { (run: $0.0, state: $0.1) }, newestOfInstances: newest, keep: keep, at: Self.now)
        #expect(prunable.runs.count + prunable.kept == runs.count)
        return prunable.runs.map(\.id.description)
    }

    @Test(arguments: [
        ("90d", JournalKeep.age(.seconds(90 * 86_400))), ("1", .runs(1)), ("500", .runs(500)), ("12h", .age(.seconds(43_200))),
    ])
    func aTextSaysHowMuchIsKept(text: String, keep: JournalKeep) { #expect(JournalKeep(text: text) == keep) }

    @Test(arguments: ["", "0", "-1", "0d", "90 days", "1000001", "999999999999999999999", "d", "+5", "٣"])
    func anythingElseIsRefused(_ text: String) { #expect(JournalKeep(text: text) == nil) }

    @Test func byNumberAndByAge() {
        let runs = (0..<6).map { (record($0, daysAgo: Double($0) * 10), RunState.ended(.succeeded)) }
        #expect(removed(runs, .runs(4)) == ["r-4", "r-5"])
        #expect(removed(runs, .runs(6)) == [])
        #expect(removed(runs, .age(.seconds(35 * 86_400))) == ["r-4", "r-5"])
        // The newest run of the fleet stays, however old it is.
        #expect(removed(runs, .age(.seconds(1))) == ["r-1", "r-2", "r-3", "r-4", "r-5"])
    }

    @Test func whatIsActiveOrResumableOrTheNewestOfAnInstanceStays() {
        let states: [RunState] = [.ended(.succeeded)] + RunState.allCases
        let runs = states.enumerated().map { (record($0.offset, daysAgo: Double($0.offset)), $0.element) }
        let gone = Set(removed(runs, .runs(1)))
        let expected = runs.dropFirst().filter { [.ended(.succeeded), .ended(.failed), .ended(.abandoned)].contains($0.1) }
        #expect(gone == Set(expected.map(\.0.id.description)))
        let prunable = PrunableRuns(runs.map { (run: $0.0, state: $0.1) }, newestOfInstances: [], keep: .runs(1), at: Self.now)
        #expect(prunable.protected == runs.count - 1 - expected.count)
        #expect(removed(runs, newest: Set(expected.map(\.0.id)), .runs(1)) == [])
    }

    @Test func eachFleetHasRunsOfItsOwn() {
        let runs = (0..<6).map { (record($0, daysAgo: Double($0), fleet: $0 < 3 ? "eu" : "us"), RunState.ended(.failed)) }
        #expect(removed(runs, .runs(2)) == ["r-2", "r-5"])
    }

    // MARK: In a journal

    private func fleet(_ path: String, name: String = "eu") -> Fleet {
        Fleet(name: name, migrations: "Migrations", instances: [], journal: path)
    }

    /// Records a run that ended well on these instances.
    private func record(_ run: RunRecord, _ instances: [String], in journal: SQLiteJournal, padding: Int = 0) async throws {
        var begun = run
        (begun.finishedAt, begun.status) = (nil, nil)
        try await journal.begin(begun, plan: Data(repeating: 0x20, count: padding))
        let at = run.startedAt
        var events = [
            Event(at: at, .runStarted(run: run.id.description, fleet: run.fleet, waves: [PlannedWave(name: "all", instances: instances)]))
        ]
        events += instances.map { Event(at: at, .instanceFinished(instance: $0, result: InstanceResult(outcome: .migrated))) }
        if let status = run.status { events.append(Event(at: at.addingTimeInterval(60), .runFinished(status: status))) }
        try await journal.append(events, to: run.id)
    }

    @Test func theNewestRunOfEachInstanceStaysAndItsEndingIsKnown() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/journal.sqlite"
            let journal = try await SQLiteJournal.open(path: path)
            // bob was last worked on long ago.
            for (index, names) in [["alice", "bob"], ["alice"], ["alice"], ["alice"]].enumerated() {
                try await record(record(index, daysAgo: 40 - Double(index)), names, in: journal)
            }
            try await journal.post(.stop, to: RunID("r-1"), by: "ann", at: Self.now)
            let catalog = RunCatalog(fleet(path)) { Issue.record("\($0)") }
            let prunable = try await catalog.prunable(.runs(1), at: Self.now, in: journal)
            #expect(prunable.runs.map(\.id.description) == ["r-2", "r-1"])
            let pruned = try await catalog.prune(prunable, in: journal)
            #expect(pruned.removed.map(\.id.description) == ["r-2", "r-1"])
            #expect(pruned.kept == 2)
            #expect(try await journal.runs(limit: 10).map(\.id.description) == ["r-3", "r-0"])
            #expect(try await journal.events(of: RunID("r-1"), after: 0, limit: 10).isEmpty)
            #expect(try await journal.requests(of: RunID("r-1"), after: 0).isEmpty)
            let endings = try await journal.lastEndings(of: ["alice", "bob"], fleet: "eu", except: nil).compactMap {
                $0.event.event?.kind.instance
            }
            #expect(Set(endings) == ["alice", "bob"])
            // There is nothing left to remove.
            #expect(try await catalog.prunable(.runs(1), at: Self.now, in: journal).runs.isEmpty)
        }
    }

    /// An operator who has stopped a run does not wait for the removal of others, and a journal that has failed is not asked for it.
    @Test func aRunThatWasStoppedRemovesNoOthers() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/journal.sqlite"
            let journal = try await SQLiteJournal.open(path: path)
            for index in 0..<3 { try await record(record(index, daysAgo: 40 - Double(index)), ["alice"], in: journal) }
            let catalog = RunCatalog(fleet(path)) { Issue.record("\($0)") }
            func left(after events: [Event.Kind]) async throws -> Int {
                var log = RunLog()
                for kind in events { log.apply(Event(at: Self.now, kind)) }
                await catalog.pruneByItself(.runs(1), after: RunID("r-2"), log, in: journal)
                return try await journal.runs(limit: 10).count
            }
            let start = Event.Kind.runStarted(run: "r-2", fleet: "eu", waves: [])
            #expect(try await left(after: [start, .stopRequested, .runFinished(status: .interrupted)]) == 3)
            #expect(try await left(after: [start, .halted(.journalFailed(reason: "x")), .runFinished(status: .halted)]) == 3)
            #expect(try await left(after: [start, .runFinished(status: .succeeded)]) == 1)
        }
    }

    @Test func anActiveRunStaysAndKeepsTheFileFromShrinking() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/journal.sqlite"
            let journal = try await SQLiteJournal.open(path: path)
            for index in 0..<4 { try await record(record(index, daysAgo: 40 - Double(index)), ["alice"], in: journal, padding: 100_000) }
            try await record(record(9, daysAgo: 50, nil), ["bob"], in: journal)
            let lock = try await FileLock.acquire(RunID("r-9"), journal: path)
            let catalog = RunCatalog(fleet(path)) { Issue.record("\($0)") }
            var pruned = try await catalog.prune(catalog.prunable(.runs(1), at: Self.now, in: journal), in: journal)
            #expect(pruned.removed.count == 3)
            #expect(pruned.isStillInUse)
            #expect(pruned.after == pruned.before)
            lock.release()
            // It was cut off now, and can be resumed.
            try await record(record(10, daysAgo: 1), ["alice"], in: journal)
            pruned = try await catalog.prune(catalog.prunable(.runs(1), at: Self.now, in: journal), in: journal)
            #expect(pruned.removed.map(\.id.description) == ["r-3"])
            #expect(!pruned.isStillInUse)
            #expect(pruned.after < pruned.before / 2)
            #expect(try await journal.runs(limit: 10).map(\.id.description).contains("r-9"))
        }
    }

    @Test func otherFleetsOfTheJournalAreLeftAlone() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/journal.sqlite"
            let journal = try await SQLiteJournal.open(path: path)
            for index in 0..<4 {
                try await record(record(index, daysAgo: 40 - Double(index), fleet: index < 2 ? "us" : "eu"), ["alice"], in: journal)
            }
            let catalog = RunCatalog(fleet(path)) { Issue.record("\($0)") }
            _ = try await catalog.prune(catalog.prunable(.runs(1), at: Self.now, in: journal), in: journal)
            #expect(try await journal.runs(limit: 10).map(\.id.description) == ["r-3", "r-1", "r-0"])
        }
    }

    /// What a year of runs leaves is gone in seconds, and the file is small again.
    @Test func tenThousandRuns() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/journal.sqlite"
            let journal = try await SQLiteJournal.open(path: path)
            let names = (0..<10).map { "i\($0)" }
            await withTaskGroup(of: Void.self) { group in
                // Together, so that they share transactions.
                for index in 0..<10_000 {
                    group.addTask {
                        try? await record(record(index, daysAgo: 10_000 - Double(index)), names, in: journal, padding: 200)
                    }
                }
            }
            let catalog = RunCatalog(fleet(path)) { Issue.record("\($0)") }
            let start = ContinuousClock.now
            let result = try await catalog.prune(catalog.prunable(.runs(100), at: Self.now, in: journal), in: journal)
            let time = ContinuousClock.now - start
            #expect(result.removed.count > 9800)
            #expect(result.removed.count + result.kept == 10_000)
            #expect(result.after < result.before / 10)
            #expect(time < .seconds(120), "\(time)")
        }
    }
}
