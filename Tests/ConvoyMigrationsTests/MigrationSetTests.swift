import ConvoyMigrations
import ConvoyText
import FoundationEssentials
import Glibc
import Testing

struct MigrationSetTests {
    static let good = "-- migrate:up\nSELECT 1;\n-- migrate:down\n"

    /// Gives the body a directory with these files, and removes it afterwards.
    static func withDirectory(_ files: [String: String], _ body: (String) throws -> Void) throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "convoy-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        for (name, text) in files {
            if let slash = name.lastIndex(of: "/") {
                try FileManager.default.createDirectory(atPath: "\(directory)/\(name[..<slash])", withIntermediateDirectories: true)
            }
            try Data(text.utf8).write(to: URL(filePath: "\(directory)/\(name)"))
        }
        try body(directory)
    }

    static func problems(_ directory: String) -> [String] {
        do throws(Problems) {
            _ = try MigrationSet.load(directory: directory, displayedAs: "Migrations")
            return []
        } catch {
            #expect(error.problems.allSatisfy { $0.hint?.isEmpty == false })
            return error.problems.map { "\($0.file)\($0.line.map { ":\($0)" } ?? "") \($0.message)" }
        }
    }

    @Test func readsADirectoryInTheOrderOfVersions() throws {
        let files = [
            "10_ten.sql": Self.good, "9_nine.sql": Self.good, "020260101120000_with-Hyphen_2.sql": Self.good, "README.md": "x",
            "a.txt": "x",
            ".hidden.sql": "x", "11_x.sql~": "x",
        ]
        try Self.withDirectory(files) { directory in
            try FileManager.default.createDirectory(atPath: "\(directory)/checkpoints", withIntermediateDirectories: true)
            try Data("x".utf8).write(to: URL(filePath: "\(directory)/checkpoints/9.sql"))
            try FileManager.default.createSymbolicLink(atPath: "\(directory)/12_link.sql", withDestinationPath: "9_nine.sql")
            let set = try MigrationSet.load(directory: directory, displayedAs: "Migrations")
            #expect(set.migrations.map(\.version.value) == [9, 10, 12, 20_260_101_120_000])
            #expect(set.migrations.map(\.name) == ["nine", "ten", "link", "with-Hyphen_2"])
            #expect(set.migrations.first?.file == "Migrations/9_nine.sql")
            #expect(set.newest?.version == MigrationVersion(20_260_101_120_000))
            #expect(set[MigrationVersion(10)]?.name == "ten")
            #expect(set[MigrationVersion(11)] == nil)
        }
    }

    @Test func tellsEveryProblemOfTheDirectoryAtOnce() throws {
        let files = [
            "1_a.sql": Self.good, "01_b.sql": Self.good, "2_c.sql": "-- migrate:up\nBEGIN;\n-- migrate:down\n", "create.sql": Self.good,
            "3-d.sql": Self.good, "4_.sql": Self.good, "5_é.sql": Self.good, "6_e.SQL": Self.good, "0_f.sql": Self.good,
            "99999999999999999999_g.sql": Self.good, "7_a b.sql": Self.good,
        ]
        try Self.withDirectory(files) { directory in
            #expect(
                Set(Self.problems(directory)) == [
                    "Migrations/1_a.sql version 1 is already used by Migrations/01_b.sql",
                    "Migrations/2_c.sql:2 BEGIN controls the transaction, and only Convoy may do that",
                    "Migrations/create.sql the file's name is not <version>_<name>.sql",
                    "Migrations/3-d.sql the file's name is not <version>_<name>.sql",
                    "Migrations/4_.sql the file's name is not <version>_<name>.sql",
                    "Migrations/5_é.sql the file's name is not <version>_<name>.sql",
                    "Migrations/6_e.SQL the file's name is not <version>_<name>.sql",
                    "Migrations/7_a b.sql the file's name is not <version>_<name>.sql",
                    "Migrations/0_f.sql 0 cannot be a version",
                    "Migrations/99999999999999999999_g.sql 99999999999999999999 cannot be a version",
                ]
            )
        }
    }

    @Test func tellsWhatCannotBeRead() throws {
        try Self.withDirectory(["1_a.sql": Self.good]) { directory in
            try FileManager.default.createSymbolicLink(atPath: "\(directory)/2_dangling.sql", withDestinationPath: "nowhere")
            try FileManager.default.createDirectory(atPath: "\(directory)/3_directory.sql", withIntermediateDirectories: true)
            #expect(mkfifo("\(directory)/4_pipe.sql", 0o600) == 0)
            #expect(
                Self.problems(directory) == [
                    "Migrations/2_dangling.sql the file does not exist",
                    "Migrations/3_directory.sql the file is a directory",
                    "Migrations/4_pipe.sql the file is not a regular file",
                ]
            )
            #expect(Self.problems("\(directory)/1_a.sql") == ["Migrations this is a file, not the directory of migrations"])
            #expect(Self.problems("\(directory)/none") == ["Migrations the directory of migrations does not exist or cannot be reached"])
        }
        try Self.withDirectory(["README.md": "x"]) { directory in
            #expect(Self.problems(directory) == ["Migrations the directory holds no migration"])
        }
    }

    @Test func aSetHasEachVersionOnce() throws {
        do throws(Problems) {
            let one = try MigrationFile.sample(Self.good).migration()
            _ = try MigrationSet([one, one])
            Issue.record("two files of one version were taken")
        } catch {
            #expect(error.problems.count == 1)
        }
    }

    @Test func knowsTheStepsOfBothDirections() throws {
        let up = try MigrationFile.sample("-- migrate:up\n-- convoy:step a\n-- convoy:step b\n-- migrate:down\n", version: 1).migration()
        let down = try MigrationFile.sample("-- migrate:up\nSELECT 1;\n-- migrate:down\n-- convoy:step c\n", version: 2).migration()
        #expect(try MigrationSet([up, down]).stepNames == ["a", "b", "c"])
    }

    @Test func findsEditedVersions() throws {
        let set = try MigrationSet.sample([1, 2, 3])
        let noted = [
            MigrationVersion(1): "0", MigrationVersion(2): try #require(set[MigrationVersion(2)]).checksum, MigrationVersion(3): "",
            MigrationVersion(4): "0",
        ]
        #expect(set.editedVersions(checksums: noted) == [MigrationVersion(1), MigrationVersion(3)])
        #expect(set.editedVersions(checksums: [:]) == [])
    }
}
