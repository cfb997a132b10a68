import Glibc

/// Why ``readFile(_:limit:)`` has no bytes.
package enum FileReadError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A directory, a pipe, a device or a socket.
    case notRegular
    /// More bytes than the limit.
    case tooLarge(limit: Int)
    /// The system's reason, in its words.
    case failed(String)

    package var description: String {
        switch self {
        case .notRegular: "this is not a regular file"
        case .tooLarge(let limit): "the file is larger than \(limit >= 1 << 20 ? "\(limit >> 20) MiB" : "\(limit >> 10) KiB")"
        case .failed(let reason): "the file cannot be read: \(reason)"
        }
    }
}

/// Reads a whole file up to a maximum size; a pipe or a device of that name cannot make it wait.
package func readFile(_ path: String, limit: Int) throws(FileReadError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { throw .failed(systemReason()) }
    defer { _ = close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .failed(systemReason()) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegular }
    guard status.st_size <= limit else { throw .tooLarge(limit: limit) }
    var contents: [UInt8] = []
    contents.reserveCapacity(Int(status.st_size))
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
        let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        if count < 0 {
            guard errno == EINTR else { throw .failed(systemReason()) }
            continue
        }
        guard count > 0 else { return contents }
        contents += buffer[..<count]
        // The file may have grown since its size was asked.
        guard contents.count <= limit else { throw .tooLarge(limit: limit) }
    }
}

/// What `errno` says, in the system's words.
func systemReason() -> String {
    String(cString: strerror(errno))
}
