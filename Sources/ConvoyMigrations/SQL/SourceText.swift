import ConvoyText

/// A file's UTF-8 bytes with LF line ends, and the line and column of each byte.
package struct SourceText: Sendable {
    /// The file as reports name it.
    package let path: String
    package let bytes: [UInt8]
    private let lineStarts: [Int]

    package init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
        var lineStarts = [0]
        for (offset, byte) in bytes.enumerated() where byte == .lineFeed {
            lineStarts.append(offset + 1)
        }
        self.lineStarts = lineStarts
    }

    package init(path: String, text: String) {
        self.init(path: path, bytes: Array(text.utf8))
    }

    /// The line of a byte, counted from 1.
    package func line(at offset: Int) -> Int {
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= offset {
                low = middle
            } else {
                high = middle
            }
        }
        return low + 1
    }

    /// The column of a byte in characters, counted from 1.
    func column(at offset: Int) -> Int {
        text(lineUpTo(offset)).count + 1
    }

    /// The bytes of each line, without its line feed.
    var lines: some Sequence<Range<Int>> {
        lineStarts.indices.lazy.map { index in
            let next = index + 1
            return lineStarts[index]..<(next < lineStarts.count ? lineStarts[next] - 1 : bytes.count)
        }
    }

    /// The rest of the line on which a byte stands, without its line feed.
    func restOfLine(from offset: Int) -> Range<Int> {
        let line = line(at: offset)
        return offset..<(line < lineStarts.count ? lineStarts[line] - 1 : bytes.count)
    }

    /// The line up to a byte.
    func lineUpTo(_ offset: Int) -> Range<Int> {
        lineStarts[line(at: offset) - 1]..<offset
    }

    /// Whether nothing but blanks stands before a byte on its line.
    func isFirstOnLine(_ offset: Int) -> Bool {
        bytes[lineUpTo(offset)].allSatisfy(\.isBlank)
    }

    package func text(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    /// The text from a byte to the end of its line or of the range, short enough for a report.
    func excerpt(_ range: Range<Int>) -> String {
        let limit = 100
        let line = range.clamped(to: restOfLine(from: range.lowerBound))
        // Four bytes hold any character that counts; more would only be read to be cut.
        let text = text(line.lowerBound..<min(line.upperBound, line.lowerBound + 4 * limit))
        return text.count > limit ? text.prefix(limit) + "…" : text
    }

    func problem(at offset: Int, _ message: String, text: String? = nil, hint: String) -> Problem {
        Problem(file: path, line: line(at: offset), column: column(at: offset), message, text: text, hint: hint)
    }
}

extension UInt8 {
    static let lineFeed = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")

    /// A space or a tab.
    var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }
}
