import ConvoyText

extension SourceText {
    /// Takes the contents of a file, once they are known to be UTF-8 that PostgreSQL can take; each CR LF becomes LF.
    ///
    /// - Throws: why they are not.
    init(path: String, contents: [UInt8]) throws(Problems) {
        func refusal(_ message: String, line: Int? = nil, hint: String) -> Problems {
            Problems([Problem(file: path, line: line, message, hint: hint)])
        }
        func line(of offset: Int) -> Int { contents[..<offset].count { $0 == .lineFeed } + 1 }
        guard contents.count <= MigrationFile.sizeLimit else {
            throw refusal(
                "the file is larger than \(MigrationFile.sizeLimit >> 20) MiB",
                hint: "a migration is a list of statements; load data of that size with another tool"
            )
        }
        if contents.starts(with: [0xFF, 0xFE]) || contents.starts(with: [0xFE, 0xFF]) {
            throw refusal("the file is UTF-16", line: 1, hint: "save it as UTF-8 without a byte order mark")
        }
        if contents.starts(with: [0xEF, 0xBB, 0xBF]) {
            throw refusal("the file begins with a byte order mark", line: 1, hint: "save it as UTF-8 without a byte order mark")
        }
        if let offset = Self.firstInvalidByte(contents) {
            let byte = String(UInt16(contents[offset]) + 0x100, radix: 16, uppercase: true).dropFirst()
            throw refusal("byte 0x\(byte) at offset \(offset) is not UTF-8", line: line(of: offset), hint: "save the file as UTF-8")
        }
        if let offset = contents.firstIndex(of: 0) {
            throw refusal(
                "the byte at offset \(offset) is NUL, which text in PostgreSQL cannot contain",
                line: line(of: offset),
                hint: "remove it; binary data can be written as '\\x…'::bytea"
            )
        }
        self.init(path: path, bytes: Self.withLineFeeds(contents))
    }

    private static func firstInvalidByte(_ contents: [UInt8]) -> Int? {
        var parser = Unicode.UTF8.ForwardParser()
        var iterator = contents.makeIterator()
        var offset = 0
        while true {
            switch parser.parseScalar(from: &iterator) {
            case .valid(let scalar): offset += scalar.count
            case .error: return offset
            case .emptyInput: return nil
            }
        }
    }

    private static func withLineFeeds(_ contents: [UInt8]) -> [UInt8] {
        guard contents.contains(.carriageReturn) else { return contents }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(contents.count)
        for (offset, byte) in contents.enumerated() {
            if byte == .carriageReturn, offset + 1 < contents.count, contents[offset + 1] == .lineFeed { continue }
            bytes.append(byte)
        }
        return bytes
    }
}
