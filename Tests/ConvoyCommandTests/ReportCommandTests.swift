import Foundation
import TestSupport
import Testing

/// `convoy status` and `convoy report`: formats, filters, groups, files, and looks that are taken again and again.
@Suite(.timeLimit(.minutes(2)))
struct ReportCommandTests {
    /// Alice was migrated by a run, bob failed in the same one, carol never had one.
    private func withMixedFleet(_ body: (_ folder: String, _ databases: [TestDatabase]) async throws -> Void) async throws {
        try await PostgresServer.shared().withDatabases(3) { databases in
            try await withFleet(databases, migrations: SmallSet.files.merging(SmallSet.narrowing) { $1 }) { folder in
                try await databases[1].execute([
                    "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))",
                    "CREATE TABLE cars (id bigint PRIMARY KEY, plate text)",
                    "INSERT INTO schema_migrations VALUES (20200101000000, now()), (20200102000000, now())",
                    "INSERT INTO cars VALUES (12345678901, 'x')",
                ])
                let run = try await runConvoy(["migrate", "--yes", "--select", "name in (alice,bob)", "--output", "csv"], in: folder)
                #expect(run.exitCode == 1)
                #expect(run.standardOutput.split(separator: "\r\n").count == 3)
                #expect(run.standardOutput.contains("integer out of range"))
                #expect(run.standardOutput.contains(databases[0].name))
                try await body(folder, databases)
            }
        }
    }

    /// A format, and what must be in it for the status and for the report.
    static let formats: [(format: String, ofStatus: String, ofReport: String)] = [
        ("table", "alice     up-to-date  20200103000000        0", "of test failed: "),
        ("json", "\"schema\": \"convoy.status/1\"", "\"schema\": \"convoy.report/1\""),
        ("ndjson", "\"type\":\"instance\"", "\"status\":\"failed\""),
        ("csv", "name,server,database,wave,state,outcome", "ALTER TABLE"),
        ("markdown", "| `alice` | up-to-date |", "| `bob` | failed | `all` |"),
        ("html", "<!doctype html>", "integer out of range"),
        ("junit", "<testcase name=\"alice\"", "<failure type=\"failed\" message=\"integer out of range\">"),
        ("prometheus", "convoy_instances{fleet=\"test\",outcome=\"pending\"} 2", "convoy_run_status{fleet=\"test\",status=\"failed\"} 1"),
    ]

    @Test func everyFormatOfStatusAndReport() async throws {
        try await withMixedFleet { folder, _ in
            for (format, ofStatus, ofReport) in Self.formats {
                let status = try await runConvoy(["status", "--output", format], in: folder)
                #expect(status.exitCode == 0, "\(format): \(status.standardError)")
                #expect(status.standardOutput.contains(ofStatus), "\(format)")
                let report = try await runConvoy(["report", "--output", format], in: folder)
                #expect(report.exitCode == 1, "\(format): \(report.standardError)")
                if format != "csv" { #expect(report.standardOutput.contains(ofReport), "\(format)") }
            }
        }
    }

    @Test func aReportHasTheRunAndWhatALookFinds() async throws {
        try await withMixedFleet { folder, databases in
            let report = try jsonObject(try await runConvoy(["report", "--output", "json"], in: folder))
            let instances = try #require(report["instances"] as? [[String: Any]])
            #expect(instances.map { $0["name"] as? String } == ["alice", "bob", "carol"])
            #expect(instances.map { $0["outcome"] as? String } == ["migrated", "failed", "pending"])
            #expect(instances.map { ($0["pending"] as? [String])?.count } == [0, 1, 3])
            #expect(instances.map { $0["wave"] as? String } == ["all", "all", nil])

            // What a look finds later counts for more than the run.
            try await databases[1].execute(["DELETE FROM cars"])
            #expect(try await runConvoy(["migrate", "--yes", "--select", "name=carol"], in: folder).exitCode == 0)
            let run = try #require((report["run"] as? [String: Any])?["run"] as? String)
            let older = try jsonObject(
                try await runConvoy(["report", run, "--output", "json", "--select", "name in (bob,carol)"], in: folder)
            )
            let outcomes = try #require(older["instances"] as? [[String: Any]]).map { $0["outcome"] as? String }
            #expect(outcomes == ["failed", "up-to-date"])

            let none = try await runConvoy(["report", "none"], in: folder)
            #expect(none.exitCode == 0)
            #expect(none.standardOutput.hasSuffix("test: 3 instances: 2 up-to-date, 1 pending, newest version 20200103000000\n"))
        }
    }

    @Test func withoutProbesOnlyTheJournalIsRead() async throws {
        try await withMixedFleet { folder, databases in
            // Nobody can log in any more.
            var fleet = try String(contentsOfFile: "\(folder)/fleet.yaml", encoding: .utf8)
            for database in databases { fleet = fleet.replacingOccurrences(of: database.server.socketFolder, with: "/nowhere") }
            try fleet.write(toFile: "\(folder)/fleet.yaml", atomically: true, encoding: .utf8)
            let report = try await runConvoy(["report", "--no-probe"], in: folder)
            #expect(report.exitCode == 1)
            #expect(report.standardError == "")
            #expect(report.standardOutput.contains("alice     all   migrated"))
            #expect(report.standardOutput.contains("integer out of range"))
            let well = try await runConvoy(["report", "latest", "--no-probe", "--select", "ring=r0"], in: folder)
            #expect(well.exitCode == 0)
            #expect(!well.standardOutput.contains("bob"))
            #expect(try await runConvoy(["report", "--no-probe", "--select", "ring=r9"], in: folder).exitCode == 64)
            #expect(try await runConvoy(["report"], in: folder).exitCode == 69)
        }
    }

    @Test func instancesAreFilteredOrderedAndGrouped() async throws {
        try await withMixedFleet { folder, _ in
            // What is shown decides nothing about the exit code.
            let shown = try await runConvoy(["report", "--outcome", "migrated,pending", "--output", "csv"], in: folder)
            #expect(shown.exitCode == 1)
            #expect(shown.standardOutput.split(separator: "\r\n").map { $0.prefix { $0 != "," } } == ["name", "alice", "carol"])
            let none = try await runConvoy(["status", "--outcome", "blocked", "--outcome", "failed"], in: folder)
            #expect(none.exitCode == 0)
            #expect(none.standardOutput == "test: 0 of 3 instances, newest version 20200103000000\n")

            let sorted = try await runConvoy(["status", "--sort", "pending", "--descending", "--output", "csv"], in: folder).standardOutput
            #expect(sorted.split(separator: "\r\n").map { $0.prefix { $0 != "," } } == ["name", "carol", "bob", "alice"])

            let groups = try await runConvoy(["status", "--by", "version"], in: folder).standardOutput
            #expect(
                groups.split(separator: "\n").prefix(4).map { $0.split(separator: " ").prefix(2).joined(separator: " ") } == [
                    "VERSION INSTANCES", "20200103000000 1", "20200102000000 1", "- 1",
                ]
            )
            let cohorts = try jsonObject(try await runConvoy(["report", "--by", "cohort", "--output", "json"], in: folder))
            #expect(cohorts["schema"] as? String == "convoy.groups/1")
            #expect((cohorts["groups"] as? [[String: Any]])?.count == 3)
            let waves = try await runConvoy(["report", "--by", "wave"], in: folder).standardOutput
            #expect(waves.contains("all           2  1 migrated, 1 failed"))

            let summary = try await runConvoy(["report", "--summary"], in: folder).standardOutput
            #expect(summary.split(separator: "\n", omittingEmptySubsequences: false).count <= 24)
            #expect(summary.contains("FURTHEST BEHIND"))
        }
    }

