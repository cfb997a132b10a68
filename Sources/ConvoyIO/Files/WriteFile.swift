import Glibc

/// Why ``writeNewFile(_:_:)`` made no file: the system's reason, in its words.
package struct FileWriteError: Error, Sendable, Hashable, CustomStringConvertible {
    package let reason: String

    package var description: String { "the file cannot be created: \(reason)" }
}

/// Creates a file with these contents, completely or not at all; an existing file of that name is never written to.
package func writeNewFile(_ path: String, _ contents: [UInt8]) throws(FileWriteError) {
    try createFile(path, contents, mode: 0o666, isDurable: false)
}

/// Creates a file with these contents and permissions.
///
/// - Parameter isDurable: whether the contents are on the disk before this returns.
func createFile(_ path: String, _ contents: [UInt8], mode: mode_t, isDurable: Bool) throws(FileWriteError) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw FileWriteError(reason: systemReason()) }
    var reason: String?
    var rest = contents[...]
    while !rest.isEmpty, reason == nil {
        let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count >= 0 {
            rest = rest.dropFirst(count)
        } else if errno != EINTR {
            reason = systemReason()
        }
    }
    if isDurable, reason == nil, fsync(descriptor) != 0 { reason = systemReason() }
    // Some file systems report only here that the disk is full.
    if close(descriptor) != 0, reason == nil, errno != EINTR { reason = systemReason() }
    guard let reason else { return }
    _ = unlink(path)
    throw FileWriteError(reason: reason)
}

/// Makes a folder that only this user may enter, unless it exists; false if it could not be made.
package func makeFolder(_ path: String) -> Bool {
    var status = stat()
    return mkdir(path, 0o700) == 0 || stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// Replaces or creates a file with these contents: a reader finds either the old file or the new one, always complete. The new file takes
/// over the permissions of the old one.
///
/// No symbolic link is followed: who may write to the folder could have it lead to any file of ours.
package func replaceFile(_ path: String, _ contents: [UInt8]) throws(FileWriteError) {
    if let reason = reasonAgainstReplacing(path) { throw FileWriteError(reason: reason) }
    var status = stat()
    let isThere = lstat(path, &status) == 0
    let draft = path + "." + String(UInt64.random(in: .min ... .max), radix: 36)
    try writeNewFile(draft, contents)
    if isThere { _ = chmod(draft, status.st_mode & 0o7777) }
    guard rename(draft, path) != 0 else { return }
    let reason = systemReason()
    _ = unlink(draft)
    throw FileWriteError(reason: reason)
}

/// Why ``replaceFile(_:_:)`` would refuse a path as it is now; nil if the path does not exist or is a regular file.
package func reasonAgainstReplacing(_ path: String) -> String? {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return nil
    case S_IFLNK: return "it is a symbolic link: name the file itself"
    case S_IFDIR: return "it is a folder"
    default: return "it is not a regular file"
    }
}
