internal import Glibc

/// Resolves the host names of connection parameters, so that libpq never does: it would block the thread that polls the connection.
enum HostAddresses {
    /// Each named host is replaced by `host` entries beside their `hostaddr`, one an address; `host` is kept for TLS and passwords.
    ///
    /// - Throws: `.unknownHost`, `.timedOut`, `.cancelled`, `.invalidParameters`.
    static func resolve(
        _ parameters: ConnectionParameters,
        until deadline: ContinuousClock.Instant,
        cancellation: Cancellation
    ) async throws(PostgresError) -> ConnectionParameters {
        guard parameters["hostaddr"] == nil, let hosts = parameters["host"], !hosts.isEmpty else { return parameters }
        let names = split(hosts)
        guard names.contains(where: needsResolution) else { return parameters }
        let ports = split(parameters["port"] ?? "")
        guard ports.count == 1 || ports.count == names.count else {
            throw PostgresError(.invalidParameters, "\(ports.count) ports for \(names.count) hosts: give one port, or one for each host")
        }

        var resolved: (hosts: [String], addresses: [String], ports: [String]) = ([], [], [])
        var unknown: PostgresError?
        for (index, name) in names.enumerated() {
            var addresses = [""]
            if needsResolution(name) {
                guard let answer = await runBlocking(until: deadline, cancellation: cancellation, { lookUp(name) }) else {
                    if cancellation == .observed, Task.isCancelled {
                        throw PostgresError(.cancelled, "cancelled while looking up host “\(name)”")
                    }
                    throw PostgresError(.timedOut, "looking up host “\(name)” took too long")
                }
                switch answer {
                case .success(let found): addresses = found
                case .failure(let error):
                    unknown = error
                    continue
                }
            }
            for address in addresses {
                resolved.hosts.append(name)
                resolved.addresses.append(address)
                resolved.ports.append(ports.count == 1 ? ports[0] : ports[index])
            }
        }
        // One unknown host among several is libpq's business only when another can be tried.
        if resolved.hosts.isEmpty, let unknown { throw unknown }
        var parameters = parameters
        parameters["host"] = resolved.hosts.joined(separator: ",")
        parameters["hostaddr"] = resolved.addresses.joined(separator: ",")
        parameters["port"] = resolved.ports.joined(separator: ",")
        return parameters
    }

    private static func split(_ list: String) -> [String] {
        list.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }

    /// Not for socket folders, abstract sockets and addresses.
    private static func needsResolution(_ host: String) -> Bool {
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
