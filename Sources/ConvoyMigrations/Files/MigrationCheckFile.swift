import ConvoyText

/// The contents of `checks/<version>.sql`, before they are read.
///
///     -- convoy:if-applied 20190816165713
///     SELECT pg_catalog.format('%s cars share one VIN: correct or delete all but one', pg_catalog.count(*))
///     FROM cars GROUP BY vin HAVING pg_catalog.count(*) > 1;
///
/// It holds one or more queries. Before a query may stand, each on a line of its own:
///
/// - `-- convoy:if-applied VERSION…`: ask only where all of these versions are in the ledger;
/// - `-- convoy:if-pending VERSION…`: ask only where none of them is.
struct MigrationCheckFile {
    private enum Condition: String, CaseIterable {
        case applied = "convoy:if-applied"
        case pending = "convoy:if-pending"
    }

    private let version: MigrationVersion
    /// The versions of the set, ascending.
    private let versions: [MigrationVersion]
    private let source: SourceText
    private var problems: [Problem] = []
    private var queries: [MigrationCheck.Query] = []
    /// What was said about the query to come, and the line of the first such word.
    private var conditions: [Condition: [MigrationVersion]] = [:]
    private var conditionRange: Range<Int>?

    /// - Parameter versions: those of the set, ascending; conditions can name only them.
    init(version: MigrationVersion, path: String, contents: [UInt8], versions: [MigrationVersion]) throws(Problems) {
        self.version = version
        self.versions = versions
        source = try SourceText(path: path, contents: contents)
    }

    /// Reads the file.
    ///
    /// - Throws: every problem of the file, in the order of its lines.
    consuming func check() throws(Problems) -> MigrationCheck {
        var splitter = SQLSplitter(source)
        while problems.count + splitter.problems.count < SQLSplitter.problemLimit, let piece = splitter.next() {
            switch piece {
            case .comment(let range, let statement): take(comment: range, inStatementAt: statement)
            case .statement(let statement): take(statement, &splitter)
            }
        }
        problems += splitter.problems
        if let conditionRange, problems.isEmpty {
            refuse(conditionRange, "no query follows", hint: "remove it, or write the query below it")
        }
        if queries.isEmpty, problems.isEmpty {
            problems.append(
                Problem(
                    file: source.path,
                    line: 1,
                    "the check has no query",
                    hint: "write a query that returns reasons, or remove the file"
                )
            )
        }
        guard problems.isEmpty else {
            throw Problems(problems.sorted { ($0.line ?? 0, $0.column ?? 0) < ($1.line ?? 0, $1.column ?? 0) })
        }
        return MigrationCheck(version: version, file: source.path, queries: queries)
    }

    private mutating func take(_ statement: SQLSplitter.Statement, _ splitter: inout SQLSplitter) {
        let rule = StatementRule(statement, in: source)
        if let refusal = rule.refusal(.transaction) ?? rule.refusalAsQuery {
            refuse(statement.range, refusal.message, hint: refusal.hint)
            if refusal.precedesCopyData { splitter.skipCopyData() }
        }
        queries.append(
            MigrationCheck.Query(
                statement: SQLStatement(text: source.text(statement.range), line: source.line(at: statement.range.lowerBound)),
                applied: conditions[.applied] ?? [],
                pending: conditions[.pending] ?? []
            )
        )
        (conditions, conditionRange) = ([:], nil)
    }

    private mutating func take(comment range: Range<Int>, inStatementAt statement: Int?) {
        guard let directive = Directive(comment: source.text(range)) else { return }
        guard let condition = Condition(rawValue: directive.spelling) else {
            let known = Condition.allCases.map(\.rawValue)
            refuse(
                range,
                "“\(directive.spelling)” is not a directive of preflight checks",
                hint: nearestWord(to: directive.spelling, among: known).map { "did you mean \($0)?" }
                    ?? "available: \(known.map { "-- " + $0 }.joined(separator: ", "))"
            )
            return
        }
        if let statement {
            refuse(
                range,
                "\(directive.spelling) is inside the query that begins on line \(source.line(at: statement))",
                hint: "end the query with a semicolon before it"
            )
            return
        }
        guard source.isFirstOnLine(range.lowerBound) else {
            refuse(range, "\(directive.spelling) is not on a line of its own", hint: "move it to the next line")
            return
        }
        let words = directive.argument.split(whereSeparator: \.isWhitespace)
        if words.isEmpty {
            refuse(range, "\(directive.spelling) names no version", hint: "write one as in `-- convoy:if-applied \(version)`")
        }
        conditionRange = conditionRange ?? range
        conditions[condition, default: []] += words.compactMap { version(String($0), range) }
    }

    /// A version that a condition names: of the set, and older than the check's own, since at the time of the check no other can be decisive.
    private mutating func version(_ word: String, _ range: Range<Int>) -> MigrationVersion? {
        guard let named = MigrationVersion(word), versions.contains(named) else {
            let nearest = nearestWord(to: word, among: versions.map(\.description))
            refuse(
                range,
                "no migration has the version \(word)",
                hint: nearest.map { "did you mean \($0)?" } ?? "write the number at the start of the migration's file name"
            )
            return nil
        }
        guard named < version else {
            refuse(
                range,
                "\(named) is not older than \(version), the check's own version",
                hint: "a preflight check runs while its own version is pending; name the version that makes or changes what the query reads"
            )
            return nil
        }
        return named
    }

    private mutating func refuse(_ range: Range<Int>, _ message: String, hint: String) {
        problems.append(source.problem(at: range.lowerBound, message, text: source.excerpt(range), hint: hint))
    }
}
