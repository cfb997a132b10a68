/// A text that must not be shown: it prints as dots, in debug output too, and is read only by ``reveal()``.
public struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let value: String
    /// Whether the operator says that what looks odd in it belongs to it.
    public let isExact: Bool

    /// A secret whose oddities are reported.
    public init(_ value: String) {
        self.init(value, isExact: false)
    }

    /// A secret; with `isExact` its oddities are not reported.
    public init(_ value: String, isExact: Bool) {
        self.value = value
        self.isExact = isExact
    }

    /// The text itself: for the place that needs it, never for a log, an event, a report or an error.
    public func reveal() -> String { value }

    /// What is odd about it, unless the operator says that it is exact.
    public var oddities: [SecretOddity] { isExact ? [] : SecretOddity.all(in: value) }

    /// Dots, whatever the text is.
    public var description: String { "•••" }
    /// Dots, whatever the text is.
    public var debugDescription: String { "•••" }
    /// A mirror without children, so that `dump` shows no text.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
