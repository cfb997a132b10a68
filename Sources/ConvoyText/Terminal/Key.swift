/// A key that was pressed on a terminal.
package enum Key: Sendable, Hashable {
    /// A letter, a digit or another character that shows.
    case character(Character)
    /// A letter with the control key, in lower case: `c` is Ctrl-C.
    case control(Character)
    case enter, escape, tab, backTab, backspace, delete
    case up, down, left, right, home, end, pageUp, pageDown
    /// A pasted text, as one line that has nothing a terminal obeys.
    case paste(String)
}
