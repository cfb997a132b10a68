import Testing

/// A set that a package installs has the checksums of its files.
struct ChecksumFileTests {
    private static let good = MigrationSetTests.good
    /// What `sha256sum` says of it.
    private static let sum = "9414e90a135d3c2b4281cdbca4663bc4d7d7eedec75e018326d72830e401e5c7"
    private static let other = String(sum.reversed())

    private func problems(_ sums: String, _ files: [String: String]) throws -> [String] {
        var found: [String] = []
        try MigrationSetTests.withDirectory(files.merging(["SHA256SUMS": sums]) { $1 }) { found = MigrationSetTests.problems($0) }
        return found
    }

    @Test(arguments: [
        "\(sum)  1_a.sql\n", "\(sum)  1_a.sql", "\(sum) *1_a.sql\n", "\(sum)  ./1_a.sql\n\n",
    ])
    func aSetThatIsAsListedIsRead(_ sums: String) throws {
        #expect(try problems(sums, ["1_a.sql": Self.good]) == [])
    }

    /// Each would otherwise be a set of its own: a shorter one, another one, a longer one.
    @Test func aFileThatIsMissingChangedOrLeftOverIsNamed() throws {
        let sums = "\(Self.sum)  1_a.sql\n\(Self.sum)  2_b.sql\n\(Self.other)  3_c.sql\n\(Self.sum)  README.md\n"
        let files = ["1_a.sql": Self.good, "3_c.sql": Self.good, "4_d.sql": Self.good, "checks/1.sql": "SELECT 1", "checkpoints/1.sql": "SELECT 1"]
        #expect(
            try problems(sums, files) == [
                "Migrations/2_b.sql the file is missing or cannot be read; Migrations/SHA256SUMS lists it",
                "Migrations/3_c.sql the file is not the one that Migrations/SHA256SUMS lists: its checksum differs",
                "Migrations/README.md the file is missing or cannot be read; Migrations/SHA256SUMS lists it",
                "Migrations/4_d.sql the file is not in Migrations/SHA256SUMS",
                "Migrations/checks/1.sql the file is not in Migrations/SHA256SUMS",
                "Migrations/checkpoints/1.sql the file is not in Migrations/SHA256SUMS",
            ]
        )
    }

    /// Notes and hidden files are no part of a set.
    @Test func aFileThatIsNoMigrationNeedsNoChecksum() throws {
        #expect(try problems("\(Self.sum)  1_a.sql\n", ["1_a.sql": Self.good, "NOTES": "x", ".2_b.sql": "x"]) == [])
    }

    @Test(arguments: [
        "1_a.sql", "\(sum)", "\(sum)  ", "\(sum) 1_a.sql", "\(sum.uppercased())  1_a.sql", "\(sum.dropLast())  1_a.sql",
        "\(sum)  /etc/passwd", "\(sum)  ../1_a.sql", "\(sum)  a/../../1_a.sql", "<html>", "\u{0}",
    ])
    func aLineThatIsNoChecksumIsNamed(_ line: String) throws {
        #expect(
            try problems("\(Self.sum)  1_a.sql\n\(line)\n", ["1_a.sql": Self.good])
                == ["Migrations/SHA256SUMS:2 the line is not a SHA-256 checksum, two blanks and a file"]
        )
    }

    @Test func anEmptyListHasNoFile() throws {
        #expect(try problems("", ["1_a.sql": Self.good]) == ["Migrations/1_a.sql the file is not in Migrations/SHA256SUMS"])
    }
}
