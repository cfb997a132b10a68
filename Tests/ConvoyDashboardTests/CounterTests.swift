import ConvoyJournal
import ConvoyRollout
import Foundation
import TestSupport
import Testing

@testable import ConvoyDashboard
@testable import ConvoyRun

/// The counters of `/metrics`: they grow with the journal, and never fall.
@Suite(.timeLimit(.minutes(2)))
struct CounterTests {
    private func samples(_ dashboard: TestDashboard) async throws -> [String: Double] {
        let body = try await dashboard.ask("/metrics").body
        #expect(body.hasSuffix("# EOF\n"))
        return body.split(separator: "\n").filter { !$0.hasPrefix("#") }.reduce(into: [:]) { samples, line in
            if let mark = line.lastIndex(of: " ") { samples[String(line[..<mark])] = Double(line[line.index(after: mark)...]) }
        }
    }

    private static let migrated = #"convoy_instances_ended_total{fleet="test",outcome="migrated"}"#
    private static let failed = #"convoy_instances_ended_total{fleet="test",outcome="failed"}"#
    private static let applied = #"convoy_migrations_applied_total{fleet="test",direction="up"}"#
    private static let runs = #"convoy_runs_ended_total{fleet="test",status="failed"}"#

    private static func bucket(_ bound: String) -> String {
        #"convoy_migration_duration_seconds_bucket{fleet="test",direction="up",le="\#(bound)"}"#
    }

    @Test func theyGrowAndOutliveRunsAndServers() async throws {
        try await withTemporaryFolder { folder in
            let last = try await TestDashboard.with(folder: folder) { dashboard in
                let empty = try await samples(dashboard)
                #expect(empty[Self.migrated] == 0 && empty[Self.applied] == 0 && empty[Self.bucket("+Inf")] == 0)

                let journal = try await dashboard.begin()
                try await journal.append(migrating("alice") + failing("bob"), to: TestDashboard.run)
                let first = try await samples(dashboard)
                #expect(first[Self.migrated] == 1 && first[Self.failed] == 1 && first[Self.applied] == 1 && first[Self.runs] == 0)
                #expect(first[Self.bucket("0.1")] == 0 && first[Self.bucket("0.5")] == 1 && first[Self.bucket("+Inf")] == 1)
                #expect(first[#"convoy_migration_duration_seconds_sum{fleet="test",direction="up"}"#] == 0.12)

                try await journal.append([Event(at: moment(9), .runFinished(status: .failed))], to: TestDashboard.run)
                let second = RunID("20261122T110000Z-bbbbbb")
                try await dashboard.begin(second)
                try await journal.append(migrating("alice"), to: second)
                let grown = try await samples(dashboard)
                #expect(grown[Self.migrated] == 2 && grown[Self.applied] == 2 && grown[Self.runs] == 1)

                // What has ended and was not seen yet counts, although its run goes at once.
                try await journal.append([Event(at: moment(9), .runFinished(status: .failed))], to: second)
                #expect(try await journal.remove([TestDashboard.run, second]).count == 2)
                let pruned = try await samples(dashboard)
                #expect(pruned[Self.migrated] == 2 && pruned[Self.applied] == 2 && pruned[Self.runs] == 2)
                return pruned
            }
            // Another dashboard on the same journal goes on from there.
            try await TestDashboard.with(folder: folder) { dashboard in
                let again = try await samples(dashboard)
                for name in [Self.migrated, Self.failed, Self.applied, Self.runs, Self.bucket("0.5")] { #expect(again[name] == last[name]) }
            }
        }
    }

    /// An older Convoy removes a run and keeps no count of it.
    @Test func theyDoNotFallWhenARunVanishes() async throws {
        try await TestDashboard.with { dashboard in
            let journal = try await dashboard.begin()
            try await journal.append(migrating("alice") + migrating("bob"), to: TestDashboard.run)
            #expect(try await samples(dashboard)[Self.migrated] == 2)
            let sqlite = try ChildProcess(
                "/usr/bin/env",
                [
                    "python3", "-c",
                    "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1])\ndb.execute('DELETE FROM events')\ndb.execute('DELETE FROM runs')\ndb.commit()",
                    dashboard.journal,
                ],
                environment: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"],
                timeLimit: .seconds(30)
            )
            sqlite.closeInput()
            #expect(await sqlite.wait().status == .exited(0))
            #expect(try await samples(dashboard)[Self.migrated] == 2)
        }
    }
}
