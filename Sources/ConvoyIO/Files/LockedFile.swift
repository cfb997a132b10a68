import Glibc

/// A file that other processes of Convoy may change at the same time: it is read, changed and replaced under a lock.
///
/// The lock is the kernel's and ends with the process. An editor does not know of it.
package final class LockedFile: Sendable {
    private let path: String
    private let descriptor: Int32

    private init(path: String, descriptor: Int32) {
        (self.path, self.descriptor) = (path, descriptor)
    }

    deinit { close(descriptor) }

    /// Locks a file that exists. No symbolic link is followed.
    ///
    /// - Parameter limit: how long to wait for another process.
    package static func lock(_ path: String, within limit: Duration) async throws(FileWriteError) -> LockedFile {
        if let reason = reasonAgainstReplacing(path) { throw FileWriteError(reason: reason) }
        let deadline = ContinuousClock.now + limit
        while true {
            if let file = try take(path) { return file }
            guard ContinuousClock.now < deadline else { throw FileWriteError(reason: "another process is changing it") }
            await pause(for: .milliseconds(20), cancellation: .ignored)
        }
    }

    /// Why the file could not be replaced with its owner kept, as far as it shows beforehand; nil if nothing is known against it.
    package static func obstacle(at path: String) -> String? {
        if let reason = reasonAgainstReplacing(path) { return reason }
        var status = stat()
        if lstat(path, &status) == 0, status.st_uid != geteuid(), geteuid() != 0 { return ownerReason }
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        return access(folder, W_OK) == 0 ? nil : "its folder cannot be written: \(systemReason())"
    }

    private static let ownerReason = "this user may not make a file that belongs to its owner and group"

    /// Nil if another process holds it, or has replaced the file since it was opened.
    private static func take(_ path: String) throws(FileWriteError) -> LockedFile? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileWriteError(reason: systemReason()) }
        let file = LockedFile(path: path, descriptor: descriptor)
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            guard errno == EWOULDBLOCK || errno == EINTR else { throw FileWriteError(reason: systemReason()) }
            return nil
        }
        return FileStatus(of: descriptor)?.identity == FileStatus(of: path, followsLinks: false)?.identity ? file : nil
    }

    /// Reads it.
    package func contents(limit: Int) throws(FileReadError) -> [UInt8] { try readFile(path, limit: limit) }

    /// Replaces it: a reader finds either the old file or the new one, complete, with the owner and the permissions of the old one.
    ///
    /// It blocks until the disk has written. The lock does not cover the new file: a second change needs a lock of its own.
    package func replace(with contents: [UInt8]) throws(FileWriteError) {
        var old = stat()
        guard fstat(descriptor, &old) == 0 else { throw FileWriteError(reason: systemReason()) }
        let draft = draftPath(beside: path)
        // The file may hold secrets: it is opened to others only when it belongs to its owner.
        try createFile(draft, contents, mode: 0o600, isDurable: true)
        var new = stat()
        let isOwned =
            lstat(draft, &new) == 0
            && (new.st_uid == old.st_uid && new.st_gid == old.st_gid || chown(draft, old.st_uid, old.st_gid) == 0)
        guard isOwned else {
            _ = unlink(draft)
            throw FileWriteError(reason: Self.ownerReason)
        }
        guard chmod(draft, old.st_mode & 0o7777) == 0, rename(draft, path) == 0 else {
            let reason = systemReason()
            _ = unlink(draft)
            throw FileWriteError(reason: reason)
        }
        syncFolder(of: path)
    }
}
