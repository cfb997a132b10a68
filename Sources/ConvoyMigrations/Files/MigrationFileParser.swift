import ConvoyText

/// Reads the sections of a migration file, collecting every problem on the way.
struct MigrationFileParser {
    struct Sections {
        var up: MigrationSection
        var down: Reversal
        /// The bytes that the checksum covers.
        var upRange: Range<Int>
    }

    static let problemLimit = SQLSplitter.problemLimit

    let source: SourceText
    private(set) var problems: [Problem] = []

    init(_ source: SourceText) {
        self.source = source
    }

    /// Returns nil, and at least one problem, if the file does not have two sections. Sections count only if there are no problems.
    mutating func parse() -> Sections? {
        let markers = findMarkers()
        let ups = markers.filter { $0.direction == .up }
        let downs = markers.filter { $0.direction == .down }
        for marker in (ups.dropFirst() + downs.dropFirst()).prefix(Self.problemLimit) {
            let first = marker.direction == .up ? ups[0] : downs[0]
            refuse(
                marker.line,
                "a second migrate:\(marker.direction.rawValue); the first is on line \(source.line(at: first.line.lowerBound))",
                hint: "remove one: a file is one migration"
            )
        }
        guard let up = ups.first else {
            refuseMissingUp()
            return nil
        }
        checkPreamble(0..<(markers.first ?? up).line.lowerBound)
        guard let down = downs.first else {
            problems.append(
                Problem(
                    file: source.path,
                    line: source.line(at: source.bytes.count),
                    "the file has no `-- migrate:down` line",
                    hint:
                        "end the file with `-- migrate:down` and the statements that revert the migration; leave that section empty if there is nothing to undo, "
                        + "or write `-- convoy:irreversible REASON` in it"
                )
            )
            _ = parseSection(up, to: source.bytes.count)
            return nil
        }
        guard up.line.lowerBound < down.line.lowerBound else {
            refuse(down.line, "migrate:down comes before migrate:up", hint: "put the up section first")
            return nil
        }
        let upSection = parseSection(up, to: down.line.lowerBound)
        if upSection.section.elements.isEmpty, !upSection.hasRemark, problems.isEmpty {
            refuse(
                up.line,
                "the up section is empty",
                hint: "write the statements below the line, or a comment that says why this version changes nothing"
            )
        }
        let downSection = parseSection(down, to: source.bytes.count)
        return Sections(
            up: upSection.section,
            down: downSection.irreversible ?? .section(downSection.section),
            upRange: up.bodyStart..<down.line.lowerBound
        )
    }

    private mutating func refuseMissingUp() {
        for token in SQLLexer(source) where token.kind == .lineComment {
            guard let directive = Directive(comment: source.text(token.range)), directive.keyword == .up else { continue }
            refuseIndented(directive, token.range)
            return
        }
        problems.append(
            Problem(
                file: source.path,
                line: 1,
                "the file has no `-- migrate:up` line",
                hint: "put `-- migrate:up` on a line of its own before the first statement"
            )
        )
    }

    private mutating func refuseIndented(_ directive: Directive, _ range: Range<Int>) {
        refuse(
            range,
            "\(directive.spelling) is not at the start of its line, so it does not start a section",
            hint: "move it to the start of the line"
        )
    }

    mutating func refuse(_ range: Range<Int>, _ message: String, hint: String) {
        problems.append(source.problem(at: range.lowerBound, message, text: source.excerpt(range), hint: hint))
    }
}

// MARK: - Sections

extension MigrationFileParser {
    /// A section while it is read.
    private struct Draft {
        let marker: Marker
        var elements: [MigrationSection.Element] = []
        var lockTimeout: Duration?
        var statementTimeout: Duration?
        var admin: AdminRequirement?
        /// `convoy:repeatable`, where it stands.
        var repeatable: Range<Int>?
        var lockTimeoutRange: Range<Int>?
        /// The statement of a section without a transaction gives up on a lock neither early nor late.
        var waitsForLocks = false
        var irreversible: Reversal?
        var irreversibleRange: Range<Int>?
        /// There is a `--` comment of prose.
        var hasRemark = false

        var section: MigrationSection {
            MigrationSection(
                isTransactional: marker.isTransactional,
                elements: elements,
                lockTimeout: lockTimeout,
                statementTimeout: statementTimeout,
                admin: admin
            )
        }
    }

