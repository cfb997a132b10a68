/// Reads a statement's tokens from the front.
struct SQLWords {
    private let source: SourceText
    private var rest: ArraySlice<SQLToken>

    /// - Parameter tokens: those that carry meaning.
    init(_ tokens: [SQLToken], in source: SourceText) {
        self.source = source
        rest = tokens[...]
    }

    /// Takes key words that stand next, all or none.
    mutating func take(_ keywords: String...) -> Bool {
        guard rest.count >= keywords.count, zip(rest, keywords).allSatisfy({ source.isWord($0, $1) }) else { return false }
        rest = rest.dropFirst(keywords.count)
        return true
    }

    /// Takes the next word, whichever it is, in capitals.
    mutating func takeWord() -> String? {
        guard let token = rest.first, token.kind == .word else { return nil }
        rest = rest.dropFirst()
        return source.text(token.range).uppercased()
    }

    func ends(with keyword: String) -> Bool { rest.last.map { source.isWord($0, keyword) } == true }

    func contains(_ first: String, _ second: String) -> Bool {
        zip(rest, rest.dropFirst()).contains { source.isWord($0, first) && source.isWord($1, second) }
    }

    /// Takes `(OPTION [VALUE], …)`, and gives the options that are on, in capitals.
    mutating func takeOptions() -> Set<String> {
        guard rest.first?.kind == .openParenthesis else { return [] }
        rest = rest.dropFirst()
        var options: Set<String> = []
        while let token = rest.first, token.kind != .closeParenthesis {
            rest = rest.dropFirst()
            guard token.kind == .word else { continue }
            let option = source.text(token.range).uppercased()
            var isOn = true
            while let value = rest.first, value.kind != .closeParenthesis, !isSymbol(value, ",") {
                let text = source.text(value.range).uppercased()
                if ["FALSE", "OFF", "0", "'FALSE'", "'OFF'", "\"FALSE\"", "\"OFF\""].contains(text) { isOn = false }
                rest = rest.dropFirst()
            }
            if isOn { options.insert(option) }
        }
        rest = rest.dropFirst()
        return options
    }

    /// Takes names with commas between, passing over lists of columns.
    mutating func takeNames() -> [SQLName] {
        var names: [SQLName] = []
        while !rest.isEmpty {
            _ = take("ONLY")
            guard let name = takeName() else { break }
            names.append(name)
            if rest.first?.kind == .openParenthesis { rest = rest.drop { $0.kind != .closeParenthesis }.dropFirst() }
            if let token = rest.first, isSymbol(token, "*") { rest = rest.dropFirst() }
            guard let comma = rest.first, isSymbol(comma, ",") else { break }
            rest = rest.dropFirst()
        }
        return names
    }

    /// Takes one name with its schema.
    mutating func takeName() -> SQLName? {
        var parts: [SQLName.Part] = []
        while let token = rest.first, let part = part(token) {
            rest = rest.dropFirst()
            parts.append(part)
            guard let dot = rest.first, isSymbol(dot, ".") else { break }
            rest = rest.dropFirst()
        }
        return SQLName(parts)
    }

    /// One part of a name; takes the `UESCAPE '…'` behind it.
    private mutating func part(_ token: SQLToken) -> SQLName.Part? {
        let text = source.text(token.range)
        switch token.kind {
        case .word:
            return SQLName.Part(sql: text, value: String(String.UnicodeScalarView(text.unicodeScalars.map(\.lowercasedASCII))))
        case .quotedIdentifier:
            var value = text
            let isEscaped = text.hasPrefix("U") || text.hasPrefix("u")
            value = String(value.drop { $0 != "\"" }.dropFirst().dropLast()).unquoting("\"")
            if isEscaped {
                var escape: Unicode.Scalar = "\\"
                let next = rest.dropFirst()
                if let keyword = next.first, source.isWord(keyword, "UESCAPE"), let string = next.dropFirst().first, string.kind == .string
                {
                    escape = source.text(string.range).unicodeScalars.dropFirst().first ?? escape
                    rest = rest.prefix(1) + next.dropFirst(2)
                }
                guard let decoded = value.decodingUnicodeEscapes(escape) else { return nil }
                value = decoded
            }
            return SQLName.Part(sql: "\"\(value.quoting("\""))\"", value: value)
        default:
            return nil
        }
    }

    private func isSymbol(_ token: SQLToken, _ text: String) -> Bool {
        token.kind == .symbol && source.bytes[token.range].elementsEqual(text.utf8)
    }
}

extension Unicode.Scalar {
    /// The server folds no other letters in UTF-8.
    fileprivate var lowercasedASCII: Unicode.Scalar {
        ("A"..."Z").contains(self) ? Unicode.Scalar(UInt8(ascii: self) | 0x20) : self
    }
}

extension String {
    /// Each quotation mark written twice.
    fileprivate func quoting(_ quote: Unicode.Scalar) -> String {
        var scalars = UnicodeScalarView()
        for scalar in unicodeScalars {
            scalars.append(scalar)
            if scalar == quote { scalars.append(scalar) }
        }
        return String(scalars)
    }

    /// Two quotation marks in a row read as one.
    fileprivate func unquoting(_ quote: Unicode.Scalar) -> String {
        var scalars = UnicodeScalarView()
        var isSecond = false
        for scalar in unicodeScalars {
            isSecond = scalar == quote && !isSecond
            if scalar != quote || isSecond { scalars.append(scalar) }
        }
        return String(scalars)
    }

    /// What `U&"…"` means: `\0061` and `\+000061`, and two escapes for one. Nil if the server would refuse it.
    fileprivate func decodingUnicodeEscapes(_ escape: Unicode.Scalar) -> String? {
        var units: [UInt16] = []
        var rest = Substring(self).unicodeScalars
        while let scalar = rest.popFirst() {
            guard scalar == escape else {
                units += String(scalar).utf16
                continue
            }
            if rest.first == escape {
                rest.removeFirst()
                units += String(escape).utf16
                continue
            }
            let isLong = rest.first == "+"
            if isLong { rest.removeFirst() }
            let digits = rest.prefix(isLong ? 6 : 4)
            guard digits.count == (isLong ? 6 : 4) else { return nil }
            let text = String(Substring(digits))
            guard let value = UInt32(text, radix: 16) else { return nil }
            rest = rest.dropFirst(digits.count)
            if let unit = UInt16(exactly: value) {
                units.append(unit)
            } else if let scalar = Unicode.Scalar(value) {
                units += String(scalar).utf16
            } else {
                return nil
            }
        }
        return String(decoding: units, as: UTF16.self)
    }
}
