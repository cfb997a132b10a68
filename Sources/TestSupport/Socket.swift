internal import Glibc

/// Where a ``FaultProxy`` sends what it gets.
public enum SocketAddress: Sendable, Hashable {
    /// A port on 127.0.0.1.
    case port(Int)
    /// The path of a Unix socket.
    case path(String)
}

/// A stream socket on this machine, non-blocking once it is connected; the few calls that the proxies need.
struct Socket: Sendable, Hashable {
    let descriptor: Int32

    /// Makes one that is bound to 127.0.0.1.
    ///
    /// - Parameter port: 0 lets the kernel choose.
    static func bound(port: Int = 0) throws(TestSupportError) -> Socket {
        let socket = try make(AF_INET)
        var yes: Int32 = 1
        setsockopt(socket.descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        socket.makeNonBlocking()
        let status = withLoopback(port) { bind(socket.descriptor, $0, $1) }
        guard status == 0 else {
            let reason = String(cString: strerror(errno))
            socket.close()
            throw TestSupportError("cannot bind port \(port) of 127.0.0.1: \(reason)")
        }
        return socket
    }

    /// Connects; on this machine that takes no time worth waiting for elsewhere.
    static func connected(to address: SocketAddress) throws(TestSupportError) -> Socket {
        let socket: Socket
        let status: Int32
        switch address {
        case .port(let port):
            socket = try make(AF_INET)
            status = withLoopback(port) { connect(socket.descriptor, $0, $1) }
        case .path(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
                throw TestSupportError("the path of a Unix socket is too long: \(path)")
            }
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            socket = try make(AF_UNIX)
            status = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(socket.descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }
        guard status == 0 else {
            let reason = String(cString: strerror(errno))
            socket.close()
            throw TestSupportError("cannot connect to \(address): \(reason)")
        }
        socket.makeNonBlocking()
        socket.sendAtOnce()
        return socket
    }

    /// The port that it is bound to.
    var port: Int {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    func startListening() {
        listen(descriptor, 512)
    }

    /// The next connection; nil if no client has connected.
    func accepted() -> Socket? {
        let accepted: Socket? = try? Descriptors.exclusively { () throws(TestSupportError) in
            let descriptor = accept(self.descriptor, nil, nil)
            guard descriptor >= 0 else { return nil }
            Descriptors.closeOnExec(descriptor)
            return Socket(descriptor: descriptor)
        }
        accepted?.makeNonBlocking()
        accepted?.sendAtOnce()
        return accepted
    }

    /// Nothing more will be sent.
    func endSending() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    func close() {
        Glibc.close(descriptor)
    }

    /// Closes so that the other side gets a reset, as from a machine that lost its memory.
    func reset() {
        var now = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    private static func make(_ family: Int32) throws(TestSupportError) -> Socket {
        try Descriptors.exclusively { () throws(TestSupportError) in
            let descriptor = socket(family, Int32(SOCK_STREAM.rawValue), 0)
            guard descriptor >= 0 else { throw TestSupportError("cannot make a socket: \(String(cString: strerror(errno)))") }
            Descriptors.closeOnExec(descriptor)
            return Socket(descriptor: descriptor)
        }
    }

    private func makeNonBlocking() {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    /// Without this the kernel holds small messages back, which would be a delay that nobody asked for.
    private func sendAtOnce() {
        var yes: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    }

    private static func withLoopback(_ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }
}
