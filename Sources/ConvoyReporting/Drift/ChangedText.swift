/// A definition beside another one: the part in the middle is what differs.
///
///     ChangedText.pair("character varying(8)", "character varying(255)")    character varying(⟦8⟧), character varying(⟦255⟧)
struct ChangedText: Hashable {
    var before: String
    /// Nil where nothing is marked.
    var changed: String?
    var after: String

    /// Whole words are marked. Of a text that stands alone nothing is: all of it is missing or extra.
    static func pair(_ first: String?, _ second: String?) -> (ChangedText?, ChangedText?) {
        guard let first, let second else { return (first.map(plain), second.map(plain)) }
        let (left, right) = (Array(first.unicodeScalars), Array(second.unicodeScalars))
        let shorter = min(left.count, right.count)
        var start = 0
        while start < shorter, left[start] == right[start] { start += 1 }
        var end = 0
        while end < shorter - start, left[left.count - 1 - end] == right[right.count - 1 - end] { end += 1 }
        while isInsideWord(left, start) || isInsideWord(right, start) { start -= 1 }
        while isInsideWord(left, left.count - end) || isInsideWord(right, right.count - end) { end -= 1 }
        return (ChangedText(left, start, end), ChangedText(right, start, end))
    }

    private static func plain(_ text: String) -> ChangedText { ChangedText(before: text, changed: nil, after: "") }

    private static func isInsideWord(_ text: [Unicode.Scalar], _ index: Int) -> Bool {
        index > 0 && index < text.count && isInWord(text[index - 1]) && isInWord(text[index])
    }

    private static func isInWord(_ scalar: Unicode.Scalar) -> Bool {
        let properties = scalar.properties
        return scalar == "_" || properties.isAlphabetic || properties.numericType != nil || properties.isGraphemeExtend
    }
}

extension ChangedText {
    private init(_ scalars: [Unicode.Scalar], _ start: Int, _ end: Int) {
        func text(_ range: Range<Int>) -> String {
            var text = String.UnicodeScalarView()
            text.append(contentsOf: scalars[range])
            return String(text)
        }
        let last = scalars.count - end
        (before, changed, after) = (text(0..<start), start < last ? text(start..<last) : nil, text(last..<scalars.count))
    }
}
