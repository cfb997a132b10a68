/// A character that a reader cannot see, or mistakes for another one: the reason why a name looks right and is not.
package struct OddCharacter: Hashable, Sendable {
    package let scalar: Unicode.Scalar
    /// In characters from the text's start, counted from 1.
    package let position: Int
    private let kind: Kind

    private enum Kind: Hashable {
        case blank(String)
        case invisible(String)
        case punctuation(String)
        case letter(String)
    }

    /// The first odd character of a text; nil if the text has no odd character.
    package init?(in text: String) {
        if text.utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) { return nil }
        self.init(in: text.unicodeScalars)
    }

    package init?(in scalars: some Sequence<Unicode.Scalar>) {
        let scalars = Array(scalars)
        let hasLatin = scalars.contains { "a"..."z" ~= $0 || "A"..."Z" ~= $0 }
        for (index, scalar) in scalars.enumerated() {
            guard let kind = Self.kind(scalar, besideLatin: hasLatin) else { continue }
            self.scalar = scalar
            position = index + 1
            self.kind = kind
            return
        }
        return nil
    }

    /// Whether nothing of it shows, or only a gap.
    package var isBlankOrInvisible: Bool {
        switch kind {
        case .blank, .invisible: true
        case .punctuation, .letter: false
        }
    }

    /// Whether it is a letter that looks like a Latin one.
    package var isLetter: Bool { if case .letter = kind { true } else { false } }

    /// Whether it most likely does not belong to a value that stands without quotes: it cannot be seen, or is a quote itself.
    package var isOddWithoutQuotes: Bool {
        switch kind {
        case .blank, .invisible: true
        case .punctuation(let name): name.contains("quote") || name.hasPrefix("full-width")
        case .letter: false
        }
    }

    /// For example `a no-break space (U+00A0)`, or `U+0430 (Cyrillic а)`.
    package var description: String {
        switch kind {
        case .blank(let name), .invisible(let name): "\(Self.article(name)) \(name) (\(codePoint))"
        case .punctuation(let name): "“\(scalar)”, \(Self.article(name)) \(name) (\(codePoint))"
        case .letter(let script): "\(codePoint) (\(script) \(scalar))"
        }
    }

    /// What to do about it.
    package var hint: String {
        switch kind {
        case .blank: "use a plain space"
        case .invisible: "remove it"
        case .punctuation(let name): name.contains("quote") ? "use plain quotes: \" or '" : "use the plain one"
        case .letter: "use the Latin letter that looks like it"
        }
    }

    private var codePoint: String { scalar.codePoint }

    private static func article(_ name: String) -> String { name.first.map { "aeiou".contains($0) } ?? false ? "an" : "a" }

    /// The text as a person reads it: odd characters that stand for an ASCII one replaced by it, those that cannot be seen taken out.
    package static func read(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if let plain = lookAlikes[scalar] {
                result.append(plain)
            } else if (0xff01...0xff5e).contains(scalar.value), let plain = Unicode.Scalar(scalar.value - 0xfee0) {
                result.append(plain)
            } else if kind(scalar, besideLatin: false) == nil {
                result.append(scalar)
            }
        }
        return String(result)
    }

    private static func kind(_ scalar: Unicode.Scalar, besideLatin: Bool) -> Kind? {
        if scalar.isASCII { return scalar.value < 0x20 || scalar.value == 0x7f ? .invisible("control character") : nil }
        switch scalar.value {
        case 0xa0: return .blank("no-break space")
        case 0xfeff: return .invisible("byte order mark")
        case 0x2028: return .invisible("line separator")
        case 0x2029: return .invisible("paragraph separator")
        case 0xad: return .invisible("soft hyphen")
        case 0x2010...0x2015, 0x2212: return .punctuation("dash")
        case 0x2018...0x201f: return .punctuation("curly quote")
        case 0xff01...0xff5e: return .punctuation("full-width character")
        default: break
        }
        let properties = scalar.properties
        switch properties.generalCategory {
        case .spaceSeparator: return .blank(words(properties.name) ?? "blank")
        case .control: return .invisible("control character")
        case .format: return .invisible(words(properties.name) ?? "invisible character")
        default: break
        }
        if properties.isDefaultIgnorableCodePoint { return .invisible("invisible character") }
        if besideLatin, lookAlikes[scalar] != nil { return .letter(script(properties.name)) }
        return nil
    }

    private static func words(_ name: String?) -> String? { name.map { $0.lowercased() } }

    private static func script(_ name: String?) -> String {
        guard let word = name?.split(separator: " ").first else { return "foreign" }
        return word.prefix(1) + word.dropFirst().lowercased()
    }

    /// Cyrillic and Greek letters that look like a Latin one in most fonts.
    private static let lookAlikes: [Unicode.Scalar: Unicode.Scalar] = {
        let pairs =
            "аaвbеeкkмmнhоoрpсcтtуyхxѕsіiјjԁdһhԛqԝwАAВBЕEКKМMНHОOРPСCТTУYХXЅSІIЈJԌGѴVαaοoρpνvιiκkυuΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧX"
        var table: [Unicode.Scalar: Unicode.Scalar] = [:]
        let scalars = Array(pairs.unicodeScalars)
        for index in stride(from: 0, to: scalars.count - 1, by: 2) { table[scalars[index]] = scalars[index + 1] }
        return table
    }()
}

extension Unicode.Scalar {
    /// As Unicode writes it, for example `U+00A0`.
    package var codePoint: String {
        let digits = String(value, radix: 16, uppercase: true)
        return "U+" + String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    }
}
