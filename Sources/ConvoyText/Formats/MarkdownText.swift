/// Pieces of GitHub's Markdown in which text from elsewhere stays text: no markup, no link, no mention of a person.
package enum MarkdownText {
    /// Text between other text, or in a cell of a table.
    ///
    /// A code span shows it as it is. Where a table would cut that at a bar, or a backtick would end it, character references do the same.
    package static func code(_ text: String) -> String {
        let text = text.visible
        if text.isEmpty { return "" }
        if text.utf8.contains(where: { $0 == 0x60 || $0 == 0x7C }) || text.first == " " || text.last == " " { return plain(text) }
        return "`\(text)`"
    }

    /// Text that is not set apart, for sentences.
    package static func plain(_ text: String) -> String {
        var result = ""
        for scalar in text.visible.unicodeScalars {
            switch scalar {
            // Without something in between, GitHub would notify the user of that name.
            case "@": result += "@<!-- -->"
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "|", "`", "*", "_", "[", "]", "\\", "~", "#", "$": result += "&#\(scalar.value);"
            default: result.unicodeScalars.append(scalar)
            }
        }
        // What looks like an address would become a link.
        return result.replacing("://", with: "&#58;//")
    }

    /// A block of code that nothing in it can end.
    ///
    /// - Parameter lines: without anything that a terminal would obey.
    package static func fenced(_ lines: [String], language: String) -> String {
        let longest = lines.map { longestRun(of: "`", in: $0) }.max() ?? 0
        let fence = String(repeating: "`", count: max(3, longest + 1))
        return ([fence + language] + lines + [fence]).joined(separator: "\n")
    }

    /// A table; the cells are Markdown already.
    ///
    /// - Parameter columns: the titles; those with a colon at their end are aligned to the right, and the colon is not shown.
    package static func table(_ columns: [String], _ rows: [[String]]) -> String {
        let titles = columns.map { $0.hasSuffix(":") ? String($0.dropLast()) : $0 }
        let rules = columns.map { $0.hasSuffix(":") ? "--:" : "---" }
        return ([titles, rules] + rows).map { "| " + $0.joined(separator: " | ") + " |\n" }.joined()
    }

    private static func longestRun(of character: Character, in text: String) -> Int {
        var (longest, current) = (0, 0)
        for next in text {
            current = next == character ? current + 1 : 0
            longest = max(longest, current)
        }
        return longest
    }
}
