import ConvoyFleet
import ConvoyIO
import Glibc

/// The files that a fleet needs, which a result must never replace.
struct ProtectedFiles: Sendable {
    private let fleetFile: String
    /// Nil where runs are in a control database.
    private let journal: String?
    private let migrations: String

    init(_ fleet: Fleet, fleetFile: String) {
        self.fleetFile = fleetFile
        journal = if case .file(let path) = fleet.journalPlace { path } else { nil }
        migrations = fleet.migrations
    }

    /// What the file at a path is, in words that follow “is”; nil if a result may be written there.
    func role(of path: String) -> String? {
        if Self.isSame(path, fleetFile) { return "the fleet file" }
        if let journal, Self.isSame(path, journal) { return "the journal" }
        // The files of SQLite, locks and logs are beside the journal, and their names begin with its name.
        if let place = Self.place(path), let journal = journal.flatMap(Self.place),
            place.hasPrefix(journal + "-") || place.hasPrefix(journal + ".")
        {
            return "a file of the journal"
        }
        if let place = Self.place(path), let set = Self.resolved(migrations), place.hasPrefix(set + "/") { return "in the migration set" }
        return nil
    }

    private static func isSame(_ left: String, _ right: String) -> Bool {
        if let first = FileStatus(of: left), let second = FileStatus(of: right) { return first.identity == second.identity }
        guard let left = place(left), let right = place(right) else { return false }
        return left == right
    }

    /// The path of a file that exists or may be created, with every link resolved; nil if its directory does not exist.
    private static func place(_ path: String) -> String? {
        if let whole = resolved(path) { return whole }
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let name = slash.map { path[path.index(after: $0)...] } ?? path[...]
        return resolved(folder).map { ($0 == "/" ? "" : $0) + "/" + name }
    }

    private static func resolved(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }
}
