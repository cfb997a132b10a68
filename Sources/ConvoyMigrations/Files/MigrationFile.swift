package import ConvoyText
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
/// - `-- convoy:irreversible REASON`, alone in the down section, says that the migration cannot be reverted.
/// - `-- convoy:repeatable` begins a section with `transaction:false` and says that its statement does no harm when it is run again.
/// - `-- convoy:lock-timeout 5s`, `-- convoy:statement-timeout 2h` and `-- convoy:admin EXTENSION…` begin a section and hold for all of it.
package struct MigrationFile: Sendable {
    /// The number that begins the file's name.
    package let version: MigrationVersion
    /// The file's name between version and `.sql`.
    package let name: String
    /// The file as reports name it.
    package let path: String
    /// The file's bytes as they are on disk.
    package let contents: [UInt8]

    /// The size that a file may have, in bytes.
    package static let sizeLimit = 16 << 20

    /// A file with these contents, which are not checked yet.
    package init(version: MigrationVersion, name: String, path: String, contents: [UInt8]) {
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
    package func migration() throws(Problems) -> Migration {
        let source = try SourceText(path: path, contents: contents)
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
            checksum: SHA256.hash(data: source.bytes[sections.upRange]).hexadecimal
        )
    }
}
