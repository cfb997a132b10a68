import Foundation
import TestSupport
import Testing

/// Databases that were restored from a dump of before a run, or changed by another tool: Convoy asks, and does what it would have done.
@Suite(.timeLimit(.minutes(5)))
struct RestoredDatabaseTests {
    private func migrate(_ folder: String, _ arguments: String..., exitCode: Int32 = 0) async throws {
        let result = try await runConvoy(["migrate", "--yes"] + arguments, in: folder)
        #expect(result.exitCode == exitCode, "\(result.standardError)")
    }

    private func newestRun(_ folder: String) async throws -> String {
        let runs = try #require(try jsonObject(try await runConvoy(["runs", "-o", "json"], in: folder))["runs"] as? [[String: Any]])
        return try #require(runs.first?["run"] as? String)
    }

    private func instance(_ command: [String], _ folder: String, exitCode: Int32 = 0) async throws -> [String: Any] {
        let result = try await runConvoy(command + ["-o", "json"], in: folder)
        #expect(result.exitCode == exitCode && result.standardError == "", "\(command): \(result.standardError)")
        let json = try jsonObject(result)
        return try #require((json["instances"] as? [[String: Any]])?.first { $0["name"] as? String == "alice" } ?? json)
    }

    private func time(_ text: Any?) throws -> Date {
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        return try style.parse(try #require(text as? String))
    }

    @Test(arguments: PostgresServer.Release.tested) func aDumpOfBeforeARun(_ release: PostgresServer.Release) async throws {
        try await PostgresServer.shared(release).withDatabases(2) { databases in
            try await withFleet(databases) { folder in
                try await migrate(folder, "--to", "20200101000000")
                try await runServerProgram("pg_dump", ["-Fc", "-f", "\(folder)/dump"], on: databases[0])
                let dumped = Date()
                try await migrate(folder)
                let migrated = Date()
                let newest = try await newestRun(folder)
                #expect(try await instance(["status"], folder)["setback"] == nil)

                try await runServerProgram("pg_restore", ["--clean", "--if-exists", "\(folder)/dump"], on: databases[0])
                for command in [["status"], ["report"], ["describe", "alice"]] {
                    let alice = try await instance(command, folder)
                    #expect(alice["outcome"] as? String == "pending" && alice["version"] as? String == "20200101000000", "\(command)")
                    let setback = try #require(alice["setback"] as? [String: Any], "\(command)")
                    #expect(setback["source"] as? String == "journal" && setback["run"] as? String == newest)
                    #expect(setback["version"] as? String == "20200102000000" && setback["another_database"] as? Bool == false)
                    let before = try time(setback["backup_before"])
                    #expect((dumped.addingTimeInterval(-0.01)...migrated).contains(before), "\(setback)")
                }
                let table = try await runConvoy(["status"], in: folder)
                let line = "  alice is behind run \(newest), which left it at 20200102000000: restored from a backup of before 20"
                #expect(table.exitCode == 0 && table.standardOutput.contains(line), "\(table.standardOutput)")
                #expect(!table.standardOutput.contains("bob is behind"))
                #expect(
                    try await runConvoy(["status", "--output", "prometheus"], in: folder).standardOutput.contains("{fleet=\"test\"} 1\n")
                )

                // Convoy does what is due, and has no question any more.
                try await migrate(folder)
                #expect(try await instance(["status"], folder)["setback"] == nil)
            }
        }
    }

