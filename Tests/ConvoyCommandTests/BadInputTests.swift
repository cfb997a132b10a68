import Foundation
import TestSupport
import Testing

/// Input that cannot be used is refused before a database is touched: with the exit code of its kind, and in words that help.
@Suite(.timeLimit(.minutes(2)))
struct BadInputTests {
    private static let header = "release,date,newest_version\n"
    private static let releases = header + "v1.0.0,2020-01-02,20200101000000\n"

    private func fleet(_ releases: String? = releases) -> [String: String] {
        var files = Files.fleet()
        files["Migrations/20200102000000_colour.sql"] = "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 1;\n"
        files["Migrations/releases.csv"] = releases
        return files
    }

    @Test(arguments: [
        (["plan", "--to", "v9.9.9"], "does not know release v9.9.9: the newest that it knows is v1.0.0"),
        (["migrate", "--yes", "--to", "v0.9.0"], "there is no release v0.9.0"),
        (["rollback", "--yes", "--to", "v2.0.0"], "does not know release v2.0.0"),
        (["migrate", "--dry-run", "--to", "v1.0"], "did you mean v1.0.0?"),
    ])
    func aReleaseThatTheSetDoesNotKnowIsRefused(_ arguments: [String], _ message: String) async throws {
        try await withTemporaryFolder(files: fleet()) { folder in
            let result = try await runConvoy(arguments, in: folder)
            #expect(result.exitCode == 64)
            #expect(result.standardError.contains(message), "\(result.standardError)")
            #expect(result.standardOutput == "")
        }
    }

    @Test func aSetWithoutReleasesKnowsNone() async throws {
        try await withTemporaryFolder(files: fleet(nil)) { folder in
            let result = try await runConvoy(["plan", "--to", "v1.0.0"], in: folder)
            #expect(result.exitCode == 64)
            #expect(result.standardError.contains("the migration set knows no releases"), "\(result.standardError)")
        }
    }

    @Test(arguments: [
        ("v1.0.0,2020-01-02,20190101000000\n", "Migrations/releases.csv:2", "no migration has the version “20190101000000”"),
        (
            "v1.0.0,2020-01-02,20200101000000\nv1.0.0,2020-01-03,20200102000000\n", "Migrations/releases.csv:3",
            "release v1.0.0 stands in line 2 too"
        ),
        (
            "v1.1.0,2020-01-02,20200102000000\nv1.0.0,2020-01-03,20200101000000\n", "Migrations/releases.csv:3",
            "brings an older version than v1.1.0"
        ),
    ])
    func aListOfReleasesThatIsWrongIsRefusedWithItsLine(_ lines: String, _ place: String, _ message: String) async throws {
        try await withTemporaryFolder(files: fleet(Self.header + lines)) { folder in
            for arguments in [["validate"], ["status"], ["migrate", "--yes"]] {
                let result = try await runConvoy(arguments, in: folder)
                #expect(result.exitCode == 78)
                #expect(result.standardError.contains("\(place): error: "), "\(result.standardError)")
                #expect(result.standardError.contains(message), "\(result.standardError)")
                #expect(result.standardOutput == "")
            }
        }
    }

    @Test(arguments: ["skip: true", "skip: \"\"", "skip:"])
    func anInstanceIsNotSkippedWithoutAReason(_ skip: String) async throws {
        var files = fleet()
        files["fleet.yaml"] = "version: 1\ninstances:\n  - name: alice\n    host: 127.0.0.1\n    \(skip)\n"
        try await withTemporaryFolder(files: files) { folder in
            for arguments in [["validate"], ["status"], ["migrate", "--yes"]] {
                let result = try await runConvoy(arguments, in: folder)
                #expect(result.exitCode == 78)
                #expect(result.standardError.contains("fleet.yaml:5:"), "\(result.standardError)")
                #expect(result.standardError.contains("skip"), "\(result.standardError)")
            }
        }
    }

    /// Nothing is written, and the message says what to do instead.
    @Test func aServerWithoutALedgerMakesNoFleetFile() async throws {
        let server = try await PostgresServer.start()
        try await server.withDatabases(1) { databases in
            try await withTemporaryFolder(files: ["Migrations/1_a.sql": Files.migration]) { folder in
                let url = "host=\(server.socketFolder) port=\(server.port) user=postgres"
                let result = try await runConvoy(["init", "--from", url], in: folder)
                #expect(result.exitCode == 1)
                #expect(
                    result.standardError.contains("no database of this server has a table schema_migrations"),
                    "\(result.standardError)"
                )
                #expect(result.standardError.contains(databases[0].name), "\(result.standardError)")
                #expect(result.standardError.contains("`convoy init` without --from"), "\(result.standardError)")
                #expect(result.standardOutput == "")
                #expect(!FileManager.default.fileExists(atPath: "\(folder)/fleet.yaml"))
            }
        }
    }
}
