import Foundation
import TestSupport
import Testing

/// `convoy new` as a program: a file in the right place, its path on standard output, and never an overwritten one.
struct NewCommandTests {
    private static func migrations(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(folder)/Migrations").sorted()
    }

    @Test func itMakesAFileThatValidateRefusesUntilItIsFilledIn() async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let made = try await runConvoy(["new", "add_nickname"], in: folder)
            #expect(made.exitCode == 0)
            let path = try #require(made.standardOutput.split(separator: "\n").first.map(String.init))
            #expect(made.standardOutput == path + "\n")
            #expect(path.wholeMatch(of: /Migrations\/\d{14}_add_nickname\.sql/) != nil)
            #expect(made.standardError.contains("convoy validate"))

            let refused = try await runConvoy(["validate"], in: folder)
            #expect(refused.exitCode == 78)
            #expect(refused.standardError.contains("\(path):1:1: error: the up section is empty"))
            #expect(refused.standardError.contains("\(path):5:1: error: convoy:irreversible has no reason"))

            let file = "\(folder)/\(path)"
            let filled = try String(contentsOfFile: file, encoding: .utf8)
                .replacing("-- migrate:up\n", with: "-- migrate:up\nALTER TABLE cars ADD COLUMN nickname text;\n")
                .replacing("-- convoy:irreversible\n", with: "ALTER TABLE cars DROP COLUMN nickname;\n")
            try writeFile(file, filled)
            let validated = try await runConvoy(["validate"], in: folder)
            #expect(validated.exitCode == 0)
            #expect(validated.standardOutput.contains("(add_nickname)"))
        }
    }

    @Test func versionAndFormCanBeGiven() async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let arguments = ["new", "index_cars", "--version", "20270214103000", "--no-transaction", "--irreversible", "it stays"]
            let made = try await runConvoy(arguments, in: folder)
            #expect(made.standardOutput == "Migrations/20270214103000_index_cars.sql\n")
            #expect(!made.standardError.contains("note: "))
            let contents = try String(contentsOfFile: "\(folder)/Migrations/20270214103000_index_cars.sql", encoding: .utf8)
            #expect(contents == "-- migrate:up transaction:false\n\n\n-- migrate:down\n-- convoy:irreversible it stays\n")
            // In the year 2027 the next one comes after it; before, one more.
            let next = try await runConvoy(["new", "add_nickname"], in: folder)
            #expect(next.exitCode == 0)
            let newest = try #require(try Self.migrations(folder).last)
            #expect(next.standardOutput == "Migrations/\(newest)\n")
            #expect(newest.hasSuffix("_add_nickname.sql"))
        }
    }

    @Test func theNextCommandsNameTheFleetFile() async throws {
        var files = Files.fleet()
        files["my fleet.yaml"] = files["fleet.yaml"]
        try await withTemporaryFolder(files: files) { folder in
            let made = try await runConvoy(["new", "add_nickname", "-f", "my fleet.yaml"], in: folder)
            #expect(made.exitCode == 0)
            for line in ["convoy validate --fleet 'my fleet.yaml'", "convoy plan --fleet 'my fleet.yaml'"] {
                #expect(made.standardError.contains("\n  \(line)\n"), "\(made.standardError)")
            }
            #expect(made.standardError.contains("  convoy migrate --select name=INSTANCE --fleet 'my fleet.yaml'    to try it"))
            // A set without catalogues and checkpoints needs none.
            #expect(!made.standardError.contains("SERVER"))
        }
    }

    @Test func aVersionBelowTheNewestIsMadeWithAWord() async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let made = try await runConvoy(["new", "early", "--version", "20190101000000"], in: folder)
            #expect(made.exitCode == 0)
            #expect(made.standardError.contains("note: 20190101000000 is below the newest version, 20200101000000"))
        }
    }

    @Test func theDirectoryCanBeGivenWithoutAFleetFile() async throws {
        try await withTemporaryFolder(files: ["sets/one/notes.txt": ""]) { folder in
            let made = try await runConvoy(["new", "first", "--directory", "sets/one/", "--version", "1"], in: folder)
            #expect(made.standardOutput == "sets/one/1_first.sql\n")
            #expect(made.exitCode == 0)
        }
    }

    @Test(
        arguments: [
            (["new"], 64, "<name>"),
            (["new", ""], 64, "the name is empty"),
            (["new", "Add Nickname"], 64, "did you mean add_nickname?"),
            (["new", "../../etc"], 64, "did you mean etc?"),
            (["new", "create_cars"], 64, "taken by 20200101000000_create_cars.sql"),
            (["new", "a", "--version", "20200101000000"], 64, "taken by 20200101000000_create_cars.sql"),
            (["new", "a", "--version", "soon"], 64, "20240929084639"),
            (["new", "a", "--irreversible", ""], 64, "reason"),
            (["new", "a", "--directory", "none"], 78, "none: error: the directory of migrations does not exist"),
            (["new", "a", "--directory", "fleet.yaml"], 78, "this is a file"),
            (["new", "a", "--fleet", "none.yaml"], 78, "none.yaml: error: "),
        ] as [([String], Int32, String)]
    )
    func whatCannotBeMadeIsToldAndNothingIsMade(_ arguments: [String], _ exitCode: Int32, _ expected: String) async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let result = try await runConvoy(arguments, in: folder)
            #expect(result.exitCode == exitCode)
            #expect(result.standardOutput == "")
            #expect(result.standardError.contains(expected), "\(result.standardError)")
            #expect(try Self.migrations(folder) == ["20200101000000_create_cars.sql"])
        }
    }

    @Test func nothingIsEverOverwritten() async throws {
        var files = Files.fleet()
        files["Migrations/20270214103000_a.sql/kept"] = "kept"
        try await withTemporaryFolder(files: files) { folder in
            let link = "\(folder)/Migrations/20270214103001_b.sql"
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "\(folder)/elsewhere.sql")
            for (name, version) in [("a", "20270214103000"), ("b", "20270214103001")] {
                let result = try await runConvoy(["new", name, "--version", version], in: folder)
                #expect(result.exitCode == 64)
                #expect(result.standardOutput == "")
            }
            #expect(!FileManager.default.fileExists(atPath: "\(folder)/elsewhere.sql"))
        }
    }

    @Test func aDirectoryThatMayNotBeWrittenIsTold() async throws {
        try await withTemporaryFolder(files: Files.fleet(), mode: 0o644) { folder in
            try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: "\(folder)/Migrations")
            let result = try await runConvoyUnprivileged(["new", "a"], in: folder)
            #expect(result.exitCode == 78)
            #expect(result.standardError.contains("Permission denied"))
        }
    }
}
