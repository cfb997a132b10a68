internal import ConvoyMigrations
import ConvoyText

/// Builds the nodes of the only document of a file from libyaml's events.
///
/// What makes a YAML file grow when it is read, or mean something else than it shows, is refused: aliases, merge keys, tags beyond the core ones,
/// further documents, endless depth.
struct YAMLReader: ~Copyable {
    /// Deeper than any fleet file needs, and far from the end of a thread's stack.
    static let depthLimit = 32
    /// Keeps a small file of very many tiny values from filling the memory.
    static let nodeLimit = 2_000_000

    private let file: String
    private let bytes: UnsafeBufferPointer<UInt8>
    private var parser: YAMLParser
    private var problems: [Problem] = []
    private var nodeCount = 0

    /// Reads a file's bytes.
    ///
    /// - Parameter selection: what is read; the rest is passed over, and only what is no YAML is found there.
    /// - Returns: the top node, and the problems that left a node refused.
    /// - Throws: the one problem that kept the rest from being read.
    static func read(
        _ bytes: UnsafeBufferPointer<UInt8>,
        file: String,
        selection: YAMLSelection = .everything
    ) throws(Problem) -> (node: YAMLNode, problems: [Problem]) {
        let mark: [UInt8] = [0xef, 0xbb, 0xbf]
        let content = bytes.starts(with: mark) ? UnsafeBufferPointer(rebasing: bytes.dropFirst(mark.count)) : bytes
        guard let parser = YAMLParser(bytes: content) else { throw Problem(file: file, "there is not enough memory to read the file") }
        var reader = YAMLReader(file: file, bytes: content, parser: parser)
        let node = try reader.document(selection)
        return (node, reader.problems)
    }

    private init(file: String, bytes: UnsafeBufferPointer<UInt8>, parser: consuming YAMLParser) {
        self.file = file
        self.bytes = bytes
        self.parser = parser
    }

    private mutating func document(_ selection: YAMLSelection) throws(Problem) -> YAMLNode {
        _ = try next()
        guard case .documentStart = try next().kind else {
            throw Problem(file: file, "the file is empty", hint: "start with the lines “version: 1” and “instances:”")
        }
        let node = try node(try next(), depth: 1, selection)
        _ = try next()
        let end = try next()
        guard case .streamEnd = end.kind else {
            throw problem(end.mark, "a second document begins here", hint: "a fleet file is one YAML document: remove the line “---”")
        }
        return node
    }

    private mutating func node(_ event: YAMLEvent, depth: Int, _ selection: YAMLSelection) throws(Problem) -> YAMLNode {
        nodeCount += 1
        guard nodeCount <= Self.nodeLimit else { throw problem(event.mark, "the file has more than \(Self.nodeLimit) values") }
        guard depth <= Self.depthLimit else { throw problem(event.mark, "the file is nested more than \(Self.depthLimit) levels deep") }
        switch event.kind {
        case .scalar(let scalar, let properties):
            return YAMLNode(mark: event.mark, content: accept(properties, event.mark) ? .scalar(scalar) : .refused)
        case .sequenceStart(let properties):
            let isAccepted = accept(properties, event.mark)
            let items = try sequence(depth: depth, selection)
            return YAMLNode(mark: event.mark, content: isAccepted ? .sequence(items) : .refused)
        case .mappingStart(let properties):
            let isAccepted = accept(properties, event.mark)
            let pairs = try mapping(depth: depth, selection)
            return YAMLNode(mark: event.mark, content: isAccepted ? .mapping(pairs) : .refused)
        case .alias:
            throw problem(
                event.mark,
                "aliases are not supported",
                hint: "put what instances share under `defaults` or a server; text that begins with “*” needs quotes"
            )
        default:
            throw problem(event.mark, "a value is expected")
        }
    }

    private mutating func sequence(depth: Int, _ selection: YAMLSelection) throws(Problem) -> [YAMLNode] {
        let selection = selection.ofItems
        var items: [YAMLNode] = []
        while true {
            let event = try next()
            if case .sequenceEnd = event.kind { return items }
            items.append(try node(event, depth: depth + 1, selection))
        }
    }

    private mutating func mapping(depth: Int, _ selection: YAMLSelection) throws(Problem) -> [YAMLNode.Pair] {
        var pairs: [YAMLNode.Pair] = []
        while true {
            let event = try next()
            if case .mappingEnd = event.kind { return pairs }
            let key = try node(event, depth: depth + 1, .everything)
            if case .scalar(let scalar) = key.content, scalar.isPlain, scalar.text == "<<" {
                throw problem(key.mark, "merge keys are not supported", hint: "put what instances share under `defaults` or a server")
            }
            guard let selection = selection.ofValue(under: key) else {
                try skipValue()
                continue
            }
            pairs.append(YAMLNode.Pair(key: key, value: try node(try next(), depth: depth + 1, selection)))
        }
    }

    private mutating func skipValue() throws(Problem) {
        do {
            try parser.skipValue()
        } catch {
            throw problem(error)
        }
    }

