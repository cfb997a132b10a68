import ConvoyMigrations
import ConvoyText

extension MigrationFile {
    static func sample(_ text: String, version: Int64 = 20_260_101_120_000) -> MigrationFile {
        MigrationFile(version: MigrationVersion(version), name: "sample", path: "Migrations/1_a.sql", contents: Array(text.utf8))
    }

    /// What the file is refused for; empty where it is taken.
    var problems: [Problem] {
        do throws(Problems) {
            _ = try migration()
            return []
        } catch {
            return error.problems
        }
    }
}

extension MigrationSet {
    /// A set of files that are alike but for their versions and what their down sections say.
    static func sample(_ versions: [Int64], irreversible: Set<Int64> = []) throws -> MigrationSet {
        try MigrationSet(
            versions.map { version in
                let down = irreversible.contains(version) ? "-- convoy:irreversible data is gone" : "SELECT 2;"
                return try MigrationFile(
                    version: MigrationVersion(version),
                    name: "m\(version)",
                    path: "Migrations/\(version)_m\(version).sql",
                    contents: Array("-- migrate:up\nSELECT \(version);\n-- migrate:down\n\(down)\n".utf8)
                ).migration()
            }
        )
    }
}
