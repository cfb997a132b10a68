import ConvoyJournal
import ConvoyKit
import ConvoyText
import FoundationEssentials
import TestSupport
import Testing

/// The library as another program uses it, on real databases.
@Suite(.timeLimit(.minutes(3))) struct FleetClientTests {
    private static let first = "-- migrate:up\nCREATE TABLE cars (id bigint PRIMARY KEY);\n-- migrate:down\nDROP TABLE cars;\n"
    private static let second =
        "-- migrate:up\nALTER TABLE cars ADD COLUMN plate text;\n-- migrate:down\nALTER TABLE cars DROP COLUMN plate;\n"

    private func withFleet(
        _ databases: [TestDatabase],
        second: String = second,
        rollout: String = "{waves: [{name: canary, names: [alice]}, {name: rest}]}",
        _ body: (_ fleetFile: String, _ folder: String) async throws -> Void
    ) async throws {
        var fleet = "version: 1\nfleet: test\nmigrations: Migrations\ndefaults: {connect_timeout: 10s}\ninstances:\n"
        for (name, database) in zip(["alice", "bob"], databases) {
            fleet += "  - {name: \(name), host: \(database.server.socketFolder), port: \(database.server.port), "
            fleet += "user: \(database.ownerName), database: \(database.name)}\n"
        }
        fleet += "rollout: \(rollout)\n"
        let files = ["fleet.yaml": fleet, "Migrations/1_cars.sql": Self.first, "Migrations/2_plates.sql": second]
        try await withTemporaryFolder(files: files) { folder in try await body("\(folder)/fleet.yaml", folder) }
    }

    private func code(_ body: () async throws -> Void) async -> FleetError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? FleetError)?.code
        }
    }

    @Test func aFleetIsPlannedAndMigrated() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases) { file, folder in
                let fleet = try FleetClient(fleetFile: file, environment: [:])
                #expect(try await fleet.status().map(\.outcome) == [.pending, .pending])
                let planned = try await fleet.plan(.newest)
                #expect(planned.plan.waves.map(\.name) == ["canary", "rest"])
                #expect(planned.instances.map { $0.pending.count } == [2, 2])
                #expect(!planned.isNothingDue)

                var finished: [String] = []
                var end: RunEnding?
                for try await event in fleet.run(planned) {
                    switch event.kind {
                    case .instanceFinished(let name, let result):
                        finished.append("\(name) \(result.outcome.rawValue) \(result.applied.count)")
                    case .runFinished(let status): end = status
                    default: break
                    }
                }
                #expect(finished == ["alice migrated 2", "bob migrated 2"])
                #expect(end == .succeeded)
                // The run is one of the fleet's.
                let journal = try #require(try await SQLiteJournal.open(readingAt: "\(folder)/.convoy/journal.sqlite"))
                let runs = try await journal.runs(limit: 10)
                #expect(runs.map(\.status) == [.succeeded])

                let again = try await fleet.plan(.newest)
                #expect(again.isNothingDue)
                for try await event in fleet.run(again) { Issue.record("nothing was due: \(event)") }
                #expect(try await journal.runs(limit: 10).count == 1)
            }
        }
    }

    @Test func whatCannotBePlannedHasACode() async throws {
        try await PostgresServer.shared().withDatabases(1) { databases in
            try await withFleet(databases) { file, _ in
                let fleet = try FleetClient(fleetFile: file, environment: [:])
                #expect(await code { _ = try await fleet.plan(.version(MigrationVersion(3))) } == .unknownTarget)
                #expect(await code { _ = try await fleet.plan(.newest, waves: ["canry"]) } == .unknownWave)
                #expect(await code { _ = try await fleet.plan(.newest, select: "name=") } == .selection)
                #expect(await code { _ = try await fleet.status(select: "name=alicia") } == .selection)
                #expect(try await fleet.plan(.version(MigrationVersion(1))).instances.map { $0.pending.count } == [1])
            }
            let irreversible = "-- migrate:up\nDROP TABLE cars;\n-- migrate:down\n-- convoy:irreversible the cars are gone\n"
            try await withFleet(databases, second: irreversible, rollout: "{waves: [{name: all, on_failure: rollback}]}") { file, _ in
                let fleet = try FleetClient(fleetFile: file, environment: [:])
                #expect(await code { _ = try await fleet.plan(.newest) } == .irreversible)
            }
        }
    }

    @Test func aFailedInstanceIsAnEventAndNoError() async throws {
        try await PostgresServer.shared().withDatabases(1) { databases in
            try await withFleet(databases, second: "-- migrate:up\nSELECT 1 / 0;\n-- migrate:down\nSELECT 1;\n") { file, _ in
                let fleet = try FleetClient(fleetFile: file, environment: [:])
                var failures: [String?] = []
                for try await event in fleet.run(try await fleet.plan(.newest)) {
                    if case .instanceFinished(_, let result) = event.kind { failures.append(result.failure?.sqlstate) }
                }
                #expect(failures == ["22012"])
            }
        }
    }

    @Test func aSecondRunIsRefusedWhileOneIsActive() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            let gate = "{waves: [{name: canary, names: [alice], gate: {approve: true}}, {name: rest}]}"
            try await withFleet(databases, rollout: gate) { file, folder in
                let fleet = try FleetClient(fleetFile: file, environment: [:])
                let plan = try await fleet.plan(.newest)
                var second: FleetError.Code?
                for try await event in fleet.run(plan) {
                    guard case .gateOpened = event.kind else { continue }
                    second = await code { for try await _ in fleet.run(plan) {} }
                    // Leaving the loop cancels the run that waits at its gate.
                    break
                }
                #expect(second == .activeRun)
                let journal = try #require(try await SQLiteJournal.open(readingAt: "\(folder)/.convoy/journal.sqlite"))
                try await eventually("the run is recorded as interrupted") {
                    try await journal.runs(limit: 10).map(\.status) == [.interrupted]
                }
            }
        }
    }

    @Test func aRunThatWasInterruptedIsResumed() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            let gate = "{waves: [{name: canary, names: [alice], gate: {approve: true}}, {name: rest}]}"
            try await withFleet(databases, rollout: gate) { file, _ in
                let fleet = try FleetClient(fleetFile: file, environment: [:])
                #expect(try await fleet.runs().isEmpty)
                #expect(await code { for try await _ in fleet.resume() {} } == .run)
                #expect(await code { try await fleet.stop() } == .run)
                for try await event in fleet.run(try await fleet.plan(.newest)) {
                    if case .gateOpened = event.kind { break }
                }
                try await eventually("the run is recorded as interrupted") { try await fleet.runs().map(\.state) == [.ended(.interrupted)] }
                let run = try #require(try await fleet.runs().first?.record.id)
                #expect(await code { try await fleet.approve(run) } == .run)
                let before = try await fleet.log(of: run)
                #expect(before.instances.map(\.outcome) == [.migrated, .pending])
                #expect(await code { _ = try await fleet.log(of: RunID("20200101T000000Z-000000")) } == .run)

                // Another process approves the gate.
                let other = try FleetClient(fleetFile: file, environment: [:])
                var log = before
                for try await event in fleet.resume(run) {
                    log.apply(event)
                    guard case .gateOpened = event.kind else { continue }
                    #expect(try await other.runs().map(\.state) == [.running])
                    #expect(await code { try await other.pause(server: "nowhere", of: run) } == .run)
                    let server = "\(databases[0].server.socketFolder):\(databases[0].server.port)"
                    try await other.pause(server: server)
                    try await other.resume(server: server)
                    try await other.approve()
                }
                #expect(log.status == .succeeded)
                #expect(log.instances.map(\.outcome) == [.migrated, .migrated])
                #expect(try await fleet.runs().map(\.state) == [.ended(.succeeded)])
                #expect(await code { for try await _ in fleet.resume(run) {} } == .run)
            }
        }
    }

    @Test func aRunIsRolledBack() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases) { file, _ in
                let fleet = try FleetClient(fleetFile: file, environment: [:])
                for try await _ in fleet.run(try await fleet.plan(.version(MigrationVersion(1)), waves: ["canary"])) {}
                for try await _ in fleet.run(try await fleet.plan(.newest)) {}
                let run = try #require(try await fleet.runs().first?.record.id)
                let planned = try await fleet.plan(undoing: run)
                #expect(planned.instances.map { $0.pending.map(\.value) } == [[2], [2, 1]])
                for try await _ in fleet.run(planned) {}
                #expect(try await fleet.status().map(\.version) == [MigrationVersion(1), nil])
                let rollback = try #require(try await fleet.runs().first?.record.id)
                #expect(await code { _ = try await fleet.plan(undoing: rollback) } == .run)
                #expect(await code { _ = try await fleet.plan(undoing: run, waves: ["canry"]) } == .unknownWave)
                #expect(await code { _ = try await fleet.plan(undoing: RunID("20200101T000000Z-000000")) } == .run)
            }
        }
    }

    @Test func anIrreversibleRunIsNotRolledBack() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            let second =
                "-- migrate:up\nALTER TABLE cars ADD COLUMN plate text;\n-- migrate:down\n-- convoy:irreversible the plates are gone\n"
            try await withFleet(databases, second: second) { file, _ in
                let fleet = try FleetClient(fleetFile: file, environment: [:])
                for try await _ in fleet.run(try await fleet.plan(.newest, select: "name=alice")) {}
                let run = try #require(try await fleet.runs().first?.record.id)
                #expect(await code { _ = try await fleet.plan(undoing: run) } == .irreversible)
                #expect(await code { _ = try await fleet.plan(undoing: run, select: "name=bob") } == .selection)
            }
        }
    }

    @Test func aRunWhoseMigrationsChangedIsNotResumed() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            let gate = "{waves: [{name: canary, names: [alice], gate: {approve: true}}, {name: rest}]}"
            try await withFleet(databases, rollout: gate) { file, folder in
                let fleet = try FleetClient(fleetFile: file, environment: [:])
                for try await event in fleet.run(try await fleet.plan(.newest)) {
                    if case .gateOpened = event.kind { break }
                }
                try await eventually("the run is recorded as interrupted") { try await fleet.runs().map(\.state) == [.ended(.interrupted)] }
                try Self.first.replacing("id", with: "number")
                    .write(toFile: "\(folder)/Migrations/1_cars.sql", atomically: true, encoding: .utf8)
                let changed = try FleetClient(fleetFile: file, environment: [:])
                #expect(await code { for try await _ in changed.resume() {} } == .planChanged)
                #expect(try await fleet.runs().map(\.state) == [.ended(.interrupted)])
            }
        }
    }

    @Test func aHookWithoutItsProgramIsRefusedBeforeARun() async throws {
        try await PostgresServer.shared().withDatabases(1) { databases in
            try await withFleet(databases, rollout: "{hooks: {before_run: [/nowhere/hook]}}") { file, _ in
                let fleet = try FleetClient(fleetFile: file, environment: [:])
                let plan = try await fleet.plan(.newest)
                await #expect(throws: Problems.self) { for try await _ in fleet.run(plan) {} }
                #expect(try await fleet.runs().isEmpty)
            }
        }
    }

    @Test func aFleetFileWithProblemsIsRefused() async throws {
        try await withTemporaryFolder(files: ["fleet.yaml": "version: 1\ninstances: none\n"]) { folder in
            #expect(throws: Problems.self) { try FleetClient(fleetFile: "\(folder)/fleet.yaml", environment: [:]) }
            #expect(throws: Problems.self) { try FleetClient(fleetFile: "\(folder)/missing.yaml", environment: [:]) }
        }
    }
}