    @Test func aFileIsReplacedWholeAndKeepsItsPermissions() async throws {
        try await withMixedFleet { folder, _ in
            let path = "\(folder)/report.json"
            try Data("{\n  \"schema\": \"convoy.status/1\"\n}\n".utf8).write(to: URL(fileURLWithPath: path))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            let result = try await runConvoy(["status", "--output", "json", "--output-file", "report.json"], in: folder)
            #expect(result.exitCode == 0)
            #expect(result.standardOutput == "")
            let written = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path))) as? [String: Any]
            #expect(written?["schema"] as? String == "convoy.status/1")
            #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
            let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(names.filter { $0.hasPrefix("report.json") } == ["report.json"])

            // A run writes its report so too.
            let run = try await runConvoy(
                ["migrate", "--yes", "--select", "name=carol", "--output", "junit", "--output-file", "run.xml"],
                in: folder
            )
            #expect(run.exitCode == 0)
            #expect(try String(contentsOfFile: "\(folder)/run.xml", encoding: .utf8).contains("<testsuite name=\"all\" tests=\"1\""))
        }
    }

    // MARK: Watching

    @Test func onATerminalTheReportIsDrawnOverAndTheScreenGivenBack() async throws {
        try await withMixedFleet { folder, _ in
            let process = try TerminalProcess(["status", "--watch", "1s"], in: folder)
            await process.wait { $0.contains("2 pending") }
            #expect(try await runConvoy(["migrate", "--yes", "--select", "name=carol"], in: folder).exitCode == 0)
            await process.wait { $0.contains("2 up-to-date, 1 pending") }
            try process.type("\u{3}")
            let (status, screen) = await process.result()
            #expect(status == .exited(130))
            let pieces = screen.components(separatedBy: "\u{1B}[?1049")
            #expect(pieces.count == 3)
            #expect(pieces.last?.hasPrefix("l") == true)
            #expect(screen.contains("refreshed every 1s; press Ctrl-C to end"))
            // Nothing but the report is drawn on the second screen.
            #expect(pieces.dropFirst().first?.contains("probed 1 of") == false)
        }
    }

    @Test func inAPipeALookComesAfterTheOther() async throws {
        try await withMixedFleet { folder, _ in
            let lines = try ConvoyProcess(["status", "--output", "ndjson", "--watch", "1"], in: folder)
            let end = await lines.wait { $0.standardOutput.components(separatedBy: "\"type\":\"report\"").count > 2 }
            lines.interrupt()
            #expect(try await lines.result().exitCode == 130)
            for line in end.standardOutput.split(separator: "\n").prefix(5) {
                #expect(try JSONSerialization.jsonObject(with: Data(line.utf8)) is [String: Any])
            }
            let tables = try ConvoyProcess(["report", "--watch=1s", "--summary"], in: folder)
            let shown = await tables.wait { $0.standardOutput.components(separatedBy: "as of 20").count > 2 }.standardOutput
            tables.terminate()
            #expect(try await tables.result().exitCode == 130)
            #expect(!shown.contains("\u{1B}"))
            #expect(shown.hasPrefix("as of 20"))
        }
    }

    @Test func aReaderThatGoesAwayEndsIt() async throws {
        try await withMixedFleet { folder, _ in
            let process = try ChildProcess(
                "/bin/bash",
                ["-c", "\"$CONVOY\" status --watch 1s | head -n 1; echo ${PIPESTATUS[0]}"],
                environment: ["CONVOY": try convoyPath(), "PATH": "/usr/bin:/bin"],
                in: folder,
                timeLimit: .seconds(60)
            )
            let end = await process.wait()
            #expect(end.status == .exited(0))
            #expect(end.standardOutput.hasSuffix("\n0\n"))
        }
    }
}
