import ConvoyText

/// The lines that divide a migration file into its sections.
extension MigrationFileParser {
    struct Marker {
        let direction: MigrationDirection
        let isTransactional: Bool
        let line: Range<Int>
        /// The first byte of the next line.
        let bodyStart: Int
    }

    /// Markers are found by lines alone, so that the file falls into the same sections as with dbmate.
    mutating func findMarkers() -> [Marker] {
        var markers: [Marker] = []
        for line in source.lines where source.bytes[line].starts(with: "--".utf8) {
            guard problems.count < Self.problemLimit, let directive = Directive(comment: source.text(line)) else { continue }
            let keyword = directive.keyword ?? directive.nearestKeyword
            guard directive.spelling.lowercased().hasPrefix("migrate:") || keyword == .up || keyword == .down else { continue }
            if directive.keyword == nil { refuseUnknown(directive, line) }
            guard keyword == .up || keyword == .down else { continue }
            markers.append(
                Marker(
                    direction: keyword == .up ? .up : .down,
                    isTransactional: parseOptions(directive, line),
                    line: line,
                    bodyStart: min(line.upperBound + 1, source.bytes.count)
                )
            )
        }
        return markers
    }

    private mutating func parseOptions(_ directive: Directive, _ line: Range<Int>) -> Bool {
        let options = directive.argument.split(whereSeparator: \.isWhitespace)
        for option in options where option != "transaction:false" && option != "transaction:true" {
            refuse(
                line,
                "“\(option)” is not an option of \(directive.spelling)",
                hint: nearestWord(to: String(option), among: ["transaction:false", "transaction:true"]).map { "did you mean \($0)?" }
                    ?? "the only option is transaction:false; write comments on a line of their own"
            )
        }
        if options.count > 1, Set(options).count != options.count || Set(options).isSuperset(of: ["transaction:false", "transaction:true"])
        {
            refuse(line, "transaction is given more than once", hint: "keep one")
        }
        return !options.contains("transaction:false")
    }

    mutating func refuseUnknown(_ directive: Directive, _ range: Range<Int>) {
        let known = Directive.Keyword.allCases.map { "-- " + $0.rawValue }.joined(separator: ", ")
        refuse(
            range,
            "“\(directive.spelling)” is not a directive",
            hint: directive.nearestKeyword.map { "did you mean \($0.rawValue)?" } ?? "available: \(known)"
        )
    }

    /// What stands before the first marker: remarks only, since no other tool would run anything there.
    mutating func checkPreamble(_ range: Range<Int>) {
        for token in SQLLexer(source, in: range) {
            switch token.kind {
            case .whitespace:
                continue
            case .lineComment:
                guard problems.count < Self.problemLimit, let directive = Directive(comment: source.text(token.range)) else { continue }
                guard directive.keyword != nil else {
                    refuseUnknown(directive, token.range)
                    continue
                }
                refuse(token.range, "\(directive.spelling) comes before the first section", hint: "move it below `-- migrate:up`")
            default:
                refuse(
                    token.range.lowerBound..<range.upperBound,
                    "only empty lines and -- comments may come before `-- migrate:up`",
                    hint: "move it below the line, or put `-- migrate:up` before it"
                )
                return
            }
        }
    }
}
