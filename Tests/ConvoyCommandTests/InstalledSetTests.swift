import Foundation
import TestSupport
import Testing

/// A program that was installed finds its migration set beside itself.
@Suite(.timeLimit(.minutes(1)))
struct InstalledSetTests {
    private static let fleet = "version: 1\nfleet: test\ninstances: [{name: alice, host: /nowhere}]\n"

    /// Runs a copy of the program from a prefix of its own.
    private func withInstalledProgram(
        _ files: [String: String],
        _ body: (_ folder: String, _ run: ([String]) async throws -> ConvoyResult) async throws -> Void
    ) async throws {
        try await withTemporaryFolder(files: files) { folder in
            let program = "\(folder)/prefix/bin/convoy"
            try FileManager.default.createDirectory(atPath: "\(folder)/prefix/bin", withIntermediateDirectories: true)
            let copying = try ChildProcess("/bin/cp", [try convoyPath(), program], environment: [:])
            #expect(await copying.wait().status == .exited(0))
            try await body(folder) { arguments in
                let process = try ConvoyProcess(arguments, program: program, in: folder)
                process.closeInput()
                return try await process.result()
            }
        }
    }

    private static let set = [
        "prefix/share/convoy/Migrations/1_cars.sql": Files.migration,
        "prefix/share/convoy/Migrations/2_more.sql": "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 1;\n",
    ]

    @Test func aFleetFileWithoutMigrationsUsesTheInstalledSet() async throws {
        try await withInstalledProgram(Self.set.merging(["fleet.yaml": Self.fleet]) { $1 }) { folder, run in
            let valid = try await run(["validate"])
            #expect(valid.exitCode == 0, "\(valid.standardError)")
            #expect(valid.standardOutput.contains("2 in \(folder)/prefix/share/convoy/Migrations"), "\(valid.standardOutput)")
            // Its files belong to the package.
            let new = try await run(["new", "add_nickname"])
            #expect(new.exitCode == 64)
            #expect(new.standardError.contains("which an update of the package replaces"), "\(new.standardError)")
        }
    }

    @Test func migrationsBesideTheFleetFileComeFirst() async throws {
        let own = ["fleet.yaml": Self.fleet, "Migrations/1_cars.sql": Files.migration]
        try await withInstalledProgram(Self.set.merging(own) { $1 }) { _, run in
            let valid = try await run(["validate"])
            #expect(valid.standardOutput.contains("1 in Migrations"), "\(valid.standardOutput) \(valid.standardError)")
        }
    }

    @Test func withoutAnInstalledSetTheDirectoryIsMissed() async throws {
        try await withInstalledProgram(["fleet.yaml": Self.fleet]) { _, run in
            let valid = try await run(["validate"])
            #expect(valid.exitCode == 78)
            #expect(valid.standardError.contains("Migrations"), "\(valid.standardError)")
        }
    }

    @Test func anInstalledSetThatIsDamagedIsNamed() async throws {
        let damaged = ["fleet.yaml": Self.fleet, "prefix/share/convoy/Migrations/3_bad.sql": "SELECT 1;\n"]
        try await withInstalledProgram(Self.set.merging(damaged) { $1 }) { folder, run in
            let valid = try await run(["validate"])
            #expect(valid.exitCode == 78)
            #expect(valid.standardError.contains("\(folder)/prefix/share/convoy/Migrations/3_bad.sql:"), "\(valid.standardError)")
        }
    }

    /// The checksum of `2_more.sql`, as `Scripts/package` writes the checksums of a set.
    private static let checksum = "6d332cdbbe48f3d824d8328fe56d8abbdb3b60f451766eb5d321b55181e3fb12"

    @Test func anInstalledSetThatLostAFileIsNamed() async throws {
        let path = "prefix/share/convoy/Migrations"
        let files = [
            "fleet.yaml": Self.fleet, "\(path)/2_more.sql": Self.set["\(path)/2_more.sql"] ?? "",
            "\(path)/SHA256SUMS": "\(Self.checksum)  1_cars.sql\n\(Self.checksum)  2_more.sql\n",
        ]
        try await withInstalledProgram(files) { folder, run in
            let valid = try await run(["validate"])
            #expect(valid.exitCode == 78)
            let set = "\(folder)/\(path)"
            let missing = "\(set)/1_cars.sql: error: the file is missing or cannot be read; \(set)/SHA256SUMS lists it"
            #expect(valid.standardError.contains(missing), "\(valid.standardError)")
            #expect(valid.standardError.contains("hint: install the set again"), "\(valid.standardError)")
            #expect(valid.standardError.contains("1 error; no database was touched"), "\(valid.standardError)")
        }
    }

    /// The file names a set only where there is one of its own.
    @Test func aNewFleetFileUsesTheInstalledSet() async throws {
        try await withInstalledProgram(Self.set) { folder, run in
            #expect(try await run(["init"]).exitCode == 0)
            let text = try String(contentsOfFile: "\(folder)/fleet.yaml", encoding: .utf8)
            #expect(text.contains("\n# migrations: Migrations    # a set of your own;"), "\(text)")
            let valid = try await run(["validate"])
            #expect(valid.exitCode == 0, "\(valid.standardError)")
            #expect(valid.standardOutput.contains("2 in \(folder)/prefix/share/convoy/Migrations"), "\(valid.standardOutput)")
        }
        try await withInstalledProgram(Self.set.merging(["Migrations/1_cars.sql": Files.migration]) { $1 }) { folder, run in
            let made = try await run(["init"])
            #expect(made.exitCode == 0, "\(made.standardError)")
            let text = try String(contentsOfFile: "\(folder)/fleet.yaml", encoding: .utf8)
            #expect(text.contains("\nmigrations: Migrations    #"), "\(text)")
        }
    }
}