    private mutating func parseSection(_ marker: Marker, to end: Int) -> Draft {
        var draft = Draft(marker: marker)
        var splitter = SQLSplitter(source, in: marker.bodyStart..<end)
        while problems.count + splitter.problems.count < Self.problemLimit, let piece = splitter.next() {
            switch piece {
            case .comment(let range, let statement):
                let comment = source.text(range)
                guard let directive = Directive(comment: comment) else {
                    draft.hasRemark = draft.hasRemark || comment.contains(where: \.isLetter)
                    continue
                }
                take(directive, range, inStatementAt: statement, &draft)
            case .statement(let statement):
                take(statement, &draft, &splitter)
            }
        }
        problems += splitter.problems
        checkWhole(draft)
        return draft
    }

    private mutating func take(_ statement: SQLSplitter.Statement, _ draft: inout Draft, _ splitter: inout SQLSplitter) {
        let isAlone = !draft.marker.isTransactional
        let surroundings = isAlone ? StatementRule.Surroundings.alone(isRepeatable: draft.repeatable != nil) : .transaction
        if isAlone { draft.waitsForLocks = StandaloneStatement(statement.tokens, in: source).waitsForLocks }
        if let refusal = StatementRule(statement, in: source).refusal(surroundings) {
            refuse(statement.range, refusal.message, hint: refusal.hint)
            if refusal.precedesCopyData { splitter.skipCopyData() }
        } else if !draft.marker.isTransactional, let first = draft.elements.first {
            refuse(
                statement.range,
                "a section with transaction:false must contain exactly one statement; the first is on line \(first.line)",
                hint: "put each statement into a migration of its own, so that a migration is never half applied"
            )
        }
        draft.elements.append(
            .statement(SQLStatement(text: source.text(statement.range), line: source.line(at: statement.range.lowerBound)))
        )
    }

    private mutating func take(_ directive: Directive, _ range: Range<Int>, inStatementAt statement: Int?, _ draft: inout Draft) {
        // A marker that begins its line has cut the file already, and was reported if it is misspelt.
        let isMarker =
            directive.spelling.lowercased().hasPrefix("migrate:") || directive.nearestKeyword == .up || directive.nearestKeyword == .down
        if isMarker {
            if !source.lineUpTo(range.lowerBound).isEmpty { refuseIndented(directive, range) }
            return
        }
        guard let keyword = directive.keyword else {
            refuseUnknown(directive, range)
            return
        }
        if let statement {
            refuse(
                range,
                "\(directive.spelling) is inside the statement that begins on line \(source.line(at: statement))",
                hint: "end the statement with a semicolon before it"
            )
            return
        }
        guard source.isFirstOnLine(range.lowerBound) else {
            refuse(range, "\(directive.spelling) is not on a line of its own", hint: "move it to the next line")
            return
        }
        switch keyword {
        case .up, .down: break
        case .step: takeStep(directive, range, &draft)
        case .irreversible: takeIrreversible(directive, range, &draft)
        case .admin: takeAdmin(directive, range, &draft)
        case .repeatable: takeRepeatable(directive, range, &draft)
        case .lockTimeout:
            let isSet = draft.lockTimeout != nil
            draft.lockTimeout = takeTimeout(directive, range, draft, isSet: isSet)
            draft.lockTimeoutRange = range
        case .statementTimeout:
            draft.statementTimeout = takeTimeout(directive, range, draft, isSet: draft.statementTimeout != nil)
        }
    }

    private mutating func takeStep(_ directive: Directive, _ range: Range<Int>, _ draft: inout Draft) {
        let name = directive.argument
        guard isPlainName(name) else {
            refuse(
                range,
                name.isEmpty ? "convoy:step names no step" : "“\(name)” is not a step's name",
                hint: "write one word of letters, digits and hyphens, as in `-- convoy:step encrypt-api-tokens`"
            )
            return
        }
        if !draft.marker.isTransactional {
            refuse(
                range,
                "a step needs a transaction, and this section has transaction:false",
                hint: "put the step into a migration of its own"
            )
        }
        draft.elements.append(.step(name: name, line: source.line(at: range.lowerBound)))
    }

