import ConvoyMigrations
import ConvoyRun
import ConvoyText

/// The columns of many events, each as one array.
enum EventColumns {
    /// With the three that are not the event's own before them.
    static let names = "run, number, turn, \(values)"
    static let values = own.map(\.name).joined(separator: ", ")
    static var count: Int { own.count }
    /// Thirty years; the table takes no more, so that sums stay numbers.
    private static let longestDuration = Duration.seconds(999_999_999)

    private static let own: [(name: String, type: String)] = [
        ("at", "timestamptz"), ("type", "text"), ("instance", "text"), ("outcome", "text"), ("json", "text"), ("version", "bigint"),
        ("direction", "text"), ("seconds", "float8"), ("checkpoint", "bigint"), ("is_learnt", "boolean"), ("ending", "text"),
    ]

    /// The arrays as a table with a column `ordinality`, from 1.
    ///
    /// - Parameter index: the number of the first array among the parameters.
    static func table(from index: Int) -> String {
        let arrays = own.enumerated().map { "$\(index + $0)::\($1.type)[]" }.joined(separator: ", ")
        return "unnest(\(arrays)) WITH ORDINALITY AS event (\(values), ordinality)"
    }

    static func parameters(_ rows: [EventRow]) -> [String?] {
        [
            ControlText.array(rows.map(\.at)), ControlText.array(rows.map(\.type)), ControlText.array(rows.map(\.instance)),
            ControlText.array(rows.map(\.outcome)), ControlText.array(rows.map(\.json)),
            ControlText.array(rows.map { $0.migration?.version.description }),
            ControlText.array(rows.map { $0.migration?.direction.rawValue }),
            ControlText.array(rows.map { row in row.migration.map { "\(min(max($0.duration, .zero), Self.longestDuration).seconds)" } }),
            ControlText.array(rows.map { $0.migration?.checkpoint?.description }),
            ControlText.array(rows.map { row in row.isLearnt.map { $0 ? "true" : "false" } }),
            ControlText.array(rows.map { $0.end?.status?.rawValue }),
        ]
    }
}
