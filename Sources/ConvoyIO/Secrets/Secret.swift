/// A text that must not be shown: it prints as dots, in debug output too, and is read only by ``reveal()``.
public struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let value: String
    /// Whether the operator says that what looks odd in it belongs to it.
    public let isExact: Bool

    public init(_ value: String) {
        self.init(value, isExact: false)
    }

    public init(_ value: String, isExact: Bool) {
        self.value = value
        self.isExact = isExact
    }

    /// The text itself: for the place that needs it, never for a log, an event, a report or an error.
    public func reveal() -> String { value }

    /// What is odd about it, unless the operator says that it is exact.
    public var oddities: [SecretOddity] { isExact ? [] : SecretOddity.all(in: value) }

    public var description: String { "•••" }
    public var debugDescription: String { "•••" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
