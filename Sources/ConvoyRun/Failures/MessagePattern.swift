/// A message without what differs between databases.
///
///     MessagePattern("connection to server at \"db-1\" (10.0.0.7), port 5432 failed: timeout").description
///     // connection to server at <name> (<address>), port <n> failed: timeout
///
/// Replaced are quoted texts, UUIDs, network addresses, hexadecimal numbers, times and numbers; runs of white space become one space. A digit
/// inside a word, as in `int4`, belongs to the word, and a version of a migration, such as `20260808090000`, stays: which one it is makes a failure another
/// one. The work grows with the length of the message, whatever stands in it.
struct MessagePattern: CustomStringConvertible {
    let description: String

    init(_ message: String) {
        let characters = Array(message)
        var quotes = Quotes(characters)
        var pattern = ""
        var index = 0
        var endsInSpace = true
        while index < characters.count {
            let character = characters[index]
            if let end = quotes.end(ofTextAt: index) {
                pattern += "<name>"
                index = end
            } else if Self.isInToken(character) {
                let token = characters[index...].prefix(while: Self.isInToken)
                pattern += Self.pattern(ofToken: Substring(String(token)))
                index = token.endIndex
            } else {
                index += 1
                if character.isWhitespace {
                    if !endsInSpace { pattern.append(" ") }
                    endsInSpace = true
                    continue
                }
                pattern.append(character)
            }
            endsInSpace = false
        }
        if pattern.last == " " { pattern.removeLast() }
        description = pattern
    }

    /// Finds quoted texts. However many quotation marks have no partner, each is looked at a bounded number of times.
    private struct Quotes {
        private let characters: [Character]
        /// For each closing mark and each place, the end of the text that is closed by the first such mark from there on; 0 where none is.
        private var ends: [Character: [Int]] = [:]

        init(_ characters: [Character]) {
            self.characters = characters
        }

        /// The end of the quoted text that begins at a place, quotes included.
        mutating func end(ofTextAt index: Int) -> Int? {
            guard let close = closing(index) else { return nil }
            if ends[close] == nil { ends[close] = Self.ends(closedBy: close, in: characters) }
            return ends[close].flatMap { $0[index + 1] > 0 ? $0[index + 1] : nil }
        }

        private func closing(_ index: Int) -> Character? {
            switch characters[index] {
            case "\"": "\""
            // Servers quote as their lc_messages does.
            case "“": "”"
            case "„": "“"
            case "«": "»"
            case "»": "«"
            case "`": "`"
            // The apostrophe of “can't” opens nothing.
            case "'" where index == 0 || !MessagePattern.isWordPart(characters[index - 1]): "'"
            default: nil
            }
        }

        private static func ends(closedBy close: Character, in characters: [Character]) -> [Int] {
            let canBeDoubled = "\"'`".contains(close)
            var ends = [Int](repeating: 0, count: characters.count + 2)
            for index in characters.indices.reversed() {
                guard characters[index] == close else {
                    ends[index] = ends[index + 1]
                    continue
                }
                let next = index + 1 < characters.count ? characters[index + 1] : nil
                // A doubled quote stands for itself, and an apostrophe inside a word closes nothing.
                if canBeDoubled, next == close {
                    ends[index] = ends[index + 2]
                } else if close == "'", next.map(MessagePattern.isWordPart) == true {
                    ends[index] = ends[index + 1]
                } else {
                    ends[index] = index + 1
                }
            }
            return ends
        }
    }

    private static func isWordPart(_ character: Character) -> Bool { character.isLetter || character.isNumber || character == "_" }

    /// What addresses, times, numbers and identifiers are made of.
    private static func isInToken(_ character: Character) -> Bool { isWordPart(character) || ".:-+\\/".contains(character) }

    private static func pattern(ofToken token: Substring) -> String {
        // The whole first: the colons of `fe80::` are part of it, the full stop after `10.0.0.7.` is not.
        let trimmed = token.reversed().drop { ".:-+/".contains($0) }.reversed()
        for body in [token, token.prefix(trimmed.count)] {
            if let kind = kind(of: body) { return kind + token[body.endIndex...] }
        }
        return words(in: token)
    }

