internal import Glibc

/// Why a file that a person named cannot be read.
package struct FileReadError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Cause: Sendable, Hashable {
        /// There is no file of that name.
        case missing
        case notPermitted
        case directory
        /// A pipe, a device or a socket.
        case notRegular
        /// More bytes than the limit.
        case tooLarge(limit: Int)
        case notUTF8
        /// The system's reason, in its words.
        case failed(String)
    }

    package var cause: Cause

    package init(_ cause: Cause) {
        self.cause = cause
    }

    fileprivate init(errno code: Int32) {
        switch code {
        case ENOENT, ENOTDIR: self.init(.missing)
        case EACCES, EPERM: self.init(.notPermitted)
        default: self.init(.failed(String(cString: strerror(code))))
        }
    }

    /// Words that follow the file's name.
    package var reason: String {
        switch cause {
        case .missing: "does not exist"
        case .notPermitted: "may not be read"
        case .directory: "is a directory"
        case .notRegular: "is not a regular file"
        case .tooLarge(let limit): "is larger than \(limit >= 1 << 20 ? "\(limit >> 20) MiB" : "\(limit >> 10) KiB")"
        case .notUTF8: "is not UTF-8 text"
        case .failed(let reason): "cannot be read: \(reason)"
        }
    }

    /// What to do next, for any file; nil if that depends on the file.
    package var hint: String? {
        switch cause {
        case .notPermitted: "give this user permission to read it"
        case .directory: "name the file in it"
        case .notRegular: "name a file: a pipe, a socket or a device may never end"
        case .missing, .tooLarge, .notUTF8, .failed: nil
        }
    }

    package var description: String { "the file \(reason)" }
}

/// The bytes of a file.
package struct FileContents: Sendable {
    package var bytes: [UInt8]
    /// Whether other users of the machine can read the file too.
    package var isExposed: Bool
}

/// Reads a whole file of at most `limit` bytes.
///
/// Nothing on the path can make it hang or fill the memory: a pipe, a device and a file that grows meanwhile are refused.
package func readFile(_ path: String, limit: Int) throws(FileReadError) -> [UInt8] {
    try readFileContents(path, limit: limit).bytes
}

/// Reads a whole file of at most `limit` bytes, and says whether other users of the machine can read it too.
package func readFileContents(_ path: String, limit: Int) throws(FileReadError) -> FileContents {
    // Without O_NONBLOCK, opening a named pipe without a writer would wait for ever.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw FileReadError(errno: errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw FileReadError(errno: errno) }
    guard status.st_mode & S_IFMT != S_IFDIR else { throw FileReadError(.directory) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw FileReadError(.notRegular) }
    guard status.st_size <= limit else { throw FileReadError(.tooLarge(limit: limit)) }

    var bytes: [UInt8] = []
    bytes.reserveCapacity(min(Int(status.st_size), limit) + 1)
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        if count < 0 {
            guard errno == EINTR else { throw FileReadError(errno: errno) }
            continue
        }
        guard count > 0 else { return FileContents(bytes: bytes, isExposed: isExposed(path, status)) }
        bytes += chunk[..<count]
        // The file may have grown since its size was asked.
        guard bytes.count <= limit else { throw FileReadError(.tooLarge(limit: limit)) }
    }
}

/// A group may read what root gives it, as libpq has it. Where secrets are mounted into a container there are no other users.
private func isExposed(_ path: String, _ status: stat) -> Bool {
    guard !["/run/secrets/", "/var/run/secrets/"].contains(where: path.hasPrefix) else { return false }
    return status.st_mode & (status.st_uid == 0 && geteuid() != 0 ? 0o007 : 0o077) & 0o066 != 0
}

/// What `errno` says, in the system's words.
func systemReason() -> String {
    String(cString: strerror(errno))
}
