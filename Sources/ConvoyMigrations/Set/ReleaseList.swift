/// The app's releases that a migration set knows, and the version of the schema that each of them brings.
///
///     set.releases.version(of: "v2.1.0")          // the version to migrate to
///     set.releases.place(of: version)?.text       // "v4.1.1", or "after v4.0.1"
public struct ReleaseList: Sendable, Hashable {
    /// A release of the app.
    public struct Release: Sendable, Hashable {
        /// As its publisher writes it, for example `v4.1.1`.
        public let name: String
        /// The day of the release, for example `2026-08-14`.
        public let date: String
        /// The newest version that its migrations bring.
        public let version: MigrationVersion

        /// A release, as a line of the file has it.
        public init(name: String, date: String, version: MigrationVersion) {
            self.name = name
            self.date = date
            self.version = version
        }
    }

    /// Where a version stands among the releases.
    public enum Place: Sendable, Hashable, Comparable {
        /// It is what this release brings. If several do, the newest of them.
        case at(Release)
        /// It lies between this release and the next one, or no release has it yet.
        case after(Release)
        /// It is older than what the first release brings.
        case before(Release)

        /// For tables and JSON: `v4.1.1`, `after v4.0.1` or `before v1.0.0`.
        public var text: String {
            switch self {
            case .at(let release): release.name
            case .after(let release): "after \(release.name)"
            case .before(let release): "before \(release.name)"
            }
        }

        /// The release itself, or the one that it comes after or before, with an order for places at the same one.
        private var rank: (version: MigrationVersion, order: Int) {
            switch self {
            case .before(let release): (release.version, 0)
            case .at(let release): (release.version, 1)
            case .after(let release): (release.version, 2)
            }
        }

        /// Older places come first.
        public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
    }

    /// In the order of their versions; empty if the set has no `releases.csv`.
    public let releases: [Release]

    /// A list of releases.
    ///
    /// - Parameter releases: in the order of their versions.
    public init(_ releases: [Release] = []) {
        self.releases = releases
    }

    /// Whether no releases are known.
    public var isEmpty: Bool { releases.isEmpty }

    /// The last release; nil if no releases are known.
    public var newest: Release? { releases.last }

    /// The release with this name, with or without the leading `v`; nil for any other name.
    public func release(_ name: String) -> Release? {
        releases.first { $0.name == name } ?? releases.first { Self.bare($0.name) == Self.bare(name) }
    }

    /// Where a database stands; nil if no releases are known.
    ///
    /// - Parameters:
    ///   - version: the newest version in its ledger.
    ///   - missing: versions of the set that it does not have. One older than the newest version is a gap, and a release that has it is not reached.
    public func place(of version: MigrationVersion, missing: [MigrationVersion] = []) -> Place? {
        guard let first = releases.first else { return nil }
        let gap = missing.lazy.filter { $0 < version }.min()
        guard let last = releases.last(where: { release in release.version <= version && gap.map { release.version < $0 } ?? true }) else {
            return .before(first)
        }
        return last.version == version ? .at(last) : .after(last)
    }

    /// A version as people read it, for example `20260808090000 (v4.1.1)`; the version alone if no releases are known.
    package func named(_ version: MigrationVersion) -> String {
        place(of: version).map { "\(version) (\($0.text))" } ?? version.description
    }

    /// Whether a text looks like a release, with numbers and points, as `v1.28.0`, `1.28` or `v2`; a number alone is a version.
    package static func isNameLike(_ text: String) -> Bool { numbers(text) != nil }

    /// Why a name is not one of these releases, and what to do about it.
    package func refusal(of name: String) -> (message: String, hint: String) {
        guard let newest else {
            return ("the migration set knows no releases", "name a version, or add releases.csv to the migrations")
        }
        if let wanted = Self.numbers(name), let known = Self.numbers(newest.name), known.lexicographicallyPrecedes(wanted) {
            return (
                "the migration set does not know release \(name): the newest that it knows is \(newest.name) of \(newest.date)",
                "update the migration set"
            )
        }
        let wanted = Self.numbers(name) ?? []
        // `v1.33` is v1.33.0.
        let before = releases.last { release in
            guard let known = Self.numbers(release.name) else { return false }
            return !(wanted + Array(repeating: 0, count: max(0, known.count - wanted.count))).lexicographicallyPrecedes(known)
        }
        return (
            "there is no release \(name)", before.map { "did you mean \($0.name)?" } ?? "the releases are in releases.csv of the migrations"
        )
    }

    private static func bare(_ name: String) -> Substring { name.hasPrefix("v") ? name.dropFirst() : name[...] }

    /// The numbers of a name like `v1.28.0` or `1.28`; nil for anything else, and for a number alone, which is a version.
    private static func numbers(_ name: String) -> [Int64]? {
        let parts = bare(name).prefix { $0 != "-" }.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count > 1 || name.hasPrefix("v") else { return nil }
        let numbers = parts.filter { part in part.utf8.allSatisfy { (48...57).contains($0) } }.compactMap { Int64($0) }
        return numbers.count == parts.count ? numbers : nil
    }
}
