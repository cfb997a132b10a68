import ConvoyMigrations
import ConvoyReporting
import ConvoyText

/// What a rollback deletes according to the down sections of its migrations: the tables and columns that they drop, the rows that they delete.
struct LossNotice {
    /// In the order in which they are deleted.
    private(set) var losses: [String] = []
    /// Versions whose down section runs a step of the program, which may change more data.
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

    /// Empty if the down sections delete nothing.
    var text: String {
        guard !losses.isEmpty || !steps.isEmpty else { return "" }
        var text = ""
        if !losses.isEmpty {
            let more = losses.count > Self.limit ? " and \(losses.count - Self.limit) more" : ""
            text += "this permanently deletes: " + losses.prefix(Self.limit).map(\.visible).joined(separator: ", ") + "\(more)\n"
        }
        if !steps.isEmpty {
            text += "the program steps of \(steps.prefix(5).map(\.description).joined(separator: ", ")) may also change data\n"
        }
        return text
    }
}