    private static func kind(of token: Substring) -> String? {
        if isVersion(token) { return String(token) }
        if isNumber(token.first == "-" || token.first == "+" ? token.dropFirst() : token) { return "<n>" }
        if isUUID(token) { return "<uuid>" }
        if isTime(token) { return "<time>" }
        if isAddress(token) { return "<address>" }
        return isHexadecimal(token) ? "<hex>" : nil
    }

    /// Replaces the numbers between the punctuation of a token that is nothing as a whole, such as `file.sql:12`.
    private static func words(in token: Substring) -> String {
        var pattern = ""
        var rest = token
        while let first = rest.first {
            if isWordPart(first) {
                let word = rest.prefix(while: isWordPart)
                pattern += isVersion(word) ? String(word) : isNumber(word) ? "<n>" : isHexadecimal(word) ? "<hex>" : String(word)
                rest = rest[word.endIndex...]
            } else {
                pattern.append(first)
                rest.removeFirst()
            }
        }
        return pattern
    }

    private static func isDigit(_ character: Character) -> Bool { character.isASCII && character.isNumber }
    private static func isHexDigit(_ character: Character) -> Bool { character.isASCII && character.isHexDigit }

    /// A date and a time of day in 14 digits, as the files of migrations begin.
    private static func isVersion(_ text: Substring) -> Bool {
        guard text.utf8.count == 14, text.allSatisfy(isDigit), text.hasPrefix("19") || text.hasPrefix("20") else { return false }
        let digits = Array(text)
        let (month, day) = (String(digits[4..<6]), String(digits[6..<8]))
        return ("01"..."12").contains(month) && ("01"..."31").contains(day)
    }

    /// `12`, `1.5`, `1e-9`, `1.5e+10`.
    private static func isNumber(_ text: Substring) -> Bool {
        guard text.first.map(isDigit) == true, text.last.map(isDigit) == true else { return false }
        return text.allSatisfy { isDigit($0) || ".eE+-".contains($0) } && Double(text) != nil
    }

    /// 32 digits in the groups of a UUID.
    private static func isUUID(_ text: Substring) -> Bool {
        let groups = text.split(separator: "-", omittingEmptySubsequences: false)
        return groups.map(\.count) == [8, 4, 4, 4, 12] && groups.allSatisfy { $0.allSatisfy(isHexDigit) }
    }

    /// `0x1F`, `\xdeadbeef`, a location such as `0/3000148`, or eight hexadecimal digits and more with a decimal one among them.
    private static func isHexadecimal(_ text: Substring) -> Bool {
        for prefix in ["0x", "\\x"] where text.hasPrefix(prefix) { return text.dropFirst(2).allSatisfy(isHexDigit) }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        if parts.count == 2, parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(isHexDigit) }), text.contains(where: isDigit) { return true }
        return text.count >= 8 && text.allSatisfy(isHexDigit) && text.contains(where: isDigit)
    }

    /// A date, or a time of day, with whatever follows it: `2026-11-22`, `2026-11-22T12:34:56Z`, `12:34:56.789+00`.
    private static func isTime(_ text: Substring) -> Bool {
        let shape = String(text.prefix(10).map { isDigit($0) ? "9" : $0 })
        return shape == "9999-99-99" || shape.hasPrefix("99:99:99")
    }

    /// An IPv4 or IPv6 address, with a prefix length or an IPv4 port if there is one.
    private static func isAddress(_ text: Substring) -> Bool {
        let address = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)[0]
        let host = address.split(separator: ":", omittingEmptySubsequences: false)
        if host.count <= 2 {
            let octets = host[0].split(separator: ".", omittingEmptySubsequences: false)
            let hasPort = host.count == 1 || (!host[1].isEmpty && host[1].allSatisfy(isDigit))
            return hasPort && octets.count == 4 && octets.allSatisfy { UInt8($0) != nil }
        }
        return address.contains(where: isHexDigit) && address.allSatisfy { isHexDigit($0) || $0 == ":" || $0 == "." }
            && (host.count == 8 || address.contains("::"))
    }
}
