import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// Workers on machines whose clocks disagree: leases and events have the time of the control database.
@Suite(.timeLimit(.minutes(5)), .enabled(if: ShiftedClock.compiler != nil, "there is no C compiler"))
struct WorkerClockTests {
    @Test func clocksThatAreAnHourApartChangeNothing() async throws {
        try await withWorkerFleet(6, migrations: SlowSet.files(pause: 1)) { fleet in
            let ahead = try await ShiftedClock.environment(3600, in: fleet.folder)
            let behind = try await ShiftedClock.environment(-3600, in: fleet.folder)
            // The clock of Convoy is really another one.
            let later = Date().addingTimeInterval(1800).formatted(.iso8601)
            let status = try jsonObject(try await runConvoy(["status", "--output", "json"], environment: ahead, in: fleet.folder))
            let shown = try #require(status["generated_at"] as? String)
            #expect(shown > later, "\(shown) \(later)")

            let first = try await fleet.worker(["--total", "2"], environment: ahead)
            let second = try await fleet.worker(["--total", "2"], environment: behind)
            let submitted = try await runConvoy(["migrate", "--yes", "--detach"], environment: behind, in: fleet.folder)
            #expect(submitted.exitCode == 0, "\(submitted.standardError)")
            let run = submitted.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
            try await eventually("both work", within: .seconds(60)) {
                let workers = try await fleet.control.query(
                    "SELECT DISTINCT worker FROM convoy_control.assignments WHERE kind = 'change' AND state = 'claimed'"
                )
                return workers.rows.count == 2
            }
            // Neither takes what the other one has, and what a dead one had is taken over by the server's time.
            #expect(try await fleet.count("assignments WHERE attempt > 1") == 0)
            first.kill()
            _ = try? await first.result()
            try await eventually("the other one has it", within: .seconds(60)) {
                try await fleet.count("assignments WHERE kind = 'change' AND attempt = 2") > 0
            }
            let end = try await fleet.wait(for: run)
            #expect(end.exitCode == 0, "\(end.standardError)")
            try await fleet.expectAppliedOnce(SlowSet.versions)
            #expect(try await fleet.count("events WHERE abs(extract(epoch FROM at - recorded_at)) > 60") == 0)
            _ = try await second.drained()
        }
    }
}
