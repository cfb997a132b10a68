package import ConvoyMigrations
import ConvoyText

/// Why a database is not repaired.
package enum RepairRefusal: Sendable, Hashable {
    /// It has objects, and no ledger or an empty one.
    case noLedger
    /// The ledger has only versions that the set does not know.
    case anotherApp([MigrationVersion])
    /// The schema is that of no version; the nearest one, how many objects it has and how many differ, with the first of them.
    case equalsNoVersion(
        nearest: MigrationVersion?,
        count: Int,
        total: Int,
        objects: [String],
        gaps: [MigrationVersion],
        unknown: [MigrationVersion]
    )
    /// The schema contradicts the ledger, and is that of several versions, or that of one version and of an empty database.
    case equalsSeveral([MigrationVersion], newest: MigrationVersion?)
    /// The operator has named a version, and the schema is that of others; none for that of an empty database.
    case isNotAt(MigrationVersion, [MigrationVersion])
    /// The ledger lacks versions whose migrations leave no trace in the schema.
    case leavesNoTrace([MigrationVersion], newest: MigrationVersion)
    /// Rows would go because the schema lacks what these versions make, and objects that no version has may be just that under another name.
    case mayBeRenamed([MigrationVersion], objects: [String], newest: MigrationVersion)
    /// The ledger has versions that are newer than all of the set.
    case newerThanSet([MigrationVersion])
    /// The set has no file of these versions, and they may have changed the schema.
    case mayHaveChangedTheSchema([MigrationVersion], objects: [String])
    /// The ledger has unknown versions, and the schema contradicts it besides.
    case unknownAndContradicted([MigrationVersion])
    /// A strict instance with a file that was edited.
    case edited([MigrationVersion])

    /// One sentence without a full stop.
    package var message: String {
        switch self {
        case .noLedger: "the database has objects and no version in a ledger"
        case .anotherApp(let versions):
            "none of the set's versions is applied here: this looks like another app's database, with the versions \(shortList(versions))"
        case .equalsNoVersion(let nearest, let count, _, let objects, let gaps, let unknown):
            "the schema is not that of any version"
                + (nearest.map {
                    "; the nearest is \($0), from which \(counted(count, "object")) \(count == 1 ? "differs" : "differ"): \(Self.list(objects, of: count))"
                } ?? "")
                + (gaps.isEmpty ? "" : "; the ledger lacks versions that are older than its newest one: \(shortList(gaps))")
                + (unknown.isEmpty ? "" : "; the ledger has versions that the set does not know: \(shortList(unknown))")
        case .equalsSeveral(let versions, let newest):
            "the ledger ends with \(newest?.description ?? "no version"), and the schema is that of "
                + (versions.count == 1
                    ? "\(shortList(versions)) and that of an empty database: which it is cannot be seen"
                    : "each of \(shortList(versions)): which of them were applied cannot be seen")
        case .isNotAt(let version, let versions):
            "the schema is not that of \(version), "
                + (versions.isEmpty ? "the database is empty" : "it is that of \(shortList(versions))")
        case .leavesNoTrace(let versions, let newest):
            "the ledger lacks \(shortList(versions)) below its newest version \(newest), and whether they ran cannot be seen: "
                + "they leave no trace in the schema of \(newest)"
        case .mayBeRenamed(let versions, let objects, _):
            "the schema lacks what \(shortList(versions)) \(versions.count == 1 ? "makes" : "make"), and objects that no version has may be that "
                + "under another name: \(Self.list(objects, of: objects.count))"
        case .newerThanSet(let versions): "the ledger has versions that are newer than the migration set: \(shortList(versions))"
        case .mayHaveChangedTheSchema(let versions, let objects):
            "the migration set has no file of \(shortList(versions)), and objects that no version of the set has may be theirs: "
                + Self.list(objects, of: objects.count)
        case .unknownAndContradicted(let versions):
            "the migration set has no file of \(shortList(versions)), and the schema is not the one that the other versions of the ledger give"
        case .edited(let versions): "applied with another content than the file has now, and the instance is strict: \(shortList(versions))"
        }
    }

    /// What to do instead.
    package var hint: String {
        switch self {
        case .noLedger: "`convoy baseline` recognises the version of such a database and writes its ledger"
        case .anotherApp: "correct the name of the database in the fleet file, or remove it; in a discovery use exclude"
        case .equalsNoVersion(_, let count, let total, _, _, _) where count > total / 2:
            "more than half of the schema differs: check that the fleet file names the right database; if it does, restore it from a backup"
        case .equalsNoVersion(_, _, _, _, let gaps, _):
            "`convoy drift` shows what differs; correct the schema or restore the database from a backup, then run `convoy repair` again"
                + (gaps.isEmpty ? "" : "; if the older versions did not run, \(Self.applyingLate), then run \(Self.repairing())")
        case .equalsSeveral(let versions, _):
            "look at the rows that their migrations write, then name the newest that was applied: \(Self.repairing(at: versions.last))"
        case .isNotAt: "name one of these versions with --at, or leave it out"
        case .leavesNoTrace(let versions, let newest):
            "look at the rows that their migrations write, and at \(Self.auditQuery(versions)); "
                + "if they ran, \(Self.repairing(at: newest)) records them; if they did not, \(Self.applyingLate), then run the same command"
        case .mayBeRenamed(_, _, let newest):
            "give them their names again, then run `convoy repair` again; if they are something else, \(Self.repairing(at: newest)) removes the rows"
        case .newerThanSet(let versions):
            "a newer release has migrated this database: update the migration set; only if these versions never come back, remove their rows "
                + "with \(versions.prefix(3).map { "--forget \($0)" }.joined(separator: " "))"
        case .mayHaveChangedTheSchema:
            "restore the files of these versions, or drop or move the objects if they are not needed, then run `convoy repair` again"
        case .unknownAndContradicted:
            "restore the files of these versions, or restore the database from a backup, then run `convoy repair` again"
        case .edited(let versions):
            "restore the file, or accept it with \(versions.prefix(3).map { "--accept-edited \($0)" }.joined(separator: " "))"
        }
    }

    private static func repairing(at version: MigrationVersion? = nil) -> String {
        "`convoy repair --instance NAME\(version.map { " --at \($0)" } ?? "")`"
    }

    /// What to do about older versions that did not run: their files were written for the schema of their time.
    private static let applyingLate =
        "`convoy migrate` runs them (out_of_order: apply), as long as their files still fit the newer schema, which you should try on a copy; where they "
        + "do not fit, do by hand what they do"

    /// What the audit log remembers of versions, as a query for psql.
    static func auditQuery(_ versions: [MigrationVersion]) -> String {
        let conditions = versions.prefix(10).map { "version OPERATOR(pg_catalog.=) \($0)::pg_catalog.int8" }.joined(separator: " OR ")
        return "`SELECT version, direction, run, started_at FROM convoy.migration_log WHERE \(conditions)`"
    }

    private static func list(_ objects: [String], of count: Int) -> String {
        let shown = objects.prefix(3).joined(separator: ", ")
        return count > 3 ? "\(shown), … and \(count - 3) more" : shown
    }
}