    private mutating func takeAdmin(_ directive: Directive, _ range: Range<Int>, _ draft: inout Draft) {
        checkStandsFirst(directive, range, draft)
        if draft.admin != nil { refuse(range, "convoy:admin is given more than once", hint: "name all extensions on one line") }
        if !draft.marker.isTransactional {
            refuse(
                range,
                "convoy:admin needs a transaction, and this section has transaction:false",
                hint: "have an administrator run the statement by hand"
            )
        }
        let extensions = directive.argument.split(whereSeparator: \.isWhitespace).map(String.init)
        for name in extensions where !isPlainName(name) {
            refuse(
                range,
                "“\(name)” is not an extension's name",
                hint: "separate the names with spaces, as in `-- convoy:admin cube earthdistance`"
            )
        }
        draft.admin = AdminRequirement(extensions: extensions)
    }

    private mutating func takeRepeatable(_ directive: Directive, _ range: Range<Int>, _ draft: inout Draft) {
        checkStandsFirst(directive, range, draft)
        if draft.repeatable != nil { refuse(range, "convoy:repeatable is given more than once", hint: "keep one") }
        if draft.marker.isTransactional {
            refuse(
                range,
                "convoy:repeatable does not apply in a transaction, which runs once or not at all",
                hint: "remove it; it is for a statement with transaction:false"
            )
        }
        draft.repeatable = range
    }

    /// What holds for the whole section is written before anything that it holds for.
    private mutating func checkStandsFirst(_ directive: Directive, _ range: Range<Int>, _ draft: Draft) {
        guard let first = draft.elements.first else { return }
        refuse(
            range,
            "\(directive.spelling) comes after the statement on line \(first.line), but applies to the whole section",
            hint: "move it to the start of the section"
        )
    }

    private func isPlainName(_ text: String) -> Bool {
        !text.isEmpty && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
    }

    private mutating func takeIrreversible(_ directive: Directive, _ range: Range<Int>, _ draft: inout Draft) {
        guard draft.marker.direction == .down else {
            refuse(range, "convoy:irreversible is in the up section", hint: "move it below `-- migrate:down`")
            return
        }
        if directive.argument.isEmpty {
            refuse(
                range,
                "convoy:irreversible has no reason",
                hint:
                    "replace it with the statements that revert the migration, or add the reason why there are none: operators see it in a rollback"
            )
        } else if draft.irreversible != nil {
            refuse(range, "convoy:irreversible is given more than once", hint: "keep one")
        }
        draft.irreversible = .irreversible(reason: directive.argument, line: source.line(at: range.lowerBound))
        draft.irreversibleRange = range
    }

    private mutating func takeTimeout(_ directive: Directive, _ range: Range<Int>, _ draft: Draft, isSet: Bool) -> Duration? {
        if isSet {
            refuse(
                range,
                "\(directive.spelling) is given more than once in this section",
                hint: "keep one: it applies to the whole section"
            )
        }
        checkStandsFirst(directive, range, draft)
        guard let duration = Duration(text: directive.argument) else {
            refuse(
                range,
                directive.argument.isEmpty ? "\(directive.spelling) has no duration" : "“\(directive.argument)” is not a duration",
                hint: "write a number and a unit (ms, s, m, h, d), as in `-- \(directive.spelling) 5s`"
            )
            return nil
        }
        // PostgreSQL takes 0 for "never", and no more milliseconds than an int holds.
        guard duration.milliseconds >= 1, duration.milliseconds <= Int64(Int32.max) else {
            refuse(range, "\(directive.argument) is out of range", hint: "write a duration from 1ms to 24d")
            return nil
        }
        return duration
    }

    private mutating func checkWhole(_ draft: Draft) {
        let section = draft.section
        let isBare =
            section.elements.isEmpty && draft.repeatable == nil && section.lockTimeout == nil && section.statementTimeout == nil
            && section.admin == nil
        if let range = draft.irreversibleRange, !isBare {
            refuse(
                range,
                "convoy:irreversible cannot be combined with statements or other directives",
                hint: "remove either convoy:irreversible or the rest of the section"
            )
        }
        if draft.waitsForLocks, let range = draft.lockTimeoutRange {
            refuse(
                range,
                "lock-timeout does not apply to this statement",
                hint:
                    "remove it: the statement blocks no reader and no writer while it waits for its locks, and giving up half-way would "
                    + "leave an invalid index"
            )
        }
        guard !draft.marker.isTransactional, draft.elements.isEmpty, problems.isEmpty else { return }
        refuse(
            draft.marker.line,
            "a section with transaction:false must contain exactly one statement, and this one is empty",
            hint: "write it below the line, or remove transaction:false"
        )
    }
}

extension MigrationSection.Element {
    /// The line on which it begins.
    public var line: Int {
        switch self {
        case .statement(let statement): statement.line
        case .step(_, let line): line
        }
    }
}
