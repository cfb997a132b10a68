/// Comma-separated values in the making, as RFC 4180 has them, and harmless in a spreadsheet.
package struct CSVText: Sendable {
    package var text = ""

    package init(text: String = "") {
        self.text = text
    }

    /// Adds a row; what is nil is an empty cell.
    package mutating func add(_ row: [String?]) {
        for (index, cell) in row.enumerated() {
            if index > 0 { text += "," }
            if let cell { add(cell) }
        }
        text += "\r\n"
    }

    private mutating func add(_ cell: String) {
        var cell = Self.shown(cell)
        // A spreadsheet calculates what begins so, quoted or not, and may start programs; the apostrophe makes it a text.
        if Self.isFormula(cell) { cell = "'" + cell }
        if cell.utf8.contains(where: { $0 == 0x22 || $0 == 0x2C || $0 == 0x0A || $0 == 0x0D }) || cell.first == " " || cell.last == " " {
            text += "\""
            // By scalars: to Swift, a quote with a combining mark after it is no quote.
            for scalar in cell.unicodeScalars { text += scalar == "\"" ? "\"\"" : String(scalar) }
            text += "\""
        } else {
            text += cell
        }
    }

    private static func isFormula(_ cell: String) -> Bool {
        // Some programs take blanks and controls in front away first, and take the wide forms for the narrow ones.
        switch cell.unicodeScalars.first(where: { !$0.properties.isWhitespace }) {
        case "=", "+", "-", "@", "\u{FF1D}", "\u{FF0B}", "\u{FF0D}", "\u{FF20}": true
        default: cell.unicodeScalars.first == "\t" || cell.unicodeScalars.first == "\n"
        }
    }

    /// The cell as ``Swift/String/visible`` has it, but with its line feeds and tabs.
    private static func shown(_ cell: String) -> String {
        if cell.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return cell }
        var shown = ""
        for scalar in cell.unicodeScalars {
            switch scalar {
            case "\n", "\t": shown.unicodeScalars.append(scalar)
            case "\r": shown += "\\r"
            case _ where scalar.isObeyedByTerminals: shown += scalar.writtenOut
            default: shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }
}
