import ConvoyMigrations
import ConvoyReporting
import ConvoyText

/// What a rollback deletes, as far as the down sections of its migrations tell: tables and columns that they drop, rows that they delete.
struct LossNotice {
    /// In the order in which they go.
    private(set) var losses: [String] = []
    /// Versions whose down section runs a step of the program, which may delete more.
    private(set) var steps: [MigrationVersion] = []
    private static let limit = 12

    init(_ versions: [MigrationVersion], _ set: MigrationSet) {
        for version in versions {
            guard let migration = set[version], case .section(let section) = migration.down else { continue }
            for element in section.elements {
                switch element {
                case .statement(let statement):
                    for loss in statement.losses where !losses.contains(loss) { losses.append(loss) }
                case .step: steps.append(version)
                }
            }
        }
    }

    /// Empty where nothing is known to go.
    var text: String {
        guard !losses.isEmpty || !steps.isEmpty else { return "" }
        var text = ""
        if !losses.isEmpty {
            let more = losses.count > Self.limit ? " and \(losses.count - Self.limit) more" : ""
            text += "this deletes, for good: " + losses.prefix(Self.limit).map(\.visible).joined(separator: ", ") + "\(more)\n"
        }
        if !steps.isEmpty {
            text += "the program's own steps of \(steps.prefix(5).map(\.description).joined(separator: ", ")) may change data besides\n"
        }
        return text
    }
}
