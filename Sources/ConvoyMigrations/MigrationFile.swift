import Crypto

/// The contents of one file of the migration set, before it is read.
///
///     -- migrate:up
///     -- convoy:lock-timeout 5s
///     ALTER TABLE cars ADD COLUMN name text;
///     -- convoy:step fill-names
///
///     -- migrate:down
///     ALTER TABLE cars DROP COLUMN name;
///
/// A line that begins with `-- migrate:up` or `-- migrate:down` starts a section, as in dbmate. The first may carry `transaction:false`,
/// and so may the second. Convoy's own words are comments on lines of their own between statements:
///
/// - `-- convoy:step NAME` runs registered Swift code at that point.
/// - `-- convoy:irreversible REASON`, alone in the down section, says that there is no way back.
/// - `-- convoy:lock-timeout 5s`, `-- convoy:statement-timeout 2h` and `-- convoy:admin EXTENSION…` begin a section and hold for all of it.
public struct MigrationFile: Sendable {
    public let version: MigrationVersion
    /// The file's name between version and `.sql`.
    public let name: String
    /// The file as reports name it.
    public let path: String
    public let contents: [UInt8]

    /// The size that a file may have, in bytes.
    public static let sizeLimit = 16 << 20

    public init(version: MigrationVersion, name: String, path: String, contents: [UInt8]) {
        self.version = version
        self.name = name
        self.path = path
        self.contents = contents
    }

    /// Reads the file.
    ///
    /// The checksum covers the bytes between the line feed that ends the line of `-- migrate:up` and the first byte of the line of
    /// `-- migrate:down`, with each CR LF written as LF: comments and blank lines count, what stands in the two markers and below does not.
    ///
    /// - Throws: every problem of the file, in the order of its lines.
    public func migration() throws(Problems) -> Migration {
        let source = try checkedSource()
        var parser = MigrationFileParser(source)
        let sections = parser.parse()
        guard let sections, parser.problems.isEmpty else {
            throw Problems(parser.problems.sorted { ($0.line ?? 0, $0.column ?? 0) < ($1.line ?? 0, $1.column ?? 0) })
        }
        return Migration(
            version: version,
            name: name,
            file: path,
            up: sections.up,
            down: sections.down,
            checksum: Self.hexadecimal(SHA256.hash(data: source.bytes[sections.upRange]))
        )
    }

    /// The text, once it is known to be UTF-8 that PostgreSQL can take.
    private func checkedSource() throws(Problems) -> SourceText {
        guard contents.count <= Self.sizeLimit else {
            throw refusal(
                "the file is larger than \(Self.sizeLimit >> 20) MiB",
                hint: "a migration is a list of statements; load data of that size with another tool"
            )
        }
        if contents.starts(with: [0xFF, 0xFE]) || contents.starts(with: [0xFE, 0xFF]) {
            throw refusal("the file is UTF-16", line: 1, hint: "save it as UTF-8 without a byte order mark")
        }
        if contents.starts(with: [0xEF, 0xBB, 0xBF]) {
            throw refusal("the file begins with a byte order mark", line: 1, hint: "save it as UTF-8 without a byte order mark")
        }
        if let offset = firstInvalidByte {
            throw refusal(
                "byte 0x\(hexadecimalByte(contents[offset])) at offset \(offset) is not UTF-8",
                line: line(of: offset),
                hint: "save the file as UTF-8"
            )
        }
        if let offset = contents.firstIndex(of: 0) {
            throw refusal(
                "the byte at offset \(offset) is NUL, which PostgreSQL's text cannot hold",
                line: line(of: offset),
                hint: "remove it; binary data can be written as '\\x…'::bytea"
            )
        }
        return SourceText(path: path, bytes: withLineFeeds)
    }

    private func refusal(_ message: String, line: Int? = nil, hint: String) -> Problems {
        Problems([Problem(file: path, line: line, message, hint: hint)])
    }

    private func line(of offset: Int) -> Int {
        contents[..<offset].count { $0 == .lineFeed } + 1
    }

    private func hexadecimalByte(_ byte: UInt8) -> String {
        String(UInt16(byte) + 0x100, radix: 16, uppercase: true).dropFirst().description
    }

    private var firstInvalidByte: Int? {
        var parser = Unicode.UTF8.ForwardParser()
        var iterator = contents.makeIterator()
        var offset = 0
        while true {
            switch parser.parseScalar(from: &iterator) {
            case .valid(let scalar): offset += scalar.count
            case .error: return offset
            case .emptyInput: return nil
            }
        }
    }

    private var withLineFeeds: [UInt8] {
        guard contents.contains(.carriageReturn) else { return contents }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(contents.count)
        for (offset, byte) in contents.enumerated() {
            if byte == .carriageReturn, offset + 1 < contents.count, contents[offset + 1] == .lineFeed { continue }
            bytes.append(byte)
        }
        return bytes
    }

    private static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}
