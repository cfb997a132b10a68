internal import CLibPQ
package import ConvoyIO
internal import Glibc

/// How to reach a database: libpq's keywords and their values, and nothing that libpq does not understand.
///
///     var parameters = try ConnectionParameters(conninfo: "postgresql://teslamate@db-eu-1:5432/teslamate_alice?sslmode=verify-full")
///     parameters["connect_timeout"] = nil
///
/// Its description leaves every secret out.
public struct ConnectionParameters: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private var values: [String: String]
    /// What secret commands give when a session is opened. A keyword has one of the two.
    private var late: [String: LateSecret] = [:]
    package init(_ values: [String: String] = [:]) {
        self.values = values
    }

    /// Reads a libpq URI or a `key=value` string.
    ///
    /// - Throws: `.invalidParameters`. libpq repeats a malformed string, password included, so the message is our own.
    package init(conninfo: String) throws(PostgresError) {
        var message: UnsafeMutablePointer<CChar>?
        let options = conninfo.hasZeroByte ? nil : PQconninfoParse(conninfo, &message)
        if let message { PQfreemem(message) }
        guard let options else {
            throw PostgresError(.invalidParameters, "this is neither a libpq URI nor a key=value connection string")
        }
        defer { PQconninfoFree(options) }
        values = Self.read(options)
    }

    /// The value of a libpq keyword such as `host`, `dbname` or `sslmode`.
    package subscript(keyword: String) -> String? {
        get { values[keyword] }
        set {
            values[keyword] = newValue
            late[keyword] = nil
        }
    }

    /// The value of a keyword that a secret command gives when a session is opened; nil if the keyword has none, or one that is known.
    package subscript(late keyword: String) -> LateSecret? {
        get { late[keyword] }
        set {
            values[keyword] = nil
            late[keyword] = newValue
        }
    }

    /// Whether a keyword has a value, known or not.
    package func has(_ keyword: String) -> Bool { values[keyword]?.isEmpty == false || late[keyword] != nil }

    /// Of several hosts, the one that takes writes is meant, unless the parameters, the service or the environment say which. Only
    /// ``PostgresConnection`` understands it.
    package mutating func preferPrimary() { if !has(Self.serverChoice) { self[Self.serverChoice] = Self.primaryOfSeveral } }

    /// Without what libpq does not understand.
    var withoutPreference: ConnectionParameters {
        var parameters = self
        if parameters[Self.serverChoice] == Self.primaryOfSeveral { parameters[Self.serverChoice] = nil }
        return parameters
    }

    private static let serverChoice = "target_session_attrs"
    private static let primaryOfSeveral = "primary-of-several"

    /// Every keyword that has a value, known or not.
    package var keywords: [String] { (Array(values.keys) + late.keys).sorted() }

    /// The keywords whose values secret commands give, with these values.
    package var lateSecrets: [(keyword: String, secret: LateSecret)] { late.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }

    /// These parameters, with the other's where both have a keyword.
    package func overridden(by other: ConnectionParameters) -> ConnectionParameters {
        var parameters = self
        for (keyword, value) in other.values { parameters[keyword] = value }
        for (keyword, secret) in other.late { parameters[late: keyword] = secret }
        return parameters
    }

    /// What libpq would use where nothing is given: the environment (`PGHOST`, …), `PGSERVICE` and its own defaults.
    package static func defaults() -> ConnectionParameters {
        guard let options = PQconndefaults() else { return ConnectionParameters() }
        defer { PQconninfoFree(options) }
        return ConnectionParameters(read(options))
    }

    /// The keywords that the linked libpq knows.
    package static let knownKeywords: Set<String> = {
        guard let options = PQconninfoParse("", nil) else { return [] }
        defer { PQconninfoFree(options) }
        var known: Set<String> = []
        var option = options
        while let keyword = option.pointee.keyword {
            known.insert(String(cString: keyword))
            option += 1
        }
        return known
    }()

    private static func read(_ options: UnsafeMutablePointer<PQconninfoOption>) -> [String: String] {
        var values: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { values[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        return values
    }

    /// - Throws: `.invalidParameters` for a keyword that libpq does not know, and for a value that a C string cannot hold.
    func validate() throws(PostgresError) {
        for keyword in keywords where !Self.knownKeywords.contains(keyword) {
            throw PostgresError(.invalidParameters, "libpq knows no connection parameter “\(keyword)”")
        }
        for (keyword, value) in values where value.hasZeroByte {
            throw PostgresError(.invalidParameters, "the connection parameter \(keyword) holds a zero byte")
        }
    }

    /// These parameters with what their `service` says filled in, so that the host is known before libpq would look it up itself.
    ///
    /// - Throws: `.invalidParameters` if the service does not exist, `.timedOut`, `.cancelled`.
    func resolvingService(
        until deadline: ContinuousClock.Instant,
        _ cancellation: Cancellation
    ) async throws(PostgresError) -> ConnectionParameters {
        guard self["service"] != nil else { return self }
        // Services can also be kept on an LDAP server.
        guard let answer = await runBlocking(until: deadline, cancellation: cancellation, { self.readService() }) else {
            if cancellation == .observed, Task.isCancelled { throw PostgresError(.cancelled, "cancelled while reading the service file") }
            throw PostgresError(.timedOut, "no answer about the service")
        }
        return try answer.get()
    }

    private func readService() -> Result<ConnectionParameters, PostgresError> {
        /// libpq reads the service file and then stops at the impossible value, before it looks up a name or opens a socket.
        func read(without keyword: String) -> Result<ConnectionParameters, PostgresError> {
            var unusable = self
            unusable[keyword] = "-"
            guard let handle = unusable.withKeywordsAndValues({ PQconnectStartParams($0, $1, 0) }) else {
                return .failure(PostgresError(.connectFailed, "out of memory"))
            }
            defer { PQfinish(handle) }
            guard let options = PQconninfo(handle) else { return .failure(PostgresError(.connectFailed, "out of memory")) }
            defer { PQconninfoFree(options) }
            let resolved = ConnectionParameters(Self.read(options))
            guard resolved[keyword] == "-" else {
                let message = PQerrorMessage(handle).map { String(cString: $0) } ?? ""
                return .failure(ConnectFailure.error(libpqMessage: message, beforeDialling: true, self))
            }
            return .success(resolved)
        }
        return read(without: "channel_binding").flatMap { resolved in
            read(without: "gssencmode").map { other in
                var resolved = resolved
                resolved["channel_binding"] = other["channel_binding"]
                // PGSERVICE must not add to it.
                resolved["service"] = self["service"]
                return resolved
            }
        }
    }

    /// Our own choices where nothing is said, and where to connect to, so that libpq does not find that by itself.
    func completed(applicationName: String) -> ConnectionParameters {
        var parameters = self
        for keyword in ["host", "hostaddr", "port"] where parameters[keyword] == nil { parameters[keyword] = Self.atStart[keyword] }
        // Our own deadline holds; libpq's does not apply to a connection that is polled.
        parameters["connect_timeout"] = nil
        parameters["client_encoding"] = "UTF8"
        // "prefer", libpq's default, may talk to a Kerberos server, blocking.
        if (parameters["gssencmode"] ?? Self.atStart["gssencmode"]) != "require" { parameters["gssencmode"] = "disable" }
        let ours = [
            "application_name": applicationName,
            // A server that vanished is noticed within half a minute.
            "keepalives": "1", "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "4", "tcp_user_timeout": "30000",
        ]
        for (keyword, value) in ours where parameters[keyword] == nil { parameters[keyword] = value }
        return parameters
    }

    /// The parameters for these hosts. Call it on what is resolved and completed.
    ///
    /// libpq does not tell a service that says `any` from one that says nothing: both are as if nothing was said.
    ///
    /// - Parameter given: as they were before the service was read.
    func choosing(among hosts: Int, given: ConnectionParameters) -> ConnectionParameters {
        let keyword = Self.serverChoice
        guard given[keyword] == Self.primaryOfSeveral, hosts > 1, !Self.environmentChoosesServer,
            [nil, "any"].contains(self[keyword]), [nil, "any"].contains(Self.atStart[keyword])
        else { return self }
        var parameters = self
        parameters[keyword] = "read-write"
        return parameters
    }

    private static let environmentChoosesServer = getenv("PGTARGETSESSIONATTRS").map { $0.pointee != 0 } ?? false

    /// Read once: it reads the user database and files.
    private static let atStart = defaults()

    func withKeywordsAndValues<Value>(
        _ body: (UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<UnsafePointer<CChar>?>) -> Value
    ) -> Value {
        let pairs = values.sorted { $0.key < $1.key }
        return CStrings.withPointers(pairs.map(\.key)) { keywords in
            CStrings.withPointers(pairs.map(\.value)) { values in body(keywords, values) }
        }
    }

    /// All of libpq's up to 18.
    static let secretKeywords: Set<String> = [
        "password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key",
    ]

    /// The values that must never be shown, for example to mask them in the output of other programs.
    package var secrets: [Secret] { Self.secretKeywords.sorted().compactMap { values[$0].map(Secret.init) } }

    /// Each keyword and its value as `key=value`, separated by spaces; keywords with secrets are left out.
    public var description: String {
        keywords.filter { !Self.secretKeywords.contains($0) }.map { "\($0)=\(values[$0] ?? "")" }.joined(separator: " ")
    }

    /// The same as ``description``.
    public var debugDescription: String { description }
    /// A mirror without children, so that `dump` shows no secret.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
