internal import Glibc

/// Reads a file that a person names, up to a limit: nothing on the path can make it hang or fill the memory.
package enum BoundedFile {
    /// Why a file cannot be read, in words that follow its name.
    package struct Failure: Error {
        package var reason: String
        package var hint: String?

        package init(reason: String, hint: String? = nil) {
            self.reason = reason
            self.hint = hint
        }
    }

    package static func read(_ path: String, limit: Int) throws(Failure) -> [UInt8] {
        try contents(path, limit: limit).bytes
    }

    /// The same, and whether other users of the machine could read it too.
    package static func contents(_ path: String, limit: Int) throws(Failure) -> (bytes: [UInt8], isExposed: Bool) {
        // Without O_NONBLOCK, opening a named pipe without a writer would wait for ever.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure(errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure(errno) }
        guard status.st_mode & S_IFMT != S_IFDIR else { throw Failure(reason: "is a directory", hint: "name the file in it") }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw Failure(reason: "is not a regular file", hint: "name a file: a pipe, a socket or a device may never end")
        }
        guard status.st_size <= limit else { throw Failure(reason: "is larger than \(sizeText(limit))") }

        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(Int(status.st_size), limit) + 1)
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = chunk.withUnsafeMutableBytes { readOnce(descriptor, $0) }
            if count < 0 {
                guard errno == EINTR else { throw failure(errno) }
                continue
            }
            guard count > 0 else { return (bytes, isExposed(path, status)) }
            bytes += chunk[..<count]
            guard bytes.count <= limit else { throw Failure(reason: "is larger than \(sizeText(limit))") }
        }
    }

    /// A group may read what root gives it, as libpq has it. Where secrets are mounted into a container there are no other users.
    private static func isExposed(_ path: String, _ status: stat) -> Bool {
        guard !["/run/secrets/", "/var/run/secrets/"].contains(where: path.hasPrefix) else { return false }
        return status.st_mode & (status.st_uid == 0 && geteuid() != 0 ? 0o007 : 0o077) & 0o066 != 0
    }

    private static func readOnce(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
        Glibc.read(descriptor, buffer.baseAddress, buffer.count)
    }

    private static func failure(_ code: Int32) -> Failure {
        switch code {
        case ENOENT, ENOTDIR: Failure(reason: "does not exist")
        case EACCES, EPERM: Failure(reason: "may not be read", hint: "give this user permission to read it")
        default: Failure(reason: "cannot be read: \(String(cString: strerror(code)))")
        }
    }

    private static func sizeText(_ bytes: Int) -> String {
        bytes >= 1 << 20 ? "\(bytes >> 20) MiB" : "\(bytes >> 10) KiB"
    }
}
