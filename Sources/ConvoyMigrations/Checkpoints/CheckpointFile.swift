internal import ConvoyText

/// The contents of `checkpoints/<version>.sql`, before they are read.
///
///     -- convoy checkpoint 1
///     -- version: 20260808090000
///     -- migrations: 105 <checksum of the migrations>
///     -- catalogue: <fingerprint>
///     -- content: <checksum of all below the empty line>
///
///     CREATE TABLE public.cars (…);
struct CheckpointFile {
    /// The lines above the empty one.
    struct Header {
        static let title = "-- convoy checkpoint "
        static let format = "1"
        static let names = ["version", "migrations", "catalogue", "content"]
        static let versionLine = 2
        static let migrationsLine = 3
        static let contentLine = 5

        var version: String
        var migrations: String
        var catalogue: String
        var content: String

        var text: String {
            "\(Self.title)\(Self.format)\n"
                + zip(Self.names, [version, migrations, catalogue, content]).map { "-- \($0): \($1)\n" }.joined()
        }
    }

    private let source: SourceText

    /// More than any fingerprint has.
    private static let fingerprintLimit = 200

    /// - Parameter path: as reports name the file.
    /// - Throws: why the contents are not text.
    init(path: String, contents: [UInt8]) throws(Problems) {
        source = try SourceText(path: path, contents: contents)
    }

    static func contentHash(_ bytes: some Sequence<UInt8>) -> String { contentChecksum(bytes) }

    /// Reads the file.
    ///
    /// - Throws: every problem of the file, in the order of its lines.
    func checkpoint() throws(Problems) -> Checkpoint {
        let (header, content) = try header()
        var problems: [Problem] = []
        func refuse(_ line: Int, _ message: String) {
            problems.append(Problem(file: source.path, line: line, message, hint: Checkpoint.hint))
        }
        let name = source.path.split(separator: "/").last.map(String.init) ?? source.path
        let version = MigrationVersion(header.version)
        if version == nil || "\(header.version).sql" != name {
            refuse(Header.versionLine, "the version “\(header.version.visible)” is not that of the file's name")
        }
        let parts = header.migrations.split(separator: " ", omittingEmptySubsequences: false)
        let count = parts.first.flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
        if parts.count != 2 || count == nil || !String(parts[1]).isHexadecimal(digits: 64) {
            refuse(Header.migrationsLine, "this line does not have a number of migrations and their checksum")
        }
        if header.catalogue.isEmpty || header.catalogue.utf8.count > Self.fingerprintLimit
            || !header.catalogue.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        {
            refuse(Header.contentLine - 1, "this line does not have the fingerprint of a catalogue")
        }
        if Self.contentHash(source.bytes[content]) != header.content {
            refuse(Header.contentLine, "the checkpoint was edited: the checksum of its statements differs")
        }
        guard problems.isEmpty, let version, let count else { throw Problems(problems) }
        return Checkpoint(
            version: version,
            count: count,
            digest: String(parts[1]),
            catalogue: header.catalogue,
            statements: try statements(in: content),
            file: source.path
        )
    }

    /// - Returns: the values, and where the statements are.
    private func header() throws(Problems) -> (Header, content: Range<Int>) {
        func refusal(_ line: Int, _ message: String, hint: String = Checkpoint.hint) -> Problems {
            Problems([Problem(file: source.path, line: line, message, hint: hint)])
        }
        let lines = Array(source.lines.prefix(Header.names.count + 2))
        let texts = lines.map(source.text)
        guard let title = texts.first, title.hasPrefix(Header.title) else {
            throw refusal(1, "this is not a checkpoint: the first line is not “\(Header.title)\(Header.format)”")
        }
        guard title == Header.title + Header.format else {
            throw refusal(
                1,
                "the checkpoint has the format “\(title.dropFirst(Header.title.count).prefix(20).description.visible)”, and this program reads the format \(Header.format)",
                hint: "use the Convoy release of this migration set, or write the checkpoint again with `convoy checkpoint`"
            )
        }
        var values: [String] = []
        for (index, name) in Header.names.enumerated() {
            let prefix = "-- \(name): "
            guard texts.count > index + 1, texts[index + 1].hasPrefix(prefix) else {
                throw refusal(index + 2, "this line does not begin with “\(prefix)”")
            }
            values.append(String(texts[index + 1].dropFirst(prefix.count)))
        }
        guard let empty = lines.last, lines.count == Header.names.count + 2, empty.isEmpty, empty.upperBound < source.bytes.count else {
            throw refusal(Header.contentLine + 1, "an empty line must stand between the head of a checkpoint and its statements")
        }
        let header = Header(version: values[0], migrations: values[1], catalogue: values[2], content: values[3])
        return (header, (empty.upperBound + 1)..<source.bytes.count)
    }

    private func statements(in range: Range<Int>) throws(Problems) -> [SQLStatement] {
        var splitter = SQLSplitter(source, in: range)
        var problems: [Problem] = []
        var statements: [SQLStatement] = []
        var hasOrdinary = false
        while problems.count + splitter.problems.count < SQLSplitter.problemLimit, let piece = splitter.next() {
            switch piece {
            case .comment(let range, _):
                guard let directive = Directive(comment: source.text(range)) else { continue }
                problems.append(
                    source.problem(
                        at: range.lowerBound,
                        "\(directive.spelling.visible) has no effect in a checkpoint, which holds statements only",
                        hint: Checkpoint.hint
                    )
                )
            case .statement(let statement):
                if let refusal = StatementRule(statement, in: source).refusal(.transaction) {
                    problems.append(
                        source.problem(
                            at: statement.range.lowerBound,
                            refusal.message,
                            text: source.excerpt(statement.range),
                            hint: refusal.hint
                        )
                    )
                    if refusal.precedesCopyData { splitter.skipCopyData() }
                }
                let read = SQLStatement(text: source.text(statement.range), line: source.line(at: statement.range.lowerBound))
                let isExtension = Checkpoint.createsExtension(read)
                if isExtension, hasOrdinary {
                    problems.append(
                        source.problem(
                            at: statement.range.lowerBound,
                            "CREATE EXTENSION stands behind another statement, and must come first",
                            hint: Checkpoint.hint
                        )
                    )
                }
                hasOrdinary = hasOrdinary || !isExtension
                statements.append(read)
            }
        }
        problems += splitter.problems
        if statements.isEmpty, problems.isEmpty {
            problems.append(
                Problem(file: source.path, line: Header.contentLine + 2, "the checkpoint has no statement", hint: Checkpoint.hint)
            )
        }
        guard problems.isEmpty else { throw Problems(problems.sorted { ($0.line ?? 0, $0.column ?? 0) < ($1.line ?? 0, $1.column ?? 0) }) }
        return statements
    }
}
