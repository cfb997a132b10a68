/// A command line that is being typed, as a shell hands it over: words with their quotes.
struct CompletionLine {
    private let words: [String]

    init(words: [String]) {
        self.words = words.map(Self.unquoted)
    }

    /// The value of an option: the next word, or what follows `=`; nil without the option. The last one counts.
    func value(of option: String, short: String? = nil) -> String? {
        var value: String?
        for (index, word) in words.enumerated() {
            if word == "--" { break }
            if word == option || word == short {
                // bash takes `=` for a word of its own.
                let next = words.dropFirst(index + 1).first == "=" ? index + 2 : index + 1
                value = words.indices.contains(next) ? words[next] : value
            } else if word.hasPrefix(option + "=") {
                value = String(word.dropFirst(option.count + 1))
            }
        }
        return value.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// What is typed of a value: a word, or what follows `=` in `--option=value`.
    static func value(_ word: String) -> String {
        let text = unquoted(word)
        guard text.hasPrefix("--"), let sign = text.firstIndex(of: "=") else { return text }
        return String(text[text.index(after: sign)...])
    }

    /// The word without the shell's quotes and backslashes. A quote that is not closed yet is left out too.
    static func unquoted(_ word: String) -> String {
        var result = String.UnicodeScalarView()
        var quote: Unicode.Scalar?
        var isEscaped = false
        for scalar in word.unicodeScalars {
            if isEscaped {
                result.append(scalar)
                isEscaped = false
            } else if scalar == "\\", quote != "'" {
                isEscaped = true
            } else if scalar == quote {
                quote = nil
            } else if quote == nil, scalar == "'" || scalar == "\"" {
                quote = scalar
            } else {
                result.append(scalar)
            }
        }
        return String(result)
    }
}
