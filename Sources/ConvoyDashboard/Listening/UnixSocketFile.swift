internal import ConvoyIO
internal import FoundationEssentials
internal import Glibc

/// A Unix socket that listens, and its file: this user and its group may connect.
package struct UnixSocketFile: Sendable {
    package let path: String
    package let descriptor: Int32
    private let identity: FileStatus.Identity?

    /// In bytes; the system's limit of 108 includes the byte behind the path.
    package static let longestPath = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1
    private static let mode: mode_t = 0o660
    private static let backlog: Int32 = 256

    /// What stands at the path.
    private enum Present {
        case nothing
        /// The socket of a process that has ended.
        case abandoned
    }

    /// Makes the socket. One that a dead process has left is replaced.
    ///
    /// - Throws: if a process listens there, if something else has the name, or if the system refuses.
    package static func open(_ path: String) async throws(ServeProblem) -> UnixSocketFile {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw ServeProblem("--socket: the path is empty", hint: "name a path, for example /run/convoy/serve.sock")
        }
        guard path.utf8.count <= longestPath else {
            throw ServeProblem(
                "--socket: the path has \(path.utf8.count) bytes, and that of a Unix socket may have \(longestPath): \(path)",
                hint: "use a shorter path, for example /run/convoy/serve.sock"
            )
        }
        // Otherwise two processes that start together could each take the new socket of the other for an abandoned one.
        let folder = try await locked(path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? ".")
        defer { close(folder) }
        if try present(path) == .abandoned, unlink(path) != 0, errno != ENOENT {
            throw ServeProblem("cannot remove the old socket \(path): \(ServeProblem.systemReason)", hint: "remove it, or use another path")
        }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw ServeProblem("cannot make a socket: \(ServeProblem.systemReason)") }
        // No client gets in before it listens, when the file has its mode.
        guard withAddress(path, { bind(descriptor, $0, $1) }) == 0, chmod(path, mode) == 0,
            listen(descriptor, backlog) == 0
        else {
            let reason = ServeProblem.systemReason
            close(descriptor)
            throw ServeProblem("cannot listen on \(path): \(reason)", hint: "use a path in a folder that this user may write to")
        }
        return UnixSocketFile(path: path, descriptor: descriptor, identity: FileStatus(of: path, followsLinks: false)?.identity)
    }

    /// Removes the file, unless another process has put its own in its place.
    package func remove() {
        guard let identity, FileStatus(of: path, followsLinks: false)?.identity == identity else { return }
        unlink(path)
    }

    /// How often, and how long apart, the lock is asked for: it is held for less than a millisecond.
    private static let attempts = 40
    private static let pause = Duration.milliseconds(50)

    /// The descriptor of the folder, locked until it is closed.
    private static func locked(_ folder: String) async throws(ServeProblem) -> Int32 {
        let descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ServeProblem(
                "cannot make a socket in \(folder): \(ServeProblem.systemReason)",
                hint: "make the folder first, for this user"
            )
        }
        for _ in 0..<attempts {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return descriptor }
            guard errno == EWOULDBLOCK || errno == EINTR else { break }
            try? await Task.sleep(for: pause)
        }
        let reason = ServeProblem.systemReason
        close(descriptor)
        throw ServeProblem(
            "cannot lock the folder \(folder): \(reason)",
            hint: "another process may be starting there; try again",
            isPassing: true
        )
    }

    private static func present(_ path: String) throws(ServeProblem) -> Present {
        guard FileStatus(of: path, followsLinks: false) != nil else {
            if errno == ENOENT { return .nothing }
            throw ServeProblem(
                "cannot listen on \(path): \(ServeProblem.systemReason)",
                hint: "use a path in a folder that this user may write to"
            )
        }
        // Of a link it is the link's own.
        let type = (try? FileManager.default.attributesOfItem(atPath: path))?[.type] as? FileAttributeType
        guard type == .typeSocket else {
            throw ServeProblem("\(path) exists and is not a socket", hint: "use another path; Convoy replaces only a socket")
        }
        let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard probe >= 0 else { throw ServeProblem("cannot make a socket: \(ServeProblem.systemReason)") }
        defer { close(probe) }
        // EAGAIN: its queue is full, so that something holds it.
        if withAddress(path, { connect(probe, $0, $1) }) == 0 || errno == EAGAIN {
            throw ServeProblem("another process listens on \(path)", hint: "end that process, or use another path", isPassing: true)
        }
        switch errno {
        case ECONNREFUSED: return .abandoned
        case ENOENT: return .nothing
        default:
            throw ServeProblem(
                "cannot find out whether a process listens on \(path): \(ServeProblem.systemReason)",
                hint: "remove the socket if none does, or use another path"
            )
        }
    }

    private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(longestPath)) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }
}
