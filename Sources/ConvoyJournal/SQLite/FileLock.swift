import ConvoyIO
package import ConvoyRun
import ConvoyText
internal import Dispatch
internal import FoundationEssentials
internal import Glibc
internal import Synchronization

/// The lock of a run in a SQLite journal.
///
/// It is a lock on a file beside the journal, `<journal>.<run>.lock`. The kernel lets it go when the process ends, however it ends. Programs that
/// the process starts do not inherit it.
package final class FileLock: RunLock {
    private let path: String
    private let descriptor: Mutex<Int32?>

    private init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = Mutex(descriptor)
    }

    deinit { letGo() }

    /// Takes the lock of a run. The journal is there already.
    ///
    /// - Throws: ``JournalError`` that says who holds it.
    package static func acquire(_ run: RunID, journal: String) async throws(JournalError) -> FileLock {
        let path = try lockPath(run, journal)
        // A process that only checks the lock, in `holder(of:journal:)`, holds it for a moment.
        for attempt in 1... {
            if let lock = try take(path, journal) { return lock }
            guard attempt < 20 else { break }
            await pause(for: .milliseconds(5), cancellation: .ignored)
        }
        throw .stillRunning(journal, run, owner(path))
    }

    /// The process that works on a run, for example `pid 4711 on db-tools`; nil if no process works on it.
    ///
    /// - Parameter withTime: whether it says since when.
    package static func holder(of run: RunID, journal: String, withTime: Bool = false) throws(JournalError) -> String? {
        let path = try lockPath(run, journal)
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw JournalError(path: path, "cannot be read", code: errno)
        }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_SH | LOCK_NB) != 0 else { return nil }
        // The holder writes its name when it has got the lock.
        var status = stat()
        guard withTime, fstat(descriptor, &status) == 0, let since = Date(secondsSince1970: Double(status.st_mtim.tv_sec)) else {
            return owner(path)
        }
        return "\(owner(path)), since \(since.rfc3339)"
    }

    package func release() { letGo() }

    /// Lets the lock go and removes its file. Further calls do nothing.
    private func letGo() {
        descriptor.withLock { descriptor in
            guard let held = descriptor else { return }
            // While it is held, no other file can have the name.
            unlink(path)
            close(held)
            descriptor = nil
        }
    }

    private static func lockPath(_ run: RunID, _ journal: String) throws(JournalError) -> String {
        guard let file = try JournalFile.existing(journal) else {
            throw JournalError(path: journal, message: "it does not exist")
        }
        guard run.description.utf8.allSatisfy({ $0 != UInt8(ascii: "/") && $0 != 0 }) else {
            throw JournalError(path: journal, message: "“\(run)” is not a run id")
        }
        return "\(file.realPath).\(run).lock"
    }

    /// Nil if another process holds it.
    private static func take(_ path: String, _ journal: String) throws(JournalError) -> FileLock? {
        let descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw JournalError(path: journal, "the lock beside it cannot be created", code: errno) }
        var ours = stat()
        var named = stat()
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0, fstat(descriptor, &ours) == 0, stat(path, &named) == 0,
            ours.st_ino == named.st_ino,
            ours.st_dev == named.st_dev
        else {
            // Held, or let go and removed since we opened it: then the name is free for a new file.
            close(descriptor)
            return nil
        }
        let text = ProcessName.own
        // Only for people to read; a full disk must not keep a run from being resumed.
        ftruncate(descriptor, 0)
        _ = text.utf8CString.withUnsafeBufferPointer { write(descriptor, $0.baseAddress, $0.count - 1) }
        return FileLock(path: path, descriptor: descriptor)
    }

    private static func owner(_ path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { return "another process" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 300)
        let count = read(descriptor, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self).visible : "another process"
    }
}