    /// Neither the anchor's nor the tag's text is repeated: an unquoted password may begin with `&` or `!`.
    private mutating func accept(_ properties: YAMLEvent.Properties, _ mark: YAMLNode.Mark) -> Bool {
        if properties.hasAnchor {
            problems.append(problem(mark, "anchors are not supported", hint: "text that begins with “&” needs quotes"))
            return false
        }
        if let tag = properties.tag, !Self.coreTags.contains(tag) {
            problems.append(
                problem(mark, "tags are not supported", hint: "text that begins with “!” needs quotes, for example \"!legacy\"")
            )
            return false
        }
        return true
    }

    private static let coreTags: Set<String> = Set(
        ["str", "int", "float", "bool", "null", "seq", "map"].map { "tag:yaml.org,2002:\($0)" } + ["!"]
    )

    private mutating func next() throws(Problem) -> YAMLEvent {
        do {
            return try parser.next()
        } catch {
            throw problem(error)
        }
    }

    private func problem(_ mark: YAMLNode.Mark, _ message: String, hint: String? = nil) -> Problem {
        Problem(file: file, line: mark.line, column: mark.column, message, hint: hint)
    }

    private func problem(_ failure: YAMLParser.Failure) -> Problem {
        switch failure.place {
        case .mark(let mark):
            if let problem = oddCharacter(before: mark, failure.reason) { return problem }
            let hint =
                hasTabIndentation(mark.line)
                ? "YAML does not allow tabs for indentation: use spaces"
                : Self.hints.first { failure.reason.contains($0.key) }?.value
            return problem(mark, "this is not YAML: \(failure.reason)", hint: hint)
        case .offset(let offset):
            let before = bytes.prefix(offset)
            let line = before.reversed().prefix { $0 != 0x0a }.reversed()
            // What comes before is UTF-8, so its characters are the bytes that do not continue one.
            let mark = YAMLNode.Mark(line: before.count { $0 == 0x0a } + 1, column: line.count { $0 & 0xc0 != 0x80 } + 1)
            return failure.reason.contains("control characters")
                ? problem(mark, "there is a control character here", hint: "in double quotes it can be written as \\x and two digits")
                : problem(mark, "the file is not UTF-8", hint: "save it in UTF-8")
        case .none:
            return Problem(file: file, "the file cannot be read: \(failure.reason)")
        }
    }

    /// What most likely is behind a failure at a place: a character on its line, or on one of those before it, that YAML takes for text and a person
    /// for a blank or a piece of YAML.
    private func oddCharacter(before mark: YAMLNode.Mark, _ reason: String) -> Problem? {
        let lines = bytes.split(separator: 0x0a, maxSplits: mark.line, omittingEmptySubsequences: false)
        for number in stride(from: min(mark.line, lines.count), to: max(0, mark.line - 4), by: -1) {
            let line = String(decoding: lines[number - 1], as: UTF8.self)
            var scalars = Array(line.unicodeScalars)
            if scalars.last == "\r" { scalars.removeLast() }
            if let comment = scalars.indices.first(where: { scalars[$0] == "#" && ($0 == 0 || scalars[$0 - 1] == " ") }) {
                scalars.removeSubrange(comment...)
            }
            // Tabs have a hint of their own, and letters of any script are text.
            guard let odd = OddCharacter(in: scalars.map { $0 == "\t" ? " " : $0 }), !odd.isLetter else { continue }
            let place = YAMLNode.Mark(line: number, column: odd.position)
            return problem(place, "there is \(odd.description) here, and this is not YAML: \(reason)", hint: odd.hint)
        }
        return nil
    }

    private func hasTabIndentation(_ line: Int) -> Bool {
        let lines = bytes.split(separator: 0x0a, maxSplits: line, omittingEmptySubsequences: false)
        guard line <= lines.count else { return false }
        return lines[line - 1].prefix { $0 == 0x20 || $0 == 0x09 }.contains(0x09)
    }

    /// What most often lies behind libyaml's words.
    private static let hints: KeyValuePairs = [
        "mapping values are not allowed": "is the line indented like its neighbours? Text with “: ” in it needs quotes",
        "did not find expected key": "is the line indented like its neighbours? Is a quote or a bracket missing above?",
        "could not find expected ':'": "write a space after the colon; is a quote missing above?",
        "did not find expected ',' or":
            "is a comma or a closing bracket missing? Text with a comma, brackets or braces in it needs quotes here",
        "did not find expected '-' indicator": "is the line indented like its neighbours?",
        "cannot start any token": "text that begins with %, @ or ` needs quotes",
        "unexpected end of stream": "is a closing quote missing?",
        "did not find expected alphabetic or numeric character": "text that begins with “*” or “&” needs quotes",
        "undefined tag handle": "text that begins with “!” needs quotes",
        "unknown escape character": "in double quotes a backslash is written twice; in single quotes it is itself",
    ]
}
