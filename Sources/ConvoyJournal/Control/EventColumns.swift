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
        // The shorter arrays of an unnest are filled up with NULL.
        func column(_ value: (EventRow) -> String?) -> String {
            let values = rows.map(value)
            return values.allSatisfy { $0 == nil } ? "{}" : ControlText.array(values)
        }
        return [
            ControlText.array(rows.map(\.at)), column { $0.type }, column { $0.instance }, column { $0.outcome }, column { $0.json },
            column { $0.migration?.version.description }, column { $0.migration?.direction.rawValue },
            column { row in row.migration.map { "\(min(max($0.duration, .zero), Self.longestDuration).seconds)" } },
            column { $0.migration?.checkpoint?.description }, column { row in row.isLearnt.map { $0 ? "true" : "false" } },
            column { $0.end?.status?.rawValue },
        ]
    }
}
