import ConvoyText
import Testing

@testable import ConvoyMigrations

/// The file `checkpoints/<version>.sql`: what is written is read again, and what was edited or is stale is named.
struct CheckpointTests {
    private static let fingerprint = "077b85bf8ec5f9f2a155a53b2c2da3c6"
    private static let statements = [
        "CREATE EXTENSION IF NOT EXISTS cube WITH SCHEMA public", "CREATE TABLE public.cars (\n    id bigint PRIMARY KEY)",
        "CREATE FUNCTION public.one() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END",
        "INSERT INTO public.cars VALUES (1)",
    ]

    private static func text(_ set: MigrationSet, upTo version: Int64, _ statements: [String] = statements) throws -> String {
        let migrations = set.migrations.filter { $0.version.value <= version }
        return try #require(Checkpoint.render(migrations: migrations, catalogue: fingerprint, statements: statements))
    }

    private func problems(_ text: String, file: String = "Migrations/checkpoints/2.sql") -> [String] {
        do throws(Problems) {
            _ = try Checkpoint.parse(text: text, file: file)
            return []
        } catch {
            #expect(error.problems.allSatisfy { $0.hint?.isEmpty == false })
            return error.problems.map { "\($0.line ?? 0): \($0.message)" }
        }
    }

    @Test func whatIsWrittenIsReadAgain() throws {
        let set = try MigrationSet.sample([1, 2, 3])
        let read = try Checkpoint.parse(text: try Self.text(set, upTo: 2), file: "Migrations/checkpoints/2.sql")
        #expect(read.version == MigrationVersion(2))
        #expect(read.count == 2)
        #expect(read.digest == Checkpoint.digest(of: set.migrations.prefix(2)))
        #expect(read.catalogue == Self.fingerprint)
        #expect(read.file == "Migrations/checkpoints/2.sql")
        #expect(read.statements.map(\.text) == Self.statements)
        #expect(read.statements.map(\.line) == [7, 8, 10, 11])
        #expect(read.extensionStatements.map(\.text) == Array(Self.statements.prefix(1)))
        #expect(read.ordinaryStatements.map(\.text) == Array(Self.statements.dropFirst()))
    }

    @Test func extensionsAndSchemasAreKnown() throws {
        let statements = [
            "CREATE EXTENSION IF NOT EXISTS cube WITH SCHEMA public", "CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\" SCHEMA \"Other\"",
            "CREATE EXTENSION IF NOT EXISTS hstore", "CREATE SCHEMA private", "CREATE TABLE private.tokens (id bigint)",
        ]
        let read = try Checkpoint.parse(text: try Self.text(.sample([1, 2]), upTo: 2, statements), file: "2.sql")
        #expect(read.extensions.map { $0.name } == ["cube", "uuid-ossp", "hstore"])
        #expect(read.extensions.map { $0.schema } == ["public", "Other", nil])
        #expect(read.createdSchemas == ["private"])
    }

