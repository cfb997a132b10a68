extension Character {
    /// How many columns of a terminal it takes: 0, 1 or 2.
    package var displayWidth: Int {
        guard let first = unicodeScalars.first else { return 0 }
        if first.isASCII { return 1 }
        switch first.properties.generalCategory {
        case .nonspacingMark, .enclosingMark: return 0
        default: break
        }
        if first.properties.isEmojiPresentation || unicodeScalars.contains("\u{FE0F}") { return 2 }
        return Self.wideRanges.contains { $0.contains(first.value) } ? 2 : 1
    }

    /// The blocks whose characters are East Asian Wide or Fullwidth (Unicode Standard Annex 11).
    private static let wideRanges: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x4DBF, 0x4E00...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF,
        0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1F9FF, 0x20000...0x3FFFD,
    ]
}

extension StringProtocol {
    /// How many columns of a terminal the text takes. The text holds nothing that a terminal obeys.
    package var displayWidth: Int {
        // Most texts are ASCII, and a table of a large fleet measures very many.
        utf8.allSatisfy { $0 < 0x80 } ? utf8.count : reduce(0) { $0 + $1.displayWidth }
    }

    /// The text in at most `width` columns, its middle replaced by `marker` where it is longer: names often differ at their ends.
    package func shortened(to width: Int, marker: String) -> String {
        guard displayWidth > width else { return String(self) }
        let room = width - marker.displayWidth
        guard room > 0 else { return String(marker.prefix(Swift.max(0, width))) }
        let head = takePrefix(columns: room - room / 2)
        let tail = String(reversed()).takePrefix(columns: room / 2)
        return head + marker + String(tail.reversed())
    }

    /// The text in at most `width` columns, its end replaced by `marker` where it is longer.
    package func cut(to width: Int, marker: String) -> String {
        guard displayWidth > width else { return String(self) }
        return takePrefix(columns: Swift.max(0, width - marker.displayWidth)) + String(marker.prefix(Swift.max(0, width)))
    }

    private func takePrefix(columns: Int) -> String {
        var result = ""
        var used = 0
        for character in self {
            used += character.displayWidth
            if used > columns { break }
            result.append(character)
        }
        return result
    }
}

extension StringProtocol {
    /// As ``cut(to:marker:)``, for a text in which parts are painted: what paints takes no column, and never reaches beyond the text.
    package func cutKeepingPaint(to width: Int, marker: String) -> String {
        var (result, used, isPainted) = ("", 0, false)
        var rest = self[...]
        let room = Swift.max(0, width - marker.displayWidth)
        var atRoom: String?
        while let character = rest.first {
            if character == "\u{1B}", let end = rest.firstIndex(of: "m") {
                let sequence = rest[...end]
                isPainted = sequence != "\u{1B}[0m"
                result += sequence
                rest = rest[rest.index(after: end)...]
                continue
            }
            if atRoom == nil, used + character.displayWidth > room {
                atRoom = result + marker.prefix(Swift.max(0, width)) + (isPainted ? "\u{1B}[0m" : "")
            }
            used += character.displayWidth
            if used > width { return atRoom ?? result }
            result.append(character)
            rest = rest.dropFirst()
        }
        return result
    }
}