    /// As TeslaMate's documentation restores a backup: only the schema `public`, so that the audit log stays.
    @Test(arguments: PostgresServer.Release.tested) func onlyTheAuditLogKnows(_ release: PostgresServer.Release) async throws {
        try await PostgresServer.shared(release).withDatabase { database in
            try await withFleet([database]) { folder in
                try await migrate(folder, "--to", "20200101000000")
                try await runServerProgram("pg_dump", ["-Fc", "-n", "public", "-f", "\(folder)/dump"], on: database)
                try await migrate(folder)
                let newest = try await newestRun(folder)
                try await database.execute(["DROP TABLE cars, schema_migrations"])
                try await runServerProgram("pg_restore", ["-t", "cars", "-t", "schema_migrations", "\(folder)/dump"], on: database)
                try await database.execute(["ALTER TABLE schema_migrations ADD PRIMARY KEY (version)"])
                try FileManager.default.removeItem(atPath: "\(folder)/.convoy")

                let setback = try #require(try await instance(["status"], folder)["setback"] as? [String: Any])
                #expect(setback["source"] as? String == "audit-log" && setback["run"] as? String == newest)
                #expect(setback["version"] as? String == "20200102000000")
                #expect(
                    (setback["message"] as? String)?.hasPrefix("behind its audit log, which has 20200102000000 as applied in run") == true
                )
            }
        }
    }

    @Test(arguments: PostgresServer.Release.tested) func aNewDatabaseOfThatName(_ release: PostgresServer.Release) async throws {
        let server = try await PostgresServer.shared(release)
        try await server.withDatabase { database in
            try await withFleet([database]) { folder in
                try await migrate(folder, "--to", "20200101000000")
                try await runServerProgram("pg_dump", ["-Fc", "-f", "\(folder)/dump"], on: database)
                try await migrate(folder)
                try await server.execute(
                    "DROP DATABASE \(database.name) WITH (FORCE)",
                    "CREATE DATABASE \(database.name) OWNER teslamate TEMPLATE template0"
                )
                try await runServerProgram("pg_restore", ["\(folder)/dump"], on: database)
                let setback = try #require(try await instance(["status"], folder)["setback"] as? [String: Any])
                #expect(setback["source"] as? String == "journal" && setback["another_database"] as? Bool == true, "\(setback)")
            }
        }
    }

    /// What Convoy itself rolled back is no question, and the rollback is since when the instance has its version.
    @Test(arguments: PostgresServer.Release.tested) func aRollbackOfConvoysOwn(_ release: PostgresServer.Release) async throws {
        try await PostgresServer.shared(release).withDatabase { database in
            try await withFleet([database]) { folder in
                try await migrate(folder)
                try await database.execute(["UPDATE schema_migrations SET inserted_at = '2026-01-01'"])
                let began = Date()
                #expect(try await runConvoy(["rollback", "--yes", "--steps", "1"], in: folder).exitCode == 0)
                for command in [["status"], ["report"], ["describe", "alice"]] {
                    let alice = try await instance(command, folder)
                    #expect(alice["setback"] == nil)
                    #expect(try time(alice["last_migrated_at"]) >= began.addingTimeInterval(-1), "\(command)")
                }
                // The audit log knows it too.
                try FileManager.default.removeItem(atPath: "\(folder)/.convoy")
                let alice = try await instance(["status"], folder)
                #expect(alice["setback"] == nil)
                #expect(try time(alice["last_migrated_at"]) >= began.addingTimeInterval(-1))
            }
        }
    }

    /// The tenant owns the audit log: a forged row is a line, and changes no outcome and no exit code.
    @Test func aForgedRowIsALine() async throws {
        try await withDatabase { database in
            try await withFleet([database]) { folder in
                try await migrate(folder, "--to", "20200101000000")
                let before = try await instance(["status"], folder)
                try await database.execute([
                    """
                    INSERT INTO convoy.migration_log SELECT gen_random_uuid(), 20200102000000, 'x', 'up', 'c', E'\\x1b[2Jrun', TIME, 0, 'me', '0',
                        system_identifier, database_oid FROM convoy.migration_log
                    """.replacing("TIME", with: "now()")
                ])
                var after = try await instance(["status"], folder)
                let setback = try #require(after["setback"] as? [String: Any])
                #expect(setback["source"] as? String == "audit-log" && setback["run"] is NSNull)
                for key in ["setback", "seconds_since_last_migration"] { after[key] = nil }
                var expected = before
                expected["seconds_since_last_migration"] = nil
                #expect(NSDictionary(dictionary: after) == NSDictionary(dictionary: expected))
                let table = try await runConvoy(["status"], in: folder)
                #expect(table.exitCode == 0 && !table.standardOutput.contains("\u{1B}"))
                try await migrate(folder)
                #expect(try await instance(["status"], folder)["version"] as? String == "20200102000000")
            }
        }
    }

    @Test func anInstanceThatCannotBeReachedHasTheVersionThatARunKnows() async throws {
        let server = try await PostgresServer.start()
        try await server.withDatabase { database in
            try await withFleet([database]) { folder in
                try await migrate(folder)
                let newest = try await newestRun(folder)
                try await server.stop(.fast)
                for command in [["status"], ["report"], ["describe", "alice"]] {
                    let alice = try await instance(command, folder, exitCode: 69)
                    #expect(alice["outcome"] as? String == "unreachable" && alice["version"] as? String == "20200102000000", "\(command)")
                    #expect(alice["version_known_at"] is String && alice["setback"] == nil)
                }
                let table = try await runConvoy(["status"], in: folder).standardOutput
                #expect(table.contains("KNOWN") && table.contains("ago (run \(newest))"), "\(table)")
                let page = try await runConvoy(["describe", "alice"], in: folder).standardOutput
                #expect(page.contains("as known ") && page.contains("ago (run \(newest))"), "\(page)")
            }
        }
    }
}
