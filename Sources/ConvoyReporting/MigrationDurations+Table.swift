import ConvoyMigrations
internal import ConvoyRollout
import ConvoyRun
package import ConvoyText

extension [MigrationDurations] {
    /// One line for each migration; no lines if there are no migrations.
    func lines(_ style: OutputStyle, names: [MigrationVersion: String] = [:]) -> [String] {
        guard !isEmpty else { return [] }
        var table = TextTable([
            .init("MIGRATION", importance: 9),
            .init("NAME", minimumWidth: 6, importance: 2),
            .init("INSTANCES", .right, importance: 5),
            .init("P50", .right, importance: 6),
            .init("P95", .right, importance: 7),
            .init("MAX", .right, importance: 8),
            .init("SLOWEST", minimumWidth: 8, importance: 4),
        ])
        for migration in self {
            table.add([
                "\(migration.title)",
                "\(names[migration.version] ?? "-")",
                "\(migration.count)",
                "\(migration.median.human)",
                "\(migration.percentile(0.95).human)",
                "\(migration.maximum.human)",
                "\(migration.slowest)",
            ])
        }
        return table.lines(style)
    }
}

extension MigrationDurations {
    /// `20240929084639`, and `20240929084639 down` where it was reverted.
    var title: String { direction == .up ? "\(version)" : "\(version) down" }
}

extension DurationsReport {
    /// The migrations as people read them, and what they were read from.
    package func table(_ style: OutputStyle) -> String {
        let source = "\(counted(runs.count, "run")) in \(journal.visible)"
        guard !migrations.isEmpty else { return "no migration was applied in \(source)\n" }
        let lines = migrations.lines(style, names: names)
        return lines.joined(separator: "\n") + "\n\n\(counted(migrations.count, "migration")), from \(source)\n"
    }
}
