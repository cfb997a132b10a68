import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// Control databases that workers cannot use, or not yet; runs and requests that are not for them.
@Suite(.timeLimit(.minutes(5)))
struct WorkerTroubleTests {
    /// Writes another text into the fleet file.
    private func replace(_ text: String, by other: String, in folder: String) throws {
        let path = "\(folder)/fleet.yaml"
        let old = try String(contentsOfFile: path, encoding: .utf8)
        let new = old.replacingOccurrences(of: text, with: other)
        try #require(old != new)
        try new.write(toFile: path, atomically: true, encoding: .utf8)
    }

    private func prepare(_ fleet: WorkerFleet, _ arguments: [String] = []) async throws {
        let prepared = try await runConvoy(["control", "prepare"] + arguments, in: fleet.folder)
        try #require(prepared.exitCode == 0, "\(prepared.standardError)")
    }

    /// Ends all sessions of Convoy with the control database: new ones have its new settings.
    private func endSessions(_ fleet: WorkerFleet) async throws {
        try await fleet.control.server.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '\(fleet.control.name)' AND application_name = 'convoy control'"
        )
    }

    // MARK: The control database

    @Test func aControlDatabaseThatComesLaterIsWaitedFor() async throws {
        let server = try await PostgresServer.start()
        try await withWorkerFleet(1, control: server, migrations: SlowSet.files(pause: 0)) { fleet in
            try await server.stop(.fast)
            let worker = try ConvoyProcess(["worker"], in: fleet.folder, timeLimit: .seconds(180))
            let waiting = await worker.wait { $0.standardError.contains("the worker waits for it") || $0.status != nil }
            #expect(waiting.status == nil && waiting.standardError.contains("cannot be reached"), "\(waiting.standardError)")
            try await server.start()
            // It makes the tables, as if the server had been there when it started.
            try await eventually("the worker is known", within: .seconds(60)) { (try? await fleet.count("workers")) == 1 }
            let run = try await fleet.submit()
            #expect(try await fleet.wait(for: run).exitCode == 0)
            let drained = try await worker.drained()
            #expect(drained.exitCode == 0 && drained.standardError.contains("answers again"), "\(drained.standardError)")
        }
    }

    /// What is checked when a worker starts is checked later if the control database was away then.
    @Test(arguments: [true, false])
    func aControlDatabaseThatComesLaterIsChecked(_ isNewer: Bool) async throws {
        let server = try await PostgresServer.start()
        try await withWorkerFleet(1, control: server, migrations: SlowSet.files(pause: 0)) { fleet in
            try await prepare(fleet)
            if isNewer {
                try await fleet.control.execute(["INSERT INTO convoy_control.schema_migrations VALUES (999)"])
            } else {
                try await server.execute("CREATE ROLE stranger LOGIN")
                try replace("//\(fleet.control.ownerName)@", by: "//stranger@", in: fleet.folder)
            }
            try await server.stop(.fast)
            let worker = try ConvoyProcess(["worker", "--listen", "127.0.0.1:0"], in: fleet.folder, timeLimit: .seconds(180))
            let waiting = await worker.wait { $0.standardOutput.contains("listening on") || $0.status != nil }
            #expect(waiting.status == nil && waiting.standardError.contains("the worker waits for it"), "\(waiting.standardError)")
            try await server.start()
            let end = try await worker.result()
            #expect(end.exitCode == 78, "\(end.standardError)")
            let expected = isNewer ? "a newer Convoy has changed its tables" : "permission denied"
            #expect(end.standardError.contains(expected), "\(end.standardError)")
            #expect(!end.standardError.contains("the leases cannot be renewed"), "\(end.standardError)")
            #expect(try await fleet.count("workers") == 0)
        }
    }

    /// Trouble that passes while the tables are looked at or made is waited for: a server that cannot be written, and another process that changes them.
    @Test(arguments: [true, false])
    func whatPassesWhileTheTablesAreMadeIsWaitedFor(_ isReadOnly: Bool) async throws {
        try await withWorkerFleet(1, migrations: SlowSet.files(pause: 0)) { fleet in
            let server = fleet.control.server
            let holder = try await fleet.control.connect()
            defer { holder.close() }
            if isReadOnly {
                try await server.execute("ALTER DATABASE \"\(fleet.control.name)\" SET default_transaction_read_only = on")
            } else {
                try await prepare(fleet)
                try await holder.query("BEGIN")
                try await holder.query("LOCK TABLE convoy_control.schema_migrations IN ACCESS EXCLUSIVE MODE")
            }
            let worker = try ConvoyProcess(["worker"], in: fleet.folder, timeLimit: .seconds(180))
            let waiting = await worker.wait { $0.standardError.contains("the worker waits for it") || $0.status != nil }
            #expect(waiting.status == nil, "\(waiting.standardError)")
            #expect(
                waiting.standardError.contains(isReadOnly ? "is read-only" : "a statement took longer than 5.0 s"),
                "\(waiting.standardError)"
            )
            if isReadOnly {
                try await server.execute("ALTER DATABASE \"\(fleet.control.name)\" RESET default_transaction_read_only")
                try await endSessions(fleet)
            } else {
                try await holder.query("COMMIT")
            }
            try await eventually("the worker is known", within: .seconds(60)) { (try? await fleet.count("workers")) == 1 }
            let run = try await fleet.submit()
            #expect(try await fleet.wait(for: run).exitCode == 0)
            let drained = try await worker.drained()
            #expect(drained.exitCode == 0, "\(drained.standardError)")
        }
    }

    /// It is ended as usual while it waits.
    @Test func aWorkerThatWaitsForItsControlDatabaseIsDrained() async throws {
        let server = try await PostgresServer.start()
        try await withWorkerFleet(1, control: server, migrations: SlowSet.files(pause: 0)) { fleet in
            try await server.stop(.fast)
            let worker = try ConvoyProcess(["worker", "--listen", "127.0.0.1:0"], in: fleet.folder, timeLimit: .seconds(180))
            // Then it takes signals.
            await worker.wait { $0.standardOutput.contains("listening on") || $0.status != nil }
            let end = try await worker.drained()
            #expect(end.exitCode == 0, "\(end.standardError)")
            // Or the databases cannot be dropped.
            try await server.start()
        }
    }

    @Test func aControlDatabaseOfANewerConvoyIsLeftAlone() async throws {
        try await withWorkerFleet(1, migrations: SlowSet.files(pause: 0)) { fleet in
            try await prepare(fleet)
            try await fleet.control.execute(["INSERT INTO convoy_control.schema_migrations VALUES (999)"])
            for command in [["worker"], ["migrate", "--yes"], ["migrate", "--yes", "--detach"], ["runs"]] {
                let result = try await runConvoy(command, in: fleet.folder)
                #expect(result.exitCode == 78, "\(command): \(result.standardError)")
                #expect(result.standardError.contains("a newer Convoy has changed its tables"), "\(command): \(result.standardError)")
            }
            #expect(try await fleet.count("workers") == 0)
            #expect(try await fleet.count("runs") == 0)
        }
    }

    @Test func aRoleWithoutRightsIsRefused() async throws {
        try await withWorkerFleet(1, migrations: SlowSet.files(pause: 0)) { fleet in
            try await prepare(fleet)
            let role = "\(fleet.control.name)_stranger"
            try await fleet.control.server.execute("CREATE ROLE \(role) LOGIN")
            try replace("//\(fleet.control.ownerName)@", by: "//\(role)@", in: fleet.folder)
            for command in [["worker"], ["migrate", "--yes"]] {
                let result = try await runConvoy(command, in: fleet.folder)
                #expect(result.exitCode == 78, "\(command): \(result.standardError)")
                #expect(result.standardError.contains("permission denied"), "\(command): \(result.standardError)")
                #expect(result.standardError.contains("docs/control-database.md"), "\(command): \(result.standardError)")
            }
            try await fleet.control.server.execute("DROP ROLE \(role)")
        }
    }

    /// What docs/control-database.md gives a role is enough for a worker and for who submits; the secrets of the databases stay with both.
    @Test(arguments: PostgresServer.Release.tested)
    func theLeastRightsAreEnoughAndNoSecretIsInTheControlDatabase(_ release: PostgresServer.Release) async throws {
        let rollout = ["waves: [{name: canary, names: [i1], gate: {approve: true, every: 1s}}, {name: rest}]"]
        try await withWorkerFleet(3, on: release, migrations: SlowSet.files(pause: 0), rollout: rollout) { fleet in
            let role = "\(fleet.control.name)_worker"
            try await fleet.control.server.execute("CREATE ROLE \(role) LOGIN")
            try await prepare(fleet, ["--grant-to", role])
            try replace("//\(fleet.control.ownerName)@", by: "//\(role)@", in: fleet.folder)
            try writeFile("\(fleet.folder)/password", "hunter2\n")
            try replace("defaults: {", by: "defaults: {password: \"${file:password}\", ", in: fleet.folder)
            let worker = try await fleet.worker()
            let run = try await fleet.submit()
            #expect(try await runConvoy(["wait", run, "--for", "gate", "--timeout", "60s"], in: fleet.folder).exitCode == 0)
            #expect(try await runConvoy(["approve", run], in: fleet.folder).exitCode == 0)
            let end = try await fleet.wait(for: run)
            #expect(end.exitCode == 0, "\(end.standardError)")
            try await fleet.expectAppliedOnce(SlowSet.versions)
            let drained = try await worker.drained()
            #expect(drained.exitCode == 0 && !drained.standardError.contains("trying again"), "\(drained.standardError)")
            for table in ["runs", "events", "requests", "locks", "workers", "assignments"] {
                #expect(try await fleet.count("\(table) AS t WHERE t::text LIKE '%hunter2%'") == 0, "\(table)")
            }
            #expect(try await fleet.count("runs WHERE convert_from(plan, 'UTF8') LIKE '%hunter2%'") == 0)
            try await fleet.control.execute(["DROP OWNED BY \(role)"], as: "postgres")
            try await fleet.control.server.execute("DROP ROLE \(role)")
        }
    }

    /// As after a failover to a standby: nothing can be written for a while.
    @Test func aControlDatabaseThatIsReadOnlyForAWhileIsWaitedFor() async throws {
        try await withWorkerFleet(1, migrations: SlowSet.files(pause: 0)) { fleet in
            let worker = try await fleet.worker()
            let server = fleet.control.server
            try await server.execute("ALTER DATABASE \"\(fleet.control.name)\" SET default_transaction_read_only = on")
            try await endSessions(fleet)
            let waiting = await worker.wait { $0.standardError.contains("is read-only") || $0.status != nil }
            #expect(waiting.status == nil, "\(waiting.standardError)")
            try await server.execute("ALTER DATABASE \"\(fleet.control.name)\" RESET default_transaction_read_only")
            try await endSessions(fleet)
            await worker.wait { $0.standardError.contains("answers again") || $0.status != nil }
            let run = try await fleet.submit()
            #expect(try await fleet.wait(for: run).exitCode == 0)
            #expect(try await worker.drained().exitCode == 0)
        }
    }

    @Test func aPoolerInTransactionModeMayStandInBetween() async throws {
        let rollout = ["waves: [{name: canary, names: [i1], gate: {approve: true, every: 1s}}, {name: rest}]"]
        try await withWorkerFleet(5, migrations: SlowSet.files(pause: 0.1), rollout: rollout) { fleet in
            try await prepare(fleet)
            let pooler = try await PgBouncer.start(before: fleet.control.server, .transaction)
            try replace("@127.0.0.1:\(fleet.control.server.port)/", by: "@127.0.0.1:\(pooler.port)/", in: fleet.folder)
            let workers = [try await fleet.worker(["--total", "2"]), try await fleet.worker(["--total", "2"])]
            let run = try await fleet.submit()
            #expect(try await runConvoy(["wait", run, "--for", "gate", "--timeout", "60s"], in: fleet.folder).exitCode == 0)
            #expect(try await runConvoy(["approve", run], in: fleet.folder).exitCode == 0)
            let end = try await fleet.wait(for: run)
            #expect(end.exitCode == 0, "\(end.standardError)")
            try await fleet.expectAppliedOnce(SlowSet.versions)
            for worker in workers {
                let drained = try await worker.drained()
                #expect(drained.exitCode == 0 && !drained.standardError.contains("trying again"), "\(drained.standardError)")
            }
        }
    }

    // MARK: Runs

    /// A run that another version has submitted waits for a worker of that version, and this one says so.
    @Test func aRunOfAnotherVersionIsForOtherWorkers() async throws {
        try await withWorkerFleet(1, migrations: SlowSet.files(pause: 0)) { fleet in
            let run = try await fleet.submit()
            let own = try await fleet.control.query("SELECT worker_version AS own FROM convoy_control.runs").onlyRow().text("own")
            try await fleet.control.execute(["UPDATE convoy_control.runs SET worker_version = '0.0.1'"])
            let worker = try await fleet.worker()
            let refused = await worker.wait { $0.standardError.contains("takes no part") || $0.status != nil }
            #expect(
                refused.standardError.contains("run \(run): it was submitted by Convoy 0.0.1, and this is Convoy \(own)"),
                "\(refused.standardError)"
            )
            #expect(try await fleet.count("assignments") == 0)
            try await fleet.control.execute(["UPDATE convoy_control.runs SET worker_version = '\(own)'"])
            #expect(try await fleet.wait(for: run).exitCode == 0)
            _ = try await worker.drained()
        }
    }

    /// The file that the run was submitted with counts, for the worker that has it and against one that comes later.
    @Test func aFleetFileThatChangesUnderARunChangesNothingInIt() async throws {
        let rollout = ["waves: [{name: canary, names: [i1], gate: {approve: true, every: 1s}}, {name: rest}]"]
        try await withWorkerFleet(2, migrations: SlowSet.files(pause: 0), rollout: rollout) { fleet in
            let first = try await fleet.worker()
            let run = try await fleet.submit()
            #expect(try await runConvoy(["wait", run, "--for", "gate", "--timeout", "60s"], in: fleet.folder).exitCode == 0)
            try replace("lock_wait: 20s", by: "lock_wait: 21s", in: fleet.folder)
            let second = try await fleet.worker()
            let refused = await second.wait { $0.standardError.contains("takes no part") || $0.status != nil }
            #expect(refused.standardError.contains("its fleet file is not the same"), "\(refused.standardError)")
            #expect(try await runConvoy(["approve", run], in: fleet.folder).exitCode == 0)
            #expect(try await fleet.wait(for: run).exitCode == 0)
            try await fleet.expectAppliedOnce(SlowSet.versions)
            for worker in [first, second] { _ = try await worker.drained() }
        }
    }

    // MARK: Requests

    @Test func aRunThatHasEndedTakesNoRequest() async throws {
        try await withWorkerFleet(1, migrations: SlowSet.files(pause: 0)) { fleet in
            let worker = try await fleet.worker()
            let run = try await fleet.submit()
            #expect(try await fleet.wait(for: run).exitCode == 0)
            for command in [
                ["stop", run], ["stop", "--now", run], ["approve", run], ["pause", "--server", "local", run],
                ["unpause", "--server", "local", run],
            ] {
                let result = try await runConvoy(command, in: fleet.folder)
                #expect(result.exitCode == 64, "\(command): \(result.standardError)")
                #expect(
                    result.standardError.contains("run \(run) is not active: it is succeeded"),
                    "\(command): \(result.standardError)"
                )
            }
            for command in [["resume", run, "--yes"], ["abandon", run]] {
                let result = try await runConvoy(command, in: fleet.folder)
                #expect(result.exitCode == 64, "\(command): \(result.standardError)")
            }
            #expect(try await fleet.count("requests") == 0)
            _ = try await worker.drained()
        }
    }

    /// A request that was left at the moment in which the run ended was not for the run as it is resumed.
    @Test func aRequestThatCameTooLateIsNotServedByTheResumedRun() async throws {
        try await withWorkerFleet(4, migrations: SlowSet.files(pause: 0.3), rollout: ["waves: [{name: all, max_parallel: 1}]"]) { fleet in
            let worker = try await fleet.worker()
            let run = try await fleet.submit()
            try await eventually("it works", within: .seconds(60)) { try await fleet.count("events WHERE type = 'migration_applied'") > 0 }
            #expect(try await runConvoy(["stop", run], in: fleet.folder).exitCode == 0)
            let stopped = try await fleet.wait(for: run)
            #expect(stopped.exitCode == 130, "\(stopped.standardError)")
            try await fleet.control.execute([
                "UPDATE convoy_control.runs SET last_request = last_request + 2",
                """
                INSERT INTO convoy_control.requests (run, number, key, kind, argument, requested_by, at)
                SELECT id, last_request - n, 'late-' || n, 'stop', NULL, 'eve@host', clock_timestamp()
                FROM convoy_control.runs, generate_series(0, 1) AS n
                """,
            ])
            let resumed = try await runConvoy(["resume", run, "--yes"], in: fleet.folder)
            #expect(resumed.exitCode == 0, "\(resumed.standardError)")
            try await fleet.expectAppliedOnce(SlowSet.versions)
            _ = try await worker.drained()
        }
    }
}