    /// A checkout may have the line ends of Windows.
    @Test func lineEndsDoNotMatter() throws {
        let text = try Self.text(.sample([1, 2]), upTo: 2)
        let windows = text.replacing("\n", with: "\r\n")
        #expect(
            try Checkpoint.parse(text: windows, file: "2.sql").statements.map(\.text)
                == Checkpoint.parse(text: text, file: "2.sql").statements
                .map(\.text)
        )
    }

    @Test func noMigrationHasNoCheckpoint() {
        #expect(Checkpoint.render(migrations: [Migration](), catalogue: Self.fingerprint, statements: Self.statements) == nil)
    }

    @Test func anEditedStatementIsNamed() throws {
        let text = try Self.text(.sample([1, 2]), upTo: 2)
        let edited = "5: the checkpoint was edited: the checksum of its statements differs"
        #expect(problems(text) == [])
        #expect(problems(text + "\n") == [edited])
        #expect(problems(text.replacing("bigint", with: "int")) == [edited])
        #expect(problems(String(text.dropLast(1))) == [edited])
    }

    @Test(arguments: [
        ("", "1: this is not a checkpoint: the first line is not “-- convoy checkpoint 1”"),
        ("CREATE TABLE public.cars ();", "1: this is not a checkpoint: the first line is not “-- convoy checkpoint 1”"),
        (
            "-- convoy checkpoint 2\n",
            "1: the checkpoint has the format “2”, and this program reads the format 1"
        ),
        ("-- convoy checkpoint 1\n", "2: this line does not begin with “-- version: ”"),
        ("-- convoy checkpoint 1\n-- version: 2\n-- catalogue: a\n", "3: this line does not begin with “-- migrations: ”"),
        (
            "-- convoy checkpoint 1\n-- version: 2\n-- migrations: 1 a\n-- catalogue: a\n-- content: b\nSELECT 1;\n",
            "6: an empty line must stand between the head of a checkpoint and its statements"
        ),
    ])
    func aHeadOfAnotherFormIsNamed(_ text: String, _ problem: String) {
        #expect(problems(text) == [problem])
    }

    @Test func everyValueOfTheHeadIsChecked() throws {
        let text = try Self.text(.sample([1, 2]), upTo: 2)
        #expect(problems(text, file: "checkpoints/3.sql") == ["2: the version “2” is not that of the file's name"])
        #expect(
            problems(text.replacing("-- migrations: 2 ", with: "-- migrations: 0 "))
                == ["3: this line does not have a number of migrations and their checksum"]
        )
        #expect(
            problems(text.replacing("-- migrations: 2 ", with: "-- migrations: 99999999999999999999 "))
                == ["3: this line does not have a number of migrations and their checksum"]
        )
        #expect(
            problems(text.replacing(Self.fingerprint, with: "two words"))
                == ["4: this line does not have the fingerprint of a catalogue"]
        )
    }

    /// What could leave the one transaction, or would run as something else than it looks.
    @Test(arguments: [
        ("COMMIT", "7: COMMIT controls the transaction, and only Convoy may do that"),
        ("-- convoy:step encrypt\nSELECT 1", "7: convoy:step has no effect in a checkpoint, which holds statements only"),
        ("SELECT 1;\nCREATE EXTENSION cube", "8: CREATE EXTENSION stands behind another statement, and must come first"),
        ("SELECT 'open", "7: the string that begins here has no end"),
        ("-- nothing", "7: the checkpoint has no statement"),
    ])
    func aStatementThatCannotBePartOfItIsNamed(_ statement: String, _ problem: String) throws {
        let found = problems(try Self.text(.sample([1, 2]), upTo: 2, [statement]))
        #expect(found.count == 1)
        if !statement.hasPrefix("SELECT 'open"), !statement.hasPrefix("-- nothing") { #expect(found == [problem]) }
    }

    // MARK: - In a set

    private func load(_ files: [String: String], _ body: (MigrationSet) throws -> Void) throws {
        try MigrationSetTests.withDirectory(files) { try body(MigrationSet.load(directory: $0, displayedAs: "Migrations")) }
    }

    private static let files = ["1_a.sql": file(1), "2_b.sql": file(2), "3_c.sql": file(3)]

    private static func file(_ number: Int) -> String { "-- migrate:up\nSELECT \(number);\n-- migrate:down\nSELECT 0;\n" }

    private static func checkpoint(_ version: Int64) throws -> String {
        var text = ""
        try MigrationSetTests.withDirectory(files) { directory in
            text = try Self.text(MigrationSet.load(directory: directory, displayedAs: "Migrations"), upTo: version)
        }
        return text
    }

    @Test func theNewestOneNotAboveTheTargetIsTaken() throws {
        var files = Self.files
        files["checkpoints/1.sql"] = try Self.checkpoint(1)
        files["checkpoints/2.sql"] = try Self.checkpoint(2)
        files["checkpoints/README.md"] = "x"
        try load(files) { set in
            #expect(set.checkpointProblems == [])
            #expect(set.checkpoints.map(\.version.value) == [1, 2])
            #expect(set.checkpoint(upTo: nil)?.version == MigrationVersion(2))
            #expect(set.checkpoint(upTo: MigrationVersion(3))?.version == MigrationVersion(2))
            #expect(set.checkpoint(upTo: MigrationVersion(1))?.version == MigrationVersion(1))
            #expect(set.checkpoint(upTo: MigrationVersion(0)) == nil)
            #expect(set.checkpoint(upTo: nil).map { set.versions(of: $0).map(\.value) } == [1, 2])
            try set.requireSoundCheckpoints()
        }
    }

    @Test func aStaleOneIsNotUsedAndNamed() throws {
        let stale = "Migrations/checkpoints/2.sql:3: error: the checkpoint is stale: "
        let changes: [(change: [String: String?], problem: String)] = [
            (["1_a.sql": Self.file(7)], stale + "a migration up to 2 was edited since it was made"),
            // The way down is no part of a checkpoint.
            (["1_a.sql": Self.file(1).replacing("SELECT 0", with: "SELECT 8")], ""),
            (["01_a.sql": nil, "1_a.sql": nil], stale + "it was made from 2 migrations, and the set has 1 up to 2"),
            (
                ["2_b.sql": nil],
                "Migrations/checkpoints/2.sql:2: error: no migration has the version 2 of this checkpoint"
            ),
            (["3_c.sql": Self.file(9)], ""),
        ]
        for (change, problem) in changes {
            var files = Self.files
            files["checkpoints/2.sql"] = try Self.checkpoint(2)
            for (name, text) in change { files[name] = text }
            try load(files) { set in
                #expect(
                    set.checkpointProblems.map { $0.description.split(separator: "\n").first.map(String.init) }
                        == (problem.isEmpty ? [] : [problem])
                )
                #expect(set.checkpoints.count == (problem.isEmpty ? 1 : 0))
                if !problem.isEmpty { #expect(throws: Problems.self) { try set.requireSoundCheckpoints() } }
            }
        }
    }

    /// A set with a bad checkpoint can still be read: for `status`, for a rollback, and to write the checkpoint anew.
    @Test func badFilesAreProblemsOfTheSet() throws {
        var files = Self.files
        files["checkpoints/2.sql"] = try Self.checkpoint(2) + "SELECT 1;\n"
        files["checkpoints/notes.sql"] = "SELECT 1;"
        try load(files) { set in
            #expect(set.checkpoints == [])
            #expect(
                set.checkpointProblems.map { "\($0.file):\($0.line ?? 0)" } == [
                    "Migrations/checkpoints/2.sql:5", "Migrations/checkpoints/notes.sql:1",
                ]
            )
        }
        files = Self.files
        files["checkpoints"] = "x"
        try load(files) { set in
            #expect(set.checkpointProblems.map(\.message) == ["this is a file, not the directory of checkpoints"])
        }
    }
}
