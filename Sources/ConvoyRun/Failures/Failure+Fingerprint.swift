internal import ConvoyMigrations
internal import ConvoyText

extension Failure {
    /// Identifies a failure: equal for the same failure on different databases, as 16 hexadecimal digits.
    ///
    /// It is the 64-bit FNV-1a hash of these texts in UTF-8, each ended by the byte 0x1F: the kind, the SQLSTATE, the migration's version,
    /// the first ``statementLimit`` characters of the statement with their white space made single, and the message as `MessagePattern`
    /// makes it; what is absent is empty. For an instance that could not be reached only the kind and the message count. The journal keeps
    /// fingerprints, so this never changes.
    public var fingerprint: String {
        var parts = [kind.rawValue, "", "", "", MessagePattern(message).description]
        if kind != .unreachable {
            parts[1] = sqlstate ?? ""
            parts[2] = version?.description ?? ""
            parts[3] = (statement ?? "").prefix(Self.statementLimit).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }
        var hash = FNV1a()
        for part in parts {
            hash.add(part.utf8)
            hash.add(CollectionOfOne(0x1F))
        }
        return hash.value.hexadecimal
    }
}
