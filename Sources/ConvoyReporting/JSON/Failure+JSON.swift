internal import ConvoyMigrations
internal import ConvoyRollout

extension Failure {
    /// FAILURE of the machine output.
    var json: JSONValue {
        [
            "kind": .string(kind.rawValue),
            "version": .optional(version?.description),
            "file": .optional(file),
            "line": line.map(JSONValue.integer) ?? .null,
            "statement": .optional(statement),
            "sqlstate": .optional(sqlstate),
            "message": .string(message),
            "detail": .optional(detail),
            "hint": .optional(hint),
            "fingerprint": .string(fingerprint),
            "locked_by": lockedBy?.json ?? .null,
        ]
    }
}

extension LockHolder {
    var json: JSONValue {
        ["pid": .integer(Int(pid)), "application": .string(application), "address": .optional(address), "since": .optional(since)]
    }
}
