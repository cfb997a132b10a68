internal import Glibc

/// The socket that systemd has opened for this process, as `sd_listen_fds(3)` describes.
package enum SocketActivation {
    /// The variables that describe it.
    package static let variables = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]
    /// The first descriptor that is handed over.
    private static let first: Int32 = 3

    /// Takes the socket over. The variables are removed, so that no child takes it for its own.
    ///
    /// - Parameter environment: this process's.
    /// - Throws: unless exactly one socket was handed over, to this process, and it listens for streams.
    package static func take(_ environment: [String: String]) throws(ServeProblem) -> ListenPlace {
        defer { for name in variables { unsetenv(name) } }
        try check(environment, processID: getpid())
        return try place(of: first)
    }

    /// - Throws: unless the variables say that this process has exactly one socket.
    static func check(_ environment: [String: String], processID: Int32) throws(ServeProblem) {
        let hint = "start Convoy from a socket unit of systemd, or name the path of a socket"
        guard let process = environment["LISTEN_PID"], let count = environment["LISTEN_FDS"] else {
            throw ServeProblem("--socket systemd: no socket was handed over: LISTEN_PID and LISTEN_FDS are not set", hint: hint)
        }
        guard process == String(processID) else {
            throw ServeProblem(
                "--socket systemd: the socket was handed over to another process: LISTEN_PID is not \(processID)",
                hint: hint
            )
        }
        guard count == "1" else {
            throw ServeProblem(
                "--socket systemd: exactly one socket must be handed over: LISTEN_FDS is not 1",
                hint: "use one ListenStream= in the socket unit"
            )
        }
    }

    private static func place(of descriptor: Int32) throws(ServeProblem) -> ListenPlace {
        guard option(SO_TYPE, of: descriptor) == Int32(SOCK_STREAM.rawValue), option(SO_ACCEPTCONN, of: descriptor) == 1 else {
            throw ServeProblem(
                "--socket systemd: descriptor \(descriptor) is not a socket that listens for streams",
                hint: "use ListenStream= and Accept=no in the socket unit"
            )
        }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        var address = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
        }
        guard status == 0 else { throw ServeProblem("--socket systemd: the socket's address is unknown: \(ServeProblem.systemReason)") }
        switch Int32(exactly: address.ss_family) {
        case AF_UNIX:
            let path = withUnsafeBytes(of: address) { bytes in
                String(
                    decoding: bytes.prefix(Int(clamping: size)).dropFirst(MemoryLayout<sa_family_t>.size).prefix { $0 != 0 },
                    as: UTF8.self
                )
            }
            return .unix(path: path.isEmpty ? "(without a path)" : path, descriptor: descriptor)
        case AF_INET, AF_INET6:
            var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            var port = [CChar](repeating: 0, count: Int(NI_MAXSERV))
            let status = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    getnameinfo($0, size, &host, socklen_t(host.count), &port, socklen_t(port.count), NI_NUMERICHOST | NI_NUMERICSERV)
                }
            }
            let (name, number) = (text(host), text(port))
            if status == 0, let address = ListenAddress(name.contains(":") ? "[\(name)]:\(number)" : "\(name):\(number)") {
                return .network(address, descriptor: descriptor)
            }
        default: break
        }
        throw ServeProblem(
            "--socket systemd: the socket is neither a Unix socket nor one of an Internet address",
            hint: "use a path or an address in ListenStream="
        )
    }

    private static func option(_ name: Int32, of descriptor: Int32) -> Int32? {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : nil
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
