import ConvoyFleet
import ConvoyJournal
import ConvoyKit
import ConvoyPostgres
import ConvoyRun
import ConvoyText
import Foundation
import TestSupport
import Testing

/// A worker that would look only once an hour hears of runs and requests; one that hears nothing looks by itself.
@Suite(.timeLimit(.minutes(5)))
struct WorkerNewsTests {
    @Test(arguments: PostgresServer.Release.tested)
    func aRunAndARequestAreSeenLongBeforeTheNextLook(_ release: PostgresServer.Release) async throws {
        try await withFleet(on: release) { fleet, control in
            var timing = Worker.Timing()
            (timing.round, timing.listeningRound, timing.lease) = (.seconds(3600), .seconds(3600), .seconds(3600))
            try await carryOutARun(fleet, control: control, reached: control.owner, timing, hears: true)
        }
    }

    @Test func whereNotificationsAreLostItLooksByItself() async throws {
        try await withFleet(on: .system) { fleet, control in
            let pooler = try await PgBouncer.start(before: control.server, .transaction)
            var timing = Worker.Timing()
            (timing.round, timing.listeningRound) = (.milliseconds(200), .seconds(3600))
            try await carryOutARun(fleet, control: control, reached: control.ownerOverTCP(port: pooler.port), timing, hears: false)
        }
    }

    /// The gate of the run has to be approved.
    private func carryOutARun(
        _ fleet: FleetClient,
        control: TestDatabase,
        reached: ConnectionParameters,
        _ timing: Worker.Timing,
        hears: Bool
    ) async throws {
        let database = ControlDatabase(control.owner)
        try await database.prepare()
        let journal = ControlJournal(database)
        let lines = Shared<[String]>([])
        let worker = Worker(
            ControlDatabase(reached, timing: timing.database),
            id: "w1",
            fleet: "test",
            limits: WorkerLimits(),
            timing: timing,
            environment: [:],
            load: {
                Worker.Files(
                    fleet: fleet.fleet,
                    set: fleet.set,
                    runner: fleet.runner,
                    secrets: fleet.secrets
                )
            },
            log: { line in lines.change { $0.append(line) } }
        )
        async let ended: Void = worker.run()
        defer { worker.drain() }
        try await eventually("the worker has looked once", within: .seconds(60)) {
            try await control.query("SELECT FROM convoy_control.workers WHERE id = 'w1'").rows.count == 1
        }
        if hears { try await eventually("the worker hears", within: .seconds(60)) { worker.isHearing } }
        let new = try NewRun(try await fleet.plan(.newest).plan, fleetFile: "fleet.yaml")
        let submission = try #require(RunSubmission(fleet.fleet, in: journal))
        try await submission.submit(new, beside: [])
        try await eventually("the gate is open (\(lines.value))", within: .seconds(60)) {
            try await control.query("SELECT FROM convoy_control.events WHERE type = 'gate_waiting'").rows.count == 1
        }
        try await journal.post(.approve(wave: nil), to: new.record.id, by: "ann@here", at: Date())
        try await eventually("the run has ended (\(lines.value))", within: .seconds(60)) {
            try await control.query("SELECT FROM convoy_control.runs WHERE status = 'succeeded'").rows.count == 1
        }
        #expect(worker.isHearing == hears)
        worker.drain()
        try await ended
        try await journal.close()
    }

    private func withFleet(
        on release: PostgresServer.Release,
        _ body: (_ fleet: FleetClient, _ control: TestDatabase) async throws -> Void
    ) async throws {
        try await PostgresServer.shared(release).withDatabases(3) { databases in
            var fleet = "version: 1\nfleet: test\nmigrations: Migrations\ndefaults: {connect_timeout: 10s}\ninstances:\n"
            for (name, database) in zip(["alice", "bob"], databases) {
                fleet += "  - {name: \(name), host: \(database.server.socketFolder), port: \(database.server.port), "
                fleet += "user: \(database.ownerName), database: \(database.name)}\n"
            }
            fleet += "rollout: {waves: [{name: canary, names: [alice], gate: {approve: true, every: 1s}}, {name: rest}]}\n"
            let migration = "-- migrate:up\nCREATE TABLE cars (id bigint);\n-- migrate:down\nDROP TABLE cars;\n"
            try await withTemporaryFolder(files: ["fleet.yaml": fleet, "Migrations/1_cars.sql": migration]) { folder in
                try await body(try FleetClient(fleetFile: "\(folder)/fleet.yaml", environment: [:]), databases[2])
            }
        }
    }
}
