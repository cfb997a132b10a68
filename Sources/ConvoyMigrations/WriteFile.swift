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
