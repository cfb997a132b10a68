import ConvoyMigrations
package import ConvoyText

extension Failure {
    /// FAILURE of the machine output.
    package var json: JSONValue {
        [
            "kind": .string(kind.rawValue),
            "version": .optional(version?.description),
            "file": .optional(file),
            "line": line.map(JSONValue.integer) ?? .null,
            "statement": .optional(statement),
            "position": position.map(JSONValue.integer) ?? .null,
            "sqlstate": .optional(sqlstate),
            "message": .string(message),
            "detail": .optional(detail),
            "hint": .optional(hint),
            "server_hint": .optional(serverHint),
            "fingerprint": .string(fingerprint),
            "locked_by": lockedBy?.json ?? .null,
        ]
    }
}

extension Failure: Decodable {
    private enum Key: String, CodingKey {
        case kind, version, file, line, statement, position, sqlstate, message, detail, hint
        case serverHint = "server_hint"
        case lockedBy = "locked_by"
    }

    /// Reads FAILURE of the machine output; the fingerprint follows from the rest. Journals of older programs have no position.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        self.init(
            try container.decode(Outcome.self, forKey: .kind),
            try container.decode(String.self, forKey: .message),
            version: try container.decodeIfPresent(MigrationVersion.self, forKey: .version),
            file: try container.decodeIfPresent(String.self, forKey: .file),
            line: try container.place(forKey: .line),
            sqlstate: try container.decodeIfPresent(String.self, forKey: .sqlstate),
            detail: try container.decodeIfPresent(String.self, forKey: .detail),
            hint: try container.decodeIfPresent(String.self, forKey: .hint),
            serverHint: try container.decodeIfPresent(String.self, forKey: .serverHint),
            lockedBy: try container.decodeIfPresent(LockHolder.self, forKey: .lockedBy)
        )
        // They were cut when they were written.
        statement = try container.decodeIfPresent(String.self, forKey: .statement)
        position = try container.place(forKey: .position)
    }
}

extension KeyedDecodingContainer {
    /// A line or a place in a statement, counted from 1; nil for anything else.
    fileprivate func place(forKey key: Key) throws -> Int? {
        try decodeIfPresent(Int.self, forKey: key).flatMap { (1...Int(Int32.max)).contains($0) ? $0 : nil }
    }
}
