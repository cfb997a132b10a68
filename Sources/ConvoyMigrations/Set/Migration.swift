/// One file of the migration set: how to go up to its version and, where that exists, down again.
public struct Migration: Sendable, Hashable {
    /// The number that begins the file's name.
    public let version: MigrationVersion
    /// The file's name between version and `.sql`, for example `create_car`.
    public let name: String
    /// The file's path as reports show it: the directory as the fleet file names it, then the file's name.
    public let file: String
    /// What applies the migration.
    public let up: MigrationSection
    /// What reverts the migration, or why that is not possible.
    public let down: Reversal
    /// SHA-256 of the up section with LF line ends, in lower-case hexadecimal.
    public let checksum: String

    /// A migration from its parts.
    public init(version: MigrationVersion, name: String, file: String, up: MigrationSection, down: Reversal, checksum: String) {
        self.version = version
        self.name = name
        self.file = file
        self.up = up
        self.down = down
        self.checksum = checksum
    }
}

/// The way down of a migration.
public enum Reversal: Sendable, Hashable {
    /// These statements and steps revert it.
    case section(MigrationSection)
    /// The file says that it cannot be reverted, and why.
    case irreversible(reason: String, line: Int)
}

/// What a file asks for in one direction.
public struct MigrationSection: Sendable, Hashable {
    /// False after `transaction:false`: exactly one statement, which runs alone in autocommit.
    public let isTransactional: Bool
    /// In the order of the file.
    public let elements: [Element]
    /// From `-- convoy:lock-timeout`; nil leaves it to the fleet file.
    public let lockTimeout: Duration?
    /// From `-- convoy:statement-timeout`; nil leaves it to the fleet file.
    public let statementTimeout: Duration?
    /// From `-- convoy:admin`; nil if the owner's rights suffice.
    public let admin: AdminRequirement?

    /// A part of a section.
    public enum Element: Sendable, Hashable {
        /// A statement of SQL.
        case statement(SQLStatement)
        /// `-- convoy:step NAME`: registered Swift code runs here, in the same transaction.
        case step(name: String, line: Int)
    }

    /// A section from its parts.
    public init(
        isTransactional: Bool,
        elements: [Element],
        lockTimeout: Duration? = nil,
        statementTimeout: Duration? = nil,
        admin: AdminRequirement? = nil
    ) {
        self.isTransactional = isTransactional
        self.elements = elements
        self.lockTimeout = lockTimeout
        self.statementTimeout = statementTimeout
        self.admin = admin
    }
}

/// Rights beyond those of the owner: a superuser's, unless the owner of the database's objects owns all the extensions named.
///
/// `-- convoy:admin cube earthdistance` lets the owner of both do without an administrator; `-- convoy:admin` always needs one.
public struct AdminRequirement: Sendable, Hashable {
    /// The extensions that the owner must own to need no administrator; empty if an administrator is always needed.
    public let extensions: [String]

    /// A requirement that the owner of all these extensions meets.
    public init(extensions: [String]) {
        self.extensions = extensions
    }
}

/// One statement of a file, without the semicolon that ends it and without comments before it.
public struct SQLStatement: Sendable, Hashable {
    /// The SQL.
    public let text: String
    /// The line of its first character in the file, counted from 1.
    public let line: Int

    /// A statement that begins on this line of its file.
    public init(text: String, line: Int) {
        self.text = text
        self.line = line
    }

    /// The file's line of a server's error position, which counts characters (Unicode scalars) from 1 at the statement's start.
    public func line(atPosition position: Int) -> Int {
        line + text.unicodeScalars.prefix(max(0, position - 1)).count { $0 == "\n" }
    }
}

/// Which way a migration runs.
public enum MigrationDirection: String, Sendable, Hashable, Codable {
    /// `up` applies a migration, `down` reverts it.
    case up, down
}
