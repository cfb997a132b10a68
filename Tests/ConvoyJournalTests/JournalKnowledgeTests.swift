import ConvoyJournal
import ConvoyMigrations
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyRun

/// What a journal remembers of instances, over all runs of a fleet.
@Suite(.timeLimit(.minutes(1))) struct JournalKnowledgeTests {
    private func version(_ value: Int64) -> MigrationVersion { MigrationVersion(value) }

    private func begin(_ id: String, at seconds: Double, in journal: any RunStore) async throws {
        let record = RunRecord(
            id: RunID(id),
            fleet: "eu",
            fleetFile: "fleet.yaml",
            change: .up(to: nil),
            instances: 2,
            startedAt: moment(seconds),
            startedBy: "ann@db-tools"
        )
        try await journal.begin(record, plan: Data())
    }

    private func started(_ name: String, at seconds: Double) -> Event {
        Event(at: moment(seconds), .instanceStarted(instance: name, wave: "all"))
    }

    private func applied(_ value: Int64, _ direction: MigrationDirection = .up) -> AppliedMigration {
        AppliedMigration(version: version(value), direction: direction, duration: .milliseconds(1))
    }

    private func ended(_ name: String, _ outcome: Outcome, at seconds: Double, to value: Int64?, _ applied: [AppliedMigration] = [])
        -> Event
    {
        let result = InstanceResult(outcome: outcome, from: version(1), to: value.map(version), applied: applied)
        return Event(at: moment(seconds), .instanceFinished(instance: name, result: result))
    }

    private func endings(_ journal: any RunStore, _ names: [String], except run: String? = nil) async throws -> [String] {
        try await journal.lastEndings(of: names, fleet: "eu", except: run.map(RunID.init)).compactMap { ending in
            ending.event.event?.kind.ending.map { name, result in
                "\(ending.run) \(name) \(result.outcome.rawValue) \(result.to?.description ?? "-")\(ending.isLast ? "" : " before")"
            }
        }
    }

    @Test(arguments: StoreKind.all)
    func theLastEndAndTheLastThatLearntTheVersion(_ kind: StoreKind) async throws {
        try await kind.withStore { journal in
            try await begin("r-1", at: 0, in: journal)
            try await journal.append([ended("alice", .migrated, at: 1, to: 2), ended("bob", .migrated, at: 2, to: 2)], to: RunID("r-1"))
            try await begin("r-2", at: 10, in: journal)
            try await journal.append(
                [ended("alice", .unreachable, at: 11, to: nil), ended("bob", .failed, at: 12, to: 3)],
                to: RunID("r-2")
            )
            #expect(
                try await endings(journal, ["alice", "bob", "carol"]) == [
                    "r-1 alice migrated 2 before", "r-2 alice unreachable -", "r-2 bob failed 3",
                ]
            )
            #expect(try await endings(journal, ["bob"], except: "r-2") == ["r-1 bob migrated 2"])
            #expect(try await endings(journal, []) == [])
        }
    }

    /// A run that was resumed worked here after one that began later.
    @Test(arguments: StoreKind.all)
    func theNewestIsTheLastByTime(_ kind: StoreKind) async throws {
        try await kind.withStore { journal in
            try await begin("r-1", at: 0, in: journal)
            try await begin("r-2", at: 10, in: journal)
            try await journal.append([ended("alice", .migrated, at: 11, to: 3), ended("bob", .migrated, at: 12, to: 3)], to: RunID("r-2"))
            try await journal.append([ended("alice", .rolledBack, at: 20, to: 1)], to: RunID("r-1"))
            #expect(try await endings(journal, ["alice", "bob"]) == ["r-2 bob migrated 3", "r-1 alice rolled-back 1"])
        }
    }

    @Test(arguments: StoreKind.all)
    func aBriefEndHasTheLastMigration(_ kind: StoreKind) async throws {
        try await kind.withStore { journal in
            try await begin("r-1", at: 0, in: journal)
            let all = [applied(2), applied(3), applied(3, .down)]
            try await journal.append([ended("alice", .rolledBack, at: 1, to: 2, all)], to: RunID("r-1"))
            for (detail, count) in [(EndingDetail.whole, 3), (.brief, kind == .file ? 1 : 3)] {
                let ending = try await journal.lastEndings(of: ["alice"], fleet: "eu", except: nil, detail).first
                let result = try #require(ending?.event.event?.kind.ending?.result)
                #expect(result.applied.count == count && result.applied.last == applied(3, .down) && result.to == version(2))
            }
        }
    }

    @Test(arguments: StoreKind.all)
    func whatARunMayHaveDoneUnseenIsInDoubt(_ kind: StoreKind) async throws {
        try await kind.withStore { journal in
            try await begin("r-1", at: 0, in: journal)
            try await journal.append(["alice", "bob", "carol", "dave"].map { ended($0, .migrated, at: 1, to: 2) }, to: RunID("r-1"))
            let names = ["alice", "bob", "carol", "dave"]
            var ends: [String: Int64] = [:]
            for ending in try await journal.lastEndings(of: names, fleet: "eu", except: nil) {
                if let name = ending.event.event?.kind.ending?.instance { ends[name] = ending.event.position }
            }
            #expect(ends.keys.sorted() == names)
            #expect(try await journal.instancesInDoubt(since: ends, fleet: "eu") == [])
            // The machine of the second run is an hour behind: the order is the journal's.
            try await begin("r-2", at: -3590, in: journal)
            try await journal.append(
                [
                    // Cut off; unknown; away; not reached.
                    started("alice", at: -3589), started("bob", at: -3588), ended("bob", .unknown, at: -3587, to: nil),
                    started("carol", at: -3586), ended("carol", .unreachable, at: -3585, to: nil),
                ],
                to: RunID("r-2")
            )
            #expect(try await journal.instancesInDoubt(since: ends, fleet: "eu") == ["alice", "bob"])
            #expect(try await journal.instancesInDoubt(since: ["alice": .max], fleet: "eu") == [])
            #expect(try await journal.instancesInDoubt(since: [:], fleet: "eu") == [])
        }
    }

    @Test(arguments: StoreKind.all)
    func theFirstMigrationAboveAVersion(_ kind: StoreKind) async throws {
        try await kind.withStore { journal in
            try await begin("r-1", at: 0, in: journal)
            let events = [(1, 2), (2, 3), (3, 4)].map { second, value in
                Event(at: moment(Double(second)), .migrationApplied(instance: "alice", migration: applied(Int64(value))))
            }
            try await journal.append(events, to: RunID("r-1"))
            #expect(try await journal.firstApplied(above: version(2), to: "alice", in: RunID("r-1")) == moment(2))
            #expect(try await journal.firstApplied(above: nil, to: "alice", in: RunID("r-1")) == moment(1))
            #expect(try await journal.firstApplied(above: version(4), to: "alice", in: RunID("r-1")) == nil)
            #expect(try await journal.firstApplied(above: version(1), to: "bob", in: RunID("r-1")) == nil)
        }
    }

    /// The run that knows the version stays, though a newer one could not reach the instance.
    @Test(arguments: StoreKind.all)
    func pruningKeepsWhatIsKnown(_ kind: StoreKind) async throws {
        try await kind.withStore { journal in
            for (index, (outcome, value)) in [(Outcome.migrated, Int64?(2)), (.failed, 2), (.unreachable, nil)].enumerated() {
                try await begin("r-\(index)", at: Double(index), in: journal)
                try await journal.append([ended("alice", outcome, at: Double(index), to: value)], to: RunID("r-\(index)"))
            }
            #expect(try await journal.newestRunsOfInstances(fleet: "eu") == [RunID("r-1"), RunID("r-2")])
        }
    }
}
