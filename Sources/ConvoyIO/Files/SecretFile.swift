internal import Glibc

/// Creates a file that only this user may read, completely or not at all, and on the disk before this returns. An existing file of that name stays
/// as it is.
///
/// It blocks until the disk has written.
///
/// - Returns: false if there is something of that name already.
package func createSecretFile(_ path: String, _ contents: [UInt8]) throws(FileWriteError) -> Bool {
    // Under its own name only when it is complete: a process that is killed leaves no half of a secret there.
    let draft = draftPath(beside: path)
    try createFile(draft, contents, mode: 0o600, isDurable: true)
    defer { _ = unlink(draft) }
    guard link(draft, path) != 0 else {
        syncFolder(of: path)
        return true
    }
    guard errno == EEXIST else { throw FileWriteError(reason: systemReason()) }
    return false
}

/// A name that no other file has, hidden, in the same folder.
func draftPath(beside path: String) -> String {
    var parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let name = parts.removeLast()
    return (parts + [".\(name).\(String(UInt64.random(in: .min ... .max), radix: 36))"]).joined(separator: "/")
}

/// Writes a folder's entries to the disk: a new name outlives a loss of power. A file system that cannot do that keeps the name as well as it can.
func syncFolder(of path: String) {
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let descriptor = open(folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY)
    guard descriptor >= 0 else { return }
    _ = fsync(descriptor)
    close(descriptor)
}
