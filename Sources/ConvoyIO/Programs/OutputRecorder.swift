import ConvoyText

/// Prepares a program's output to be kept and shown: secrets are masked, bytes that are not UTF-8 repaired, characters that a terminal
/// would obey written out, and of long output only the beginning and the end are kept.
struct OutputRecorder: Sendable {
    /// How many bytes are kept at most, one half of the beginning and one of the end.
    static let limit = 64 * 1024
    /// How many bytes of a line are handed on while the program runs.
    static let lineLimit = 4096

    private var secrets: SecretMask.Stream
    /// The beginning of a character whose end has not come yet.
    private var character: [UInt8] = []
    private var endsWithReturn = false
    private var head: [UInt8] = []
    private var tail: [UInt8] = []
    private var leftOut = 0
    private var line: [UInt8] = []
    private var lineIsCut = false
    private let onLine: (@Sendable (String) -> Void)?

    /// - Parameter onLine: is given each line as soon as it is whole.
    init(_ mask: SecretMask, onLine: (@Sendable (String) -> Void)? = nil) {
        secrets = SecretMask.Stream(mask)
        self.onLine = onLine
    }

    mutating func add(_ bytes: some Sequence<UInt8>) {
        decode(secrets.add(bytes), isEnd: false)
    }

    /// The program writes no more.
    mutating func finish() {
        decode(secrets.finish(), isEnd: true)
        endLine()
        if head.count + tail.count > Self.limit { shorten() }
    }

    /// What is kept.
    var text: String {
        guard leftOut > 0 else { return String(decoding: head + tail, as: UTF8.self) }
        return String(decoding: head, as: UTF8.self) + "\n… \(leftOut) bytes left out …\n" + String(decoding: tail, as: UTF8.self)
    }

    private mutating func decode(_ bytes: [UInt8], isEnd: Bool) {
        character += bytes
        let whole = isEnd ? character.count : character.count - Self.unfinished(character)
        var rest = Array(String(decoding: character[..<whole], as: UTF8.self).utf8)[...]
        character.removeFirst(whole)
        while let byte = rest.first {
            // Most output is nothing but this.
            var end = rest.startIndex
            while end < rest.endIndex, rest[end] >= 0x20, rest[end] < 0x7F { end += 1 }
            if end == rest.startIndex {
                let length = Self.length(ofCharacter: byte)
                for scalar in String(decoding: rest.prefix(length), as: UTF8.self).unicodeScalars { add(scalar) }
                rest = rest.dropFirst(length)
            } else {
                endsWithReturn = false
                keep(rest[..<end], isOneCharacter: false)
                rest = rest[end...]
            }
        }
    }

    private static func length(ofCharacter byte: UInt8) -> Int { byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1 }

    /// How many bytes at the end begin a character that is not whole.
    private static func unfinished(_ bytes: [UInt8]) -> Int {
        for (index, byte) in bytes.suffix(3).reversed().enumerated() where byte & 0b1100_0000 != 0b1000_0000 {
            return length(ofCharacter: byte) > index + 1 ? index + 1 : 0
        }
        return 0
    }

    private mutating func add(_ scalar: Unicode.Scalar) {
        defer { endsWithReturn = scalar == "\r" }
        let text: String
        switch scalar {
        case "\n", "\r":
            if endsWithReturn, scalar == "\n" { return }
            endLine()
            text = "\n"
        case "\t": text = "\t"
        case _ where scalar.isObeyedByTerminals: text = scalar.writtenOut
        default: text = String(scalar)
        }
        keep(Array(text.utf8)[...], isOneCharacter: true)
    }

    private mutating func keep(_ bytes: ArraySlice<UInt8>, isOneCharacter: Bool) {
        func fitting(_ room: Int) -> Int { bytes.count <= room ? bytes.count : isOneCharacter ? 0 : max(0, room) }
        if onLine != nil, bytes.first != UInt8(ascii: "\n") {
            let count = fitting(Self.lineLimit - line.count)
            line += bytes.prefix(count)
            lineIsCut = lineIsCut || count < bytes.count
        }
        let count = tail.isEmpty && leftOut == 0 ? fitting(Self.limit / 2 - head.count) : 0
        head += bytes.prefix(count)
        tail += bytes.dropFirst(count)
        // Not each time, since what stays has to move.
        if tail.count > Self.limit { shorten() }
    }

    private mutating func shorten() {
        var count = tail.count - Self.limit / 2
        while count < tail.count, tail[count] & 0b1100_0000 == 0b1000_0000 { count += 1 }
        tail.removeFirst(count)
        leftOut += count
    }

    private mutating func endLine() {
        if let onLine, !line.isEmpty { onLine(String(decoding: line, as: UTF8.self) + (lineIsCut ? "…" : "")) }
        line = []
        lineIsCut = false
    }
}
