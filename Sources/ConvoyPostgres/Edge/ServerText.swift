internal import Glibc

/// Turns the C strings that libpq hands over into Swift strings of a bounded length.
enum ServerText {
    /// For a message, its detail, its hint and the like.
    static let messageLimit = 8 << 10
    /// For the names of columns, tables and constraints; the server's own limit is 63 bytes.
    static let nameLimit = 1 << 10
    /// For all that libpq says about a failed connection, in which several messages of the server may stand.
    static let connectionLimit = 32 << 10

    /// Stands where a text was cut.
    static let mark = "… (cut)"

    /// The text up to a maximum number of bytes, cut between two characters; bytes that are not UTF-8 become U+FFFD.
    ///
    /// No byte behind the limit is looked at, so a text of a gigabyte costs as much as one of the limit's length.
    static func text(_ pointer: UnsafePointer<CChar>, limit: Int = messageLimit) -> String {
        let length = strnlen(pointer, limit + 1)
        return pointer.withMemoryRebound(to: UInt8.self, capacity: min(length + 1, limit + 1)) { bytes in
            guard length > limit else { return String(decoding: UnsafeBufferPointer(start: bytes, count: length), as: UTF8.self) }
            return String(decoding: UnsafeBufferPointer(start: bytes, count: cut(bytes, at: limit)), as: UTF8.self) + mark
        }
    }

    static func text(_ pointer: UnsafeMutablePointer<CChar>, limit: Int = messageLimit) -> String {
        text(UnsafePointer(pointer), limit: limit)
    }

    /// The same for a text that is a Swift string already.
    static func text(_ text: String, limit: Int = messageLimit) -> String {
        guard text.utf8.count > limit else { return text }
        return text.withCString { Self.text($0, limit: limit) }
    }

    /// The last place up to `limit` where a character of UTF-8 begins.
    private static func cut(_ bytes: UnsafePointer<UInt8>, at limit: Int) -> Int {
        var end = limit
        while end > 0, limit - end < 3, bytes[end] & 0b1100_0000 == 0b1000_0000 { end -= 1 }
        return bytes[end] & 0b1100_0000 == 0b1000_0000 ? limit : end
    }

    /// A SQLSTATE: five capital letters and digits; empty for anything else.
    static func sqlstate(_ pointer: UnsafePointer<CChar>) -> String {
        let code = text(pointer, limit: 5)
        let isCode = code.utf8.count == 5 && code.utf8.allSatisfy { (48...57).contains($0) || (65...90).contains($0) }
        return isCode ? code : ""
    }

    /// A place in a statement, counted from 1; nil for anything else.
    static func position(_ text: String) -> Int? {
        Int32(text).flatMap { $0 > 0 ? Int($0) : nil }
    }
}
