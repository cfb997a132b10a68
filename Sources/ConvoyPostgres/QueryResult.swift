/// What one statement gave: rows in text format, or just how many it touched.
public struct QueryResult: Sendable {
    /// The columns' names.
    public let columns: [String]
    /// The rows in the order in which the server sent them; empty for a statement that returns none.
    public let rows: [Row]
    /// For example `INSERT 0 1`; empty for a query that returns rows in some servers.
    public let commandTag: String

    init(columns: [String], rows: [Row], commandTag: String) {
        self.columns = columns
        self.rows = rows
        self.commandTag = commandTag
    }

    /// One row; values are read by the column's name.
    public struct Row: Sendable {
        private let columns: [String]
        private let values: [String?]

        package init(columns: [String], values: [String?]) {
            self.columns = columns
            self.values = values
        }

        /// The text of a column; nil for NULL.
        ///
        /// - Throws: `.unexpectedResult` if the result does not have the column; the other readers also for a text of another shape.
        public func optionalText(_ column: String) throws(PostgresError) -> String? {
            guard let index = columns.firstIndex(of: column), index < values.count else {
                throw PostgresError(.unexpectedResult, "the result has no column “\(column)”")
            }
            return values[index]
        }

        /// The text of a column that is never NULL.
        public func text(_ column: String) throws(PostgresError) -> String {
            try required(column, "text") { $0 }
        }

        /// `bigint`, `integer`, `smallint` or `oid`.
        public func int64(_ column: String) throws(PostgresError) -> Int64 {
            try required(column, "an integer", Int64.init)
        }

        /// The id of a server process.
        package func processID(_ column: String) throws(PostgresError) -> Int32 {
            try required(column, "a process id") { Int32($0).flatMap { $0 > 0 ? $0 : nil } }
        }

        /// A text that is only shown, cut to a kilobyte; nil for NULL.
        package func label(_ column: String) throws(PostgresError) -> String? {
            try optionalText(column).map { ServerText.text($0, limit: ServerText.nameLimit) }
        }

        /// `boolean`.
        public func bool(_ column: String) throws(PostgresError) -> Bool {
            try required(column, "a boolean") { $0 == "t" ? true : $0 == "f" ? false : nil }
        }

        private func required<Value>(_ column: String, _ kind: String, _ read: (String) -> Value?) throws(PostgresError) -> Value {
            guard let text = try optionalText(column), let value = read(text) else {
                throw PostgresError(.unexpectedResult, "column “\(column)” is not \(kind)")
            }
            return value
        }
    }

    /// The only row.
    public func onlyRow() throws(PostgresError) -> Row {
        guard rows.count == 1, let row = rows.first else {
            throw PostgresError(.unexpectedResult, "expected one row, got \(rows.count)")
        }
        return row
    }
}
