/// A terminal as far as the live view uses one: lines of cells, a cursor, and what a change of its size does to both.
struct TerminalModel {
    /// What becomes of lines that are longer than a terminal that was made narrower.
    enum Narrowing: Sendable, CaseIterable {
        /// They are wrapped again, as in most terminals.
        case wraps
        /// They are cut, as in xterm.
        case cuts
    }

    private struct Line {
        var text: [Character] = []
        /// It goes on in the next one.
        var isWrapped = false
    }

    let narrowing: Narrowing
    private(set) var width: Int
    private(set) var height: Int
    private var lines = [Line()]
    private var row = 0
    private var column = 0
    private var wraps = true

    init(width: Int, height: Int, narrowing: Narrowing = .wraps) {
        (self.width, self.height, self.narrowing) = (width, height, narrowing)
    }

    /// Everything that was ever on it and was not erased, scrolled away or not, without spaces and empty lines at the end.
    var text: [String] {
        var result: [String] = []
        var joined = ""
        for line in lines {
            joined += String(line.text)
            if !line.isWrapped {
                while joined.last == " " { joined.removeLast() }
                result.append(joined)
                joined = ""
            }
        }
        while result.last == "" { result.removeLast() }
        return result
    }

    private var top: Int { max(0, lines.count - height) }

    /// Takes in what a program writes; the terminal's driver makes a line feed a new line.
    mutating func write(_ output: String) {
        var rest = Substring(output)
        while let character = rest.popFirst() {
            switch character {
            case "\u{1B}":
                guard rest.popFirst() == "[" else { continue }
                let parameters = rest.prefix { !$0.isLetter }
                rest = rest.dropFirst(parameters.count)
                obey(rest.popFirst(), String(parameters))
            case "\r": column = 0
            case "\n", "\r\n":
                column = 0
                lineFeed(isWrapped: false)
            default: put(character)
            }
        }
    }

    private mutating func obey(_ command: Character?, _ parameters: String) {
        switch (command, parameters) {
        case ("A", let count): row = max(top, row - (Int(count) ?? 1))
        case ("K", ""): cut(row, column)
        case ("J", ""):
            cut(row, column)
            lines.removeSubrange((row + 1)...)
        case ("l", "?7"): wraps = false
        case ("h", "?7"): wraps = true
        case ("m", _): break
        default: lines[row].text = Array("unknown sequence \(parameters)\(command.map(String.init) ?? "")")
        }
    }

    private mutating func cut(_ row: Int, _ column: Int) {
        lines[row].text = Array(lines[row].text.prefix(column))
        lines[row].isWrapped = false
    }

    private mutating func lineFeed(isWrapped: Bool) {
        lines[row].isWrapped = isWrapped
        row += 1
        if row == lines.count { lines.append(Line()) }
    }

    private mutating func put(_ character: Character) {
        if column == width {
            if wraps {
                column = 0
                lineFeed(isWrapped: true)
            } else {
                column -= 1
            }
        }
        while lines[row].text.count <= column { lines[row].text.append(" ") }
        lines[row].text[column] = character
        column += 1
    }

    /// The window gets another size; the cursor stays in its place in the text.
    mutating func resize(width: Int, height: Int) {
        self.height = height
        guard width != self.width else { return }
        self.width = width
        guard narrowing == .wraps else {
            for index in lines.indices { lines[index].text = Array(lines[index].text.prefix(width)) }
            column = min(column, width)
            return
        }
        var wrapped: [Line] = []
        var cursor = (row: 0, column: 0)
        var paragraph: [Character] = []
        var place: Int?
        for (index, line) in lines.enumerated() {
            if index == row { place = paragraph.count + column }
            paragraph += line.text
            if line.isWrapped, index + 1 < lines.count { continue }
            if let place { cursor = (wrapped.count + place / width, place % width) }
            place = nil
            var pieces = stride(from: 0, to: max(1, paragraph.count), by: width).map { start in
                Line(text: Array(paragraph[start..<min(start + width, paragraph.count)]), isWrapped: true)
            }
            pieces[pieces.count - 1].isWrapped = false
            wrapped += pieces
            paragraph = []
        }
        lines = wrapped
        (row, column) = (min(cursor.row, lines.count - 1), cursor.column)
    }
}