/// What an operator should read of a database and a repair does not touch.
package enum RepairNote: Sendable, Hashable, CustomStringConvertible {
    /// The audit log was written in another database.
    case anotherDatabase
    /// Invalid indexes that the set does not know, as SQL.
    case foreignIndexes([String])
    /// Invalid indexes that a pending version makes.
    case pendingIndexes([String])
    /// Files that were edited.
    case edited([MigrationVersion])
    /// Versions that the set does not know and the fleet file accepts.
    case acceptedUnknown([MigrationVersion])

    package var description: String {
        switch self {
        case .anotherDatabase:
            "the audit log was written in another database, from which this one was restored or cloned: nothing is to be repaired there, "
                + "because each row names its database"
        case .foreignIndexes(let names):
            "invalid indexes that the migration set does not know: "
                + "\(shortList(names)); drop them with \(Self.drops(names))"
        case .pendingIndexes(let names):
            "invalid indexes of a migration that is still pending: \(shortList(names)); `convoy migrate` drops them itself if the migration builds them "
                + "concurrently, else drop them first with \(Self.drops(names))"
        case .edited(let versions):
            "applied with another content than the file has now: \(shortList(versions)); restore the file, or accept it with --accept-edited"
        case .acceptedUnknown(let versions):
            "the ledger has versions that the migration set does not know, and the fleet file accepts them: \(shortList(versions))"
        }
    }

    private static func drops(_ names: [String]) -> String {
        names.prefix(3).map { "`DROP INDEX CONCURRENTLY \($0)`" }.joined(separator: ", ")
    }
}
