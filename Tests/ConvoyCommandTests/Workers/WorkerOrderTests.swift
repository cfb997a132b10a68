import TestSupport
import Testing

/// What workers begin, and what comes first, where a run has given out more than they have room for.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct WorkerOrderTests {
    /// A stop rule halts with what is under way: what waits for a worker is not.
    @Test func whatWaitsWhenARunIsHaltedIsNotBegun() async throws {
        var migrations = SlowSet.files(pause: 0.1)
        migrations["Migrations/5_fails.sql"] = "-- migrate:up\nSELECT 1 / 0;\n-- migrate:down\nSELECT 1;\n"
        try await withWorkerFleet(8, migrations: migrations, rollout: ["waves: [{name: all, stop: {same_failure: 1}}]"]) { fleet in
            let worker = try await fleet.worker(["--total", "2"])
            let run = try await fleet.submit()
            #expect(try await fleet.wait(for: run).exitCode == 2)
            // All eight were given out at once, and two had room.
            #expect(try await fleet.events(of: run, where: "type = 'instance_started'").count == 8)
            let begun = try await fleet.events(of: run, where: "type = 'instance_planned'").count
            #expect((1...2).contains(begun), "\(begun)")
            let left = try await fleet.events(of: run, where: "outcome = 'interrupted' AND json LIKE '%before it began%'").count
            #expect(left == 8 - begun)
            #expect(try await worker.drained().exitCode == 0)
        }
    }

    /// A worker that always has something new to begin takes over what a dead one has left, as soon as it may.
    @Test func whatADeadWorkerHasBegunComesBeforeWhatIsNew() async throws {
        let rollout = ["waves: [{name: all, max_parallel: 3}]"]
        try await withWorkerFleet(26, migrations: SlowSet.files(pause: 0.25), rollout: rollout) { fleet in
            let first = try await fleet.worker(["--total", "1", "--lease", "10s"])
            let run = try await fleet.submit()
            try await eventually("it works", within: .seconds(30)) { try await fleet.count("events WHERE type = 'migration_applied'") > 0 }
            let second = try await fleet.worker(["--total", "1"])
            first.kill()
            #expect(try await fleet.wait(for: run).exitCode == 0)
            try await fleet.expectAppliedOnce(SlowSet.versions)
            #expect(try await fleet.count("events WHERE type = 'instance_warned'") == 1)
            let later = """
                events WHERE type = 'instance_started'
                    AND number > (SELECT number FROM convoy_control.events WHERE type = 'instance_warned')
                """
            #expect(try await fleet.count(later) > 0)
            _ = try await second.drained()
        }
    }
}
