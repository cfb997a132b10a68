internal import CLibPQ

/// How to reach a database: libpq's keywords and their values, and nothing that libpq does not understand.
///
///     var parameters = try ConnectionParameters(conninfo: "postgresql://teslamate@db-eu-1:5432/teslamate_alice?sslmode=verify-full")
///     parameters["connect_timeout"] = nil
///
/// Its description leaves every secret out.
public struct ConnectionParameters: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private var values: [String: String]

    public init(_ values: [String: String] = [:]) {
        self.values = values
    }

    /// Reads a libpq URI or a `key=value` string.
    ///
    /// - Throws: `.invalidParameters`. libpq repeats a malformed string, password included, so the message is our own.
    public init(conninfo: String) throws(PostgresError) {
        var message: UnsafeMutablePointer<CChar>?
        let options = PQconninfoParse(conninfo, &message)
        if let message { PQfreemem(message) }
        guard !conninfo.utf8.contains(0), let options else {
            throw PostgresError(.invalidParameters, "this is neither a libpq URI nor a key=value connection string")
        }
        defer { PQconninfoFree(options) }
        values = Self.read(options)
    }

    /// The value of a libpq keyword such as `host`, `dbname` or `sslmode`.
    public subscript(keyword: String) -> String? {
        get { values[keyword] }
        set { values[keyword] = newValue }
    }

    /// Every keyword that has a value.
    public var keywords: [String] { values.keys.sorted() }

    /// These parameters, with the other's where both have a keyword.
    public func overridden(by other: ConnectionParameters) -> ConnectionParameters {
        ConnectionParameters(values.merging(other.values) { $1 })
    }

    /// What libpq would use where nothing is given: the environment (`PGHOST`, …), `PGSERVICE` and its own defaults.
    public static func defaults() -> ConnectionParameters {
        guard let options = PQconndefaults() else { return ConnectionParameters() }
        defer { PQconninfoFree(options) }
        return ConnectionParameters(read(options))
    }

    /// The keywords that the linked libpq knows.
    public static let knownKeywords: Set<String> = {
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

    /// These parameters with what their `service` says filled in, so that the host is known before libpq would look it up itself.
    ///
    /// - Throws: `.invalidParameters` where there is no such service.
    func resolvingService() throws(PostgresError) -> ConnectionParameters {
        guard self["service"] != nil else { return self }
        // libpq reads the service file and then stops at the impossible value, before it looks up a name or opens a socket.
        var unusable = self
        unusable["gssencmode"] = "-"
        guard let handle = unusable.withKeywordsAndValues({ PQconnectStartParams($0, $1, 0) }) else {
            throw PostgresError(.connectFailed, "out of memory")
        }
        defer { PQfinish(handle) }
        guard let options = PQconninfo(handle) else { throw PostgresError(.connectFailed, "out of memory") }
        defer { PQconninfoFree(options) }
        var resolved = ConnectionParameters(Self.read(options))
        guard resolved["gssencmode"] == "-" else {
            throw PostgresError(.invalidParameters, "there is no service “\(self["service"] ?? "")” in the service file")
        }
        resolved["gssencmode"] = self["gssencmode"]
        resolved["service"] = nil
        return resolved
    }

    func withKeywordsAndValues<Value>(
        _ body: (UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<UnsafePointer<CChar>?>) -> Value
    ) -> Value {
        // One block of C strings; the pointers end with nil.
        let pairs = values.sorted { $0.key < $1.key }
        return CStrings.withPointers(pairs.map(\.key)) { keywords in
            CStrings.withPointers(pairs.map(\.value)) { values in body(keywords, values) }
        }
    }

    static let secretKeywords: Set<String> = ["password", "sslpassword"]

    public var description: String {
        keywords.filter { !Self.secretKeywords.contains($0) }.map { "\($0)=\(values[$0] ?? "")" }.joined(separator: " ")
    }

    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
