public import ConvoyText

/// The ordered migrations that every instance of a fleet goes through.
///
///     let set = try MigrationSet.load(directory: "/srv/fleet/Migrations", displayedAs: "Migrations")
///     set.newest?.version
public struct MigrationSet: Sendable, Hashable {
    /// In the order of their versions, each version once.
    public let migrations: [Migration]
    /// What is asked of an instance before the migration of a version.
    public let checks: [MigrationVersion: MigrationCheck]
    /// Those of ``migrations``.
    package let versions: [MigrationVersion]
    /// The releases of the app that brought these versions; empty if the set has no `releases.csv`.
    public let releases: ReleaseList
    /// What empty databases can start from, oldest first. None of them is stale.
    package private(set) var checkpoints: [Checkpoint] = []
    /// Why files of the folder `checkpoints` are not among them.
    package private(set) var checkpointProblems: [Problem] = []
    private let indices: [MigrationVersion: Int]

    /// Orders migrations.
    ///
    /// - Throws: a problem for each version that more than one file has, and for each check of a version that no migration has.
    public init(_ migrations: [Migration], checks: [MigrationCheck] = [], releases: ReleaseList = ReleaseList()) throws(Problems) {
        let sorted = migrations.sorted { ($0.version, $0.file) < ($1.version, $1.file) }
        var indices: [MigrationVersion: Int] = [:]
        var problems: [Problem] = []
        for (index, migration) in sorted.enumerated() {
            if let first = indices[migration.version] {
                problems.append(Self.duplicate(migration.version, file: migration.file, first: sorted[first].file))
            } else {
                indices[migration.version] = index
            }
        }
        var checksByVersion: [MigrationVersion: MigrationCheck] = [:]
        for check in checks {
            if indices[check.version] == nil {
                problems.append(Self.unknownVersion(check.version, file: check.file, among: sorted.map(\.version)))
            } else if let first = checksByVersion.updateValue(check, forKey: check.version) {
                problems.append(Self.duplicate(check.version, file: check.file, first: first.file))
            }
        }
        guard problems.isEmpty else { throw Problems(problems) }
        self.checks = checksByVersion
        self.migrations = sorted
        self.versions = sorted.map(\.version)
        self.indices = indices
        self.releases = releases
    }

    /// The same set with checkpoints.
    ///
    /// - Parameters:
    ///   - checkpoints: a stale one becomes a problem.
    ///   - problems: of the files that could not be read.
    package func having(checkpoints: [Checkpoint], problems: [Problem] = []) -> MigrationSet {
        var set = self
        set.checkpoints = checkpoints.filter { $0.staleness(among: migrations) == nil }.sorted { $0.version < $1.version }
        let all = problems + checkpoints.compactMap { $0.staleness(among: migrations) }
        set.checkpointProblems = all.sorted { left, right in
            left.file == right.file ? (left.line ?? 0) < (right.line ?? 0) : left.file < right.file
        }
        return set
    }

    static func duplicate(_ version: MigrationVersion, file: String, first: String) -> Problem {
        Problem(
            file: file,
            "version \(version) is already used by \(first)",
            hint: "give one of them another version; instances that have applied it must keep theirs"
        )
    }

    static func unknownVersion(_ version: MigrationVersion, file: String, among versions: [MigrationVersion]) -> Problem {
        let nearest = nearestWord(to: version.description, among: versions.map(\.description))
        return Problem(
            file: file,
            line: 1,
            "no migration has the version \(version)",
            hint: nearest.map { "did you mean \($0)?" } ?? "name the file after the version of its migration"
        )
    }

    /// The migration of a version; nil if the set does not have it.
    public subscript(version: MigrationVersion) -> Migration? {
        indices[version].map { migrations[$0] }
    }

    /// Whether it has a migration of a version.
    package func contains(_ version: MigrationVersion) -> Bool { indices[version] != nil }

    /// The last migration; nil if the set is empty.
    public var newest: Migration? { migrations.last }

    /// The steps that the files name in either direction; the program must have registered each.
    public var stepNames: Set<String> {
        var names: Set<String> = []
        for migration in migrations {
            for case .step(let name, _) in migration.up.elements { names.insert(name) }
            guard case .section(let section) = migration.down else { continue }
            for case .step(let name, _) in section.elements { names.insert(name) }
        }
        return names
    }

    /// The versions whose checksum differs from the one given, oldest first; versions that only one side has do not count.
    ///
    /// - Parameter checksums: what the audit log noted when it applied the versions.
    public func editedVersions(checksums: [MigrationVersion: String]) -> [MigrationVersion] {
        versions.indices.compactMap { index in
            guard let noted = checksums[versions[index]], noted != migrations[index].checksum else { return nil }
            return versions[index]
        }
    }

    /// Checks that the set has the version that a change names.
    ///
    /// - Throws: ``UnknownTarget`` if it has not.
    public func check(_ change: Change) throws(UnknownTarget) {
        guard let target = change.target, !contains(target) else { return }
        let others = versions
        // The beginning of a version means those that begin so; a digit mistyped is more likely than a version close in time.
        let nearest =
            others.last { $0.description.hasPrefix(target.description) } ?? nearestWord(
                to: target.description,
                among: others.map(\.description)
            ).flatMap { MigrationVersion($0) }
            ?? others.last { $0 < target } ?? others.first
        throw UnknownTarget(version: target, nearest: nearest.flatMap { self[$0] })
    }
}

/// A change names a version that the migration set does not have.
public struct UnknownTarget: Error, Sendable, Hashable, CustomStringConvertible {
    /// The version that the change names.
    public let version: MigrationVersion
    /// The migration that was perhaps meant; nil if the set is empty.
    public let nearest: Migration?

    /// An error about a version, with the migration to suggest.
    public init(version: MigrationVersion, nearest: Migration?) {
        self.version = version
        self.nearest = nearest
    }

    /// One sentence without a full stop; ``hint`` says what to do.
    public var description: String { "the migration set has no version \(version)" }

    /// What to do next.
    public var hint: String? {
        nearest.map { "did you mean \($0.version) (\($0.name))?" }
    }
}

extension MigrationSet {
    /// The names of its migrations.
    package var names: [MigrationVersion: String] { Dictionary(migrations.map { ($0.version, $0.name) }) { first, _ in first } }
}
