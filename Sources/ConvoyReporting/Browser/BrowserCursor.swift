import ConvoyText

/// The line of a list that keys act on, and the first one that is shown.
struct BrowserCursor: Sendable, Hashable {
    private(set) var position = 0
    private(set) var top = 0

    /// Moves as a key asks.
    ///
    /// - Parameters:
    ///   - count: how many lines the list has.
    ///   - height: how many of them fit the screen.
    /// - Returns: whether the key is one that moves.
    mutating func move(_ key: Key, count: Int, height: Int) -> Bool {
        switch key {
        case .up, .character("k"): position -= 1
        case .down, .character("j"): position += 1
        case .pageUp, .control("b"): position -= max(1, height - 1)
        case .pageDown, .control("f"): position += max(1, height - 1)
        case .home, .character("g"): position = 0
        case .end, .character("G"): position = count - 1
        default: return false
        }
        settle(count: count, height: height)
        return true
    }

    /// The list has changed: the selected line is at another position now, and stays where it is on the screen. At the top of the list, what is
    /// new there is shown instead.
    mutating func follow(to position: Int, count: Int, height: Int) {
        if top > 0 { top += position - self.position }
        self.position = position
        settle(count: count, height: height)
    }

    /// Keeps the cursor within the list, and the line within the screen.
    mutating func settle(count: Int, height: Int) {
        position = max(0, min(position, count - 1))
        top = max(position - max(1, height) + 1, min(top, position))
        // No empty lines at the end while there are others before the first one.
        top = max(0, min(top, count - height))
    }

    /// The lines that fit the screen.
    func range(count: Int, height: Int) -> Range<Int> {
        let start = max(0, min(top, count))
        return start..<max(start, min(count, start + max(0, height)))
    }

    /// Moves a text of which no line is selected: the first line that is shown is the one that moves, and the last page is a full one.
    mutating func scroll(_ key: Key, count: Int, height: Int) {
        position = top
        if move(key, count: max(0, count - height) + 1, height: height) { top = position }
    }
}
