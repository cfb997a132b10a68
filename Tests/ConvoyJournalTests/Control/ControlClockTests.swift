import ConvoyFleet
import ConvoyKit
import ConvoyPostgres
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyJournal

/// Machines whose clocks disagree, and rows that Convoy did not write: the server's clock decides, and nonsense is refused.
@Suite(.timeLimit(.minutes(3)))
struct ControlClockTests {
    /// The run of a machine that is an hour ahead is not newer than one that was recorded after it.
    @Test(arguments: PostgresServer.Release.tested)
    func theNewestRunIsTheOneThatWasRecordedLast(_ release: PostgresServer.Release) async throws {
        try await withControlDatabase(on: release) { control, database in
            let journal = ControlJournal(control)
            let members = ["alice", "bob"].map { name in
                RunPlan.PlannedInstance(
                    Instance(name: name, server: "pg-1", database: name, connection: ConnectionParameters(), settings: InstanceSettings())
                )
            }
            let plan = RunPlan(
                fleet: "eu",
                generatedAt: moment(),
                change: .up(to: nil),
                waves: [RunPlan.Wave(name: "all", instances: members)]
            )
            for (id, seconds) in [("r-1", 3600.0), ("r-2", 1200)] {
                try await journal.begin(JournalSamples.run(id, fleet: "eu", startedAt: moment(seconds)), plan: try plan.data())
                try await journal.append([Event(at: moment(seconds), .instanceStarted(instance: "bob", wave: "all"))], to: RunID(id))
            }
            let runs = try await journal.runs(limit: 10, fleet: "eu")
            #expect(runs.map(\.id.description) == ["r-2", "r-1"])
            #expect(try await journal.runs(named: "latest").map(\.id.description) == ["r-2"])
            let catalog = RunCatalog(journal: .control(database.owner)) { _ in }
            let overtakings = try await catalog.overtakings(of: runs[1], in: journal)
            #expect(overtakings.map(\.run.id.description) == ["r-2"])
            #expect(overtakings.first?.instances == ["bob"])
            #expect(try await catalog.overtakings(of: runs[0], in: journal).isEmpty)
        }
    }

    /// Two operators whose machines are an hour apart press stop in the same second.
    @Test(arguments: StoreKind.all)
    func aSecondStopIsOneHoweverTheClocksAre(_ kind: StoreKind) async throws {
        try await kind.withStore { journal in
            let run = JournalSamples.run.id
            try await journal.begin(JournalSamples.run, plan: Data())
            let later = kind == .file ? 5.0 : 3600
            func post(_ request: OperatorRequest.Kind, _ seconds: Double, unlessWithin period: Duration?) async throws -> Bool {
                try await journal.post(request, to: run, by: "bob", at: moment(seconds), unlessAskedWithin: period)
            }
            #expect(try await post(.stop, 0, unlessWithin: .seconds(300)))
            #expect(try await !post(.stop, later, unlessWithin: .seconds(300)))
            #expect(try await post(.pause(server: "a"), later, unlessWithin: .seconds(300)))
            #expect(try await post(.pause(server: "b"), later, unlessWithin: .seconds(300)))
            #expect(try await post(.stop, later, unlessWithin: nil))
            #expect(try await journal.requests(of: run, after: 0).map(\.kind) == [.stop, .pause(server: "a"), .pause(server: "b"), .stop])
        }
    }

    // MARK: Rows of others

    @Test func anIdThatConvoyCannotHaveMadeIsDamage() async throws {
        try await withControlDatabase { control, database in
            let journal = ControlJournal(control)
            try await journal.begin(JournalSamples.run("r-1"), plan: Data())
            let odd = ["-rf", "a/b", "a\u{1B}[2J", "a b", "", String(repeating: "a", count: 65), "ä1", "a.b"]
            for id in odd {
                _ = try await database.query(
                    """
                    INSERT INTO convoy_control.runs (id, fleet, fleet_file, direction, instances, plan, started_at, convoy_version, started_by)
                    VALUES ($1, 'teslamate-eu', 'f', 'up', 1, '', now(), '1', 'eve')
                    """,
                    [id]
                )
            }
            #expect(try await journal.runs(limit: 100).map(\.id.description) == ["r-1"])
            #expect(try await Set(journal.damagedRuns()) == Set(odd))
            #expect(RunID(recorded: nil) == nil)
            #expect(RunID(recorded: "20261122T123456Z-ab12cd") != nil)
        }
    }

    /// One row of a role that may write must not break the answers about all others.
    @Test func timesAndNumbersThatAreNoneAreRefused() async throws {
        try await withControlDatabase { control, database in
            let journal = ControlJournal(control)
            let run = JournalSamples.run.id
            try await journal.begin(JournalSamples.run, plan: Data())
            try await journal.append([JournalSamples.numbered(0)], to: run)
            for (column, value) in [
                ("recorded_at", "'infinity'"), ("recorded_at", "'-infinity'"), ("at", "'infinity'"), ("seconds", "'NaN'"),
                ("seconds", "'infinity'"), ("seconds", "-1"), ("seconds", "1e308"), ("recorded_at", "'294276-12-31'"),
                ("at", "'20000-01-01'"),
            ] {
                await #expect(throws: (any Error).self, "\(column) \(value)") {
                    try await database.execute(["UPDATE convoy_control.events SET \(column) = \(value)"])
                }
            }
            for column in ["started_at", "finished_at", "recorded_at"] {
                await #expect(throws: (any Error).self, "\(column)") {
                    try await database.execute(["UPDATE convoy_control.runs SET \(column) = 'infinity'"])
                }
            }
            #expect(try await journal.numbers() == [0])
        }
    }
}
