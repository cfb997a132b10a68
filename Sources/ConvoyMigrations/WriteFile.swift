#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Why ``writeNewFile(_:_:)`` made no file: the system's reason, in its words.
package struct FileWriteError: Error, Sendable, Hashable, CustomStringConvertible {
    package let reason: String

    package var description: String { "the file cannot be made: \(reason)" }
}

/// Makes a file with these contents, whole or not at all; what bears the name already is never written to.
package func writeNewFile(_ path: String, _ contents: [UInt8]) throws(FileWriteError) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
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
    // Some file systems tell only here that the disk is full.
    if close(descriptor) != 0, reason == nil, errno != EINTR { reason = systemReason() }
    guard let reason else { return }
    _ = unlink(path)
    throw FileWriteError(reason: reason)
}

/// Puts a file with these contents in the place of the one that bears the name, or makes it: whoever reads it finds the old one or the new one,
/// whole. What is replaced hands down its permissions; a symbolic link stays one.
package func replaceFile(_ path: String, _ contents: [UInt8]) throws(FileWriteError) {
    var path = path
    if let target = realpath(path, nil) {
        path = String(cString: target)
        free(target)
    }
    var status = stat()
    let isThere = stat(path, &status) == 0
    if isThere, status.st_mode & S_IFMT != S_IFREG { throw FileWriteError(reason: "Not a regular file") }
    let draft = path + "." + String(UInt64.random(in: .min ... .max), radix: 36)
    try writeNewFile(draft, contents)
    if isThere { _ = chmod(draft, status.st_mode & 0o7777) }
    guard rename(draft, path) != 0 else { return }
    let reason = systemReason()
    _ = unlink(draft)
    throw FileWriteError(reason: reason)
}
