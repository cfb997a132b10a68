import ConvoyIO
internal import Glibc

/// One entry of the lists of hosts, addresses and ports in connection parameters.
///
/// libpq could work through the lists by itself, but it has no time limit for an entry while it is polled, and looks names up in the thread
/// that polls.
struct Host: Sendable, Hashable {
    /// A name, an address or a socket's folder; kept for TLS and password files. Nil means the default socket.
    var name: String?
    /// What to connect to, where it is not the name.
    var address: String?
    var port: String?

    /// - Throws: `.invalidParameters` if the lists have different lengths.
    static func list(_ parameters: ConnectionParameters) throws(PostgresError) -> [Host] {
        func split(_ keyword: String) -> [String] {
            parameters[keyword].map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) } ?? []
        }
        let (names, addresses, ports) = (split("host"), split("hostaddr"), split("port"))
        let count = max(names.count, addresses.count, 1)
        guard names.isEmpty || addresses.isEmpty || names.count == addresses.count else {
            throw PostgresError(.invalidParameters, "\(addresses.count) entries in hostaddr for \(names.count) in host: give one for each")
        }
        guard ports.count <= 1 || ports.count == count else {
            throw PostgresError(.invalidParameters, "\(ports.count) ports for \(count) hosts: give one port, or one for each host")
        }
        let hosts = (0..<count).map { index in
            Host(
                name: names.isEmpty ? nil : names[index],
                address: addresses.isEmpty || addresses[index].isEmpty ? nil : addresses[index],
                port: ports.count == 1 ? ports[0] : ports.isEmpty ? nil : ports[index]
            )
        }
        return parameters["load_balance_hosts"] == "random" ? hosts.shuffled() : hosts
    }

    /// The same host once for each of its addresses.
    ///
    /// - Throws: `.unknownHost`, `.timedOut`, `.cancelled`.
    func addresses(until deadline: ContinuousClock.Instant, cancellation: Cancellation) async throws(PostgresError) -> [Host] {
        guard address == nil, let name, Self.needsLookUp(name) else { return [self] }
        guard let answer = await runBlocking(until: deadline, cancellation: cancellation, { Self.lookUp(name) }) else {
            if cancellation == .observed, Task.isCancelled {
                throw PostgresError(.cancelled, "cancelled while looking up host “\(name)”")
            }
            throw PostgresError(.timedOut, "no address for host “\(name)”")
        }
        return try answer.get().map { Host(name: name, address: $0, port: port) }
    }

    /// Not for socket folders, abstract sockets and addresses.
    private static func needsLookUp(_ host: String) -> Bool {
        guard let first = host.first, first != "/", first != "@" else { return false }
        var address = in6_addr()
        return inet_pton(AF_INET, host, &address) != 1 && inet_pton(AF_INET6, host, &address) != 1
    }

    private static func lookUp(_ name: String) -> Result<[String], PostgresError> {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(name, nil, &hints, &list)
        guard status == 0 else {
            let reason = gai_strerror(status).map { String(cString: $0) } ?? "unknown error"
            return .failure(PostgresError(.unknownHost, "could not find host “\(name)”: \(reason)"))
        }
        defer { freeaddrinfo(list) }
        var addresses: [String] = []
        var entry = list
        while let current = entry {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let named = getnameinfo(
                current.pointee.ai_addr,
                current.pointee.ai_addrlen,
                &text,
                socklen_t(text.count),
                nil,
                0,
                NI_NUMERICHOST
            )
            if named == 0 {
                let address = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                if !addresses.contains(address) { addresses.append(address) }
            }
            entry = current.pointee.ai_next
        }
        return addresses.isEmpty
            ? .failure(PostgresError(.unknownHost, "host “\(name)” has no address")) : .success(addresses)
    }
}

extension ConnectionParameters {
    /// With this host alone.
    func reaching(_ host: Host) -> ConnectionParameters {
        var parameters = self
        parameters["host"] = host.name
        parameters["hostaddr"] = host.address
        parameters["port"] = host.port
        return parameters
    }

    /// libpq's `prefer-standby` goes through the whole list twice.
    var passes: [ConnectionParameters] {
        guard self["target_session_attrs"] == "prefer-standby" else { return [self] }
        return ["standby", "any"].map { wanted in
            var pass = self
            pass["target_session_attrs"] = wanted
            return pass
        }
    }
}
