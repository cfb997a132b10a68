internal import ConvoyMigrations
import ConvoyRun
import ConvoyText
internal import GRDB
internal import Glibc

extension JournalError {
    /// What the system says about a file.
    init(path: String, _ what: String, code: Int32) {
        switch code {
        case ENOSPC, EDQUOT: self = .diskFull(path)
        case EROFS: self.init(path: path, message: "\(what): the file system is read-only", hint: Self.elsewhereHint)
        case EACCES, EPERM:
            self.init(path: path, message: "\(what) by this user", hint: "give this user permission, or \(Self.elsewhereHint)")
        default: self.init(path: path, message: "\(what): \(String(cString: strerror(code)))")
        }
    }

    /// What SQLite, or the reading of what it gave, says.
    init(path: String, _ error: any Error) {
        guard let error = error as? DatabaseError else {
            self = error as? JournalError ?? JournalError(path: path, message: "\(error)")
            return
        }
        let reason = error.message.map { ": \($0)" } ?? ""
        switch error.resultCode {
        case .SQLITE_FULL: self = .diskFull(path)
        case .SQLITE_IOERR where Self.isDiskFull(path): self = .diskFull(path)
        case .SQLITE_IOERR:
            self.init(
                path: path,
                message: "the disk reports an error: \(error.extendedResultCode)\(reason)",
                hint: "check the system's log"
            )
        case .SQLITE_NOTADB: self = .foreign(path)
        case .SQLITE_CORRUPT: self = .damaged(path, error.message ?? "")
        case .SQLITE_READONLY: self.init(path: path, message: "may not be written\(reason)", hint: Self.elsewhereHint)
        case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_AUTH:
            self.init(
                path: path,
                message: "cannot be opened\(reason)",
                hint:
                    "SQLite writes files beside the journal even to read it; give this user permission, or copy the journal and all files beside it elsewhere"
            )
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            self.init(
                path: path,
                message: "another process has locked it for more than \(SQLiteJournal.busyTimeout.seconds) seconds",
                hint: "check whether a backup or an sqlite3 shell has an open transaction"
            )
        default: self.init(path: path, message: "SQLite error \(error.extendedResultCode)\(reason)")
        }
    }

    private static let elsewhereHint = "set another path with `journal:` in the fleet file"

    static func foreign(_ path: String) -> JournalError {
        JournalError(path: path, message: "this file is not a journal", hint: "set another path with `journal:`, or move this file away")
    }

    static func removed(_ path: String) -> JournalError {
        JournalError(
            path: path,
            message: "the file was removed or replaced while it was in use",
            hint: "move it back; if it is lost, `convoy status` shows where the databases stand, and a new run continues from there"
        )
    }

    static func damaged(_ path: String, _ how: String) -> JournalError {
        JournalError(
            path: path,
            message: "it is damaged" + (how.isEmpty ? "" : ": \(how)"),
            hint: "move it away to start a new one; the databases keep what was applied, and `convoy status` shows it"
        )
    }

    private static func isDiskFull(_ path: String) -> Bool {
        var status = statvfs()
        return statvfs(path, &status) == 0 && status.f_bavail == 0
    }
}
