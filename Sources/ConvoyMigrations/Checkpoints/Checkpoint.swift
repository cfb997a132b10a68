package import ConvoyText
import Crypto

/// What makes an empty database the same as all migrations up to a version would: one file `checkpoints/<version>.sql` beside the migrations.
///
///     let checkpoint = try Checkpoint.parse(contents: bytes, file: "Migrations/checkpoints/20260808090000.sql")
///     checkpoint.statements   // in the order in which they run, in one transaction
///
/// All names in its statements are qualified with the schema `public`, so it fits only a ledger in that schema.
package struct Checkpoint: Sendable, Hashable {
    /// The newest version that it has.
    package let version: MigrationVersion
    /// How many migrations it stands for.
    package let count: Int
    /// ``digest(of:)`` of these migrations when the file was written.
    package let digest: String
    /// The fingerprint of the catalogue that it makes, as `catalogue/` has it for the version.
    package let catalogue: String
    /// First those that create extensions, which may need an administrator; then all others.
    package let statements: [SQLStatement]
    /// The file as reports name it.
    package let file: String

    /// The directory of the checkpoints, beside the migrations.
    package static let folder = "checkpoints"
    /// The schema that its statements name.
    package static let schema = "public"

    /// A checkpoint from its parts, which are not checked.
    package init(
        version: MigrationVersion,
        count: Int,
        digest: String,
        catalogue: String,
        statements: [SQLStatement],
        file: String
    ) {
        (self.version, self.count, self.digest) = (version, count, digest)
        (self.catalogue, self.statements, self.file) = (catalogue, statements, file)
    }

    /// Reads a file.
    ///
    /// - Parameters:
    ///   - contents: the file's bytes as they are on disk.
    ///   - file: the file as reports name it; its name must be that of the version.
    /// - Throws: every problem of the file, in the order of its lines.
    package static func parse(contents: [UInt8], file: String) throws(Problems) -> Checkpoint {
        try CheckpointFile(path: file, contents: contents).checkpoint()
    }

    /// Reads the text of a file.
    ///
    /// - Throws: every problem of the text, in the order of its lines.
    package static func parse(text: String, file: String) throws(Problems) -> Checkpoint {
        try parse(contents: Array(text.utf8), file: file)
    }

    /// The contents of a file.
    ///
    /// - Parameters:
    ///   - migrations: all of the set up to the checkpoint's version, oldest first.
    ///   - catalogue: the fingerprint of that version's catalogue.
    ///   - statements: without the semicolon that ends each; those that create extensions first.
    /// - Returns: nil if there is no migration.
    package static func render(migrations: some Collection<Migration>, catalogue: String, statements: some Sequence<String>) -> String? {
        guard let version = migrations.map(\.version).max() else { return nil }
        let content = statements.map { $0 + ";\n" }.joined()
        let values = CheckpointFile.Header(
            version: version.description,
            migrations: "\(migrations.count) \(digest(of: migrations))",
            catalogue: catalogue,
            content: CheckpointFile.contentHash(content.utf8)
        )
        return values.text + "\n" + content
    }

    /// What changes if one of these migrations is edited, or another one is put between them: SHA-256 of a line with version and checksum for each, in
    /// lower-case hexadecimal.
    ///
    /// - Parameter migrations: oldest first.
    package static func digest(of migrations: some Sequence<Migration>) -> String {
        var hash = SHA256()
        for migration in migrations { hash.update(data: Array("\(migration.version) \(migration.checksum)\n".utf8)) }
        return hash.finalize().hexadecimal
    }
}

extension Checkpoint {
    /// Those of ``statements`` that create extensions.
    package var extensionStatements: [SQLStatement] { Array(statements.prefix(while: Self.createsExtension)) }

    /// Those of ``statements`` that any owner of a database may run.
    package var ordinaryStatements: [SQLStatement] { Array(statements.drop(while: Self.createsExtension)) }

    static func createsExtension(_ statement: SQLStatement) -> Bool { !names(of: .extension, in: statement).isEmpty }

    /// The extensions that it makes, each with the schema that its statement names; nil if it names none.
    package var extensions: [(name: String, schema: String?)] {
        extensionStatements.flatMap { statement in
            Self.names(of: .extension, in: statement).map { (name: $0, schema: Self.schema(named: statement)) }
        }
    }

    /// The schemas that it makes.
    package var createdSchemas: Set<String> { Set(ordinaryStatements.flatMap { Self.names(of: .schema, in: $0) }) }

    private static func names(of kind: SchemaEffect.Kind, in statement: SQLStatement) -> [String] {
        statement.effects.compactMap { effect in
            if case .creates(let object, _, _) = effect, object.kind == kind { object.name.name } else { nil }
        }
    }

    /// What stands behind SCHEMA.
    private static func schema(named statement: SQLStatement) -> String? {
        let source = SourceText(path: "", text: statement.text)
        let words = SQLLexer(source).filter { $0.kind == .word || $0.kind == .quotedIdentifier }
        guard let index = words.firstIndex(where: { source.isWord($0, "SCHEMA") }), index + 1 < words.count else { return nil }
        return EffectReader.name(words[index + 1], source)
    }

    /// Why a set must not use the checkpoint; nil if it has exactly the migrations that the checkpoint was made from.
    ///
    /// - Parameter migrations: those of the set, oldest first.
    func staleness(among migrations: [Migration]) -> Problem? {
        let below = migrations.prefix { $0.version <= version }
        func problem(_ line: Int, _ message: String) -> Problem {
            Problem(file: file, line: line, message, hint: Self.hint)
        }
        guard below.last?.version == version else {
            return problem(CheckpointFile.Header.versionLine, "no migration has the version \(version) of this checkpoint")
        }
        guard below.count == count else {
            return problem(
                CheckpointFile.Header.migrationsLine,
                "the checkpoint is stale: it was made from \(counted(count, "migration")), and the set has \(below.count) up to \(version)"
            )
        }
        guard Self.digest(of: below) == digest else {
            return problem(
                CheckpointFile.Header.migrationsLine,
                "the checkpoint is stale: a migration up to \(version) was edited since it was made"
            )
        }
        return nil
    }

    static let hint = "write it again with `convoy checkpoint`, or delete it: empty databases then go through each migration"
}
