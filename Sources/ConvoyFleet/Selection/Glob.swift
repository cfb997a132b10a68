/// A pattern over a whole name: `*` is any run of characters, `?` is one character, everything else is itself.
public struct Glob: Sendable, Hashable, CustomStringConvertible {
    /// The pattern as it was written.
    public let pattern: String
    private let scalars: [Unicode.Scalar]

    /// A pattern; every text is one.
    public init(_ pattern: String) {
        self.pattern = pattern
        scalars = Array(pattern.unicodeScalars)
    }

    /// The pattern as it was written.
    public var description: String { pattern }

    /// By scalars, of which the pattern is made.
    public static func == (left: Self, right: Self) -> Bool { left.scalars == right.scalars }

    /// By scalars, as equality.
    public func hash(into hasher: inout Hasher) { hasher.combine(scalars) }

    /// Whether the whole text matches; letters are case-sensitive. Takes time in proportion to both lengths multiplied, at worst.
    public func matches(_ text: String) -> Bool {
        let text = Array(text.unicodeScalars)
        var position = 0
        var next = 0
        // Where to continue after a mismatch: behind the newest star, which then takes one character more. An older star need not be tried
        // again.
        var retry: (next: Int, position: Int)?
        while position < text.count {
            if next < scalars.count, scalars[next] == "*" {
                next += 1
                retry = (next, position)
            } else if next < scalars.count, scalars[next] == "?" || scalars[next] == text[position] {
                next += 1
                position += 1
            } else if let (star, taken) = retry {
                next = star
                position = taken + 1
                retry = (star, taken + 1)
            } else {
                return false
            }
        }
        return scalars[next...].allSatisfy { $0 == "*" }
    }
}
