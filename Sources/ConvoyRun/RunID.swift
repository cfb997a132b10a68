public import FoundationEssentials

/// The name of a run: when it began, in UTC, and six random digits, for example `20261122T123456Z-ab12cd`.
///
/// Sorting by it sorts by time; the random part keeps two coordinators that begin in the same second apart.
public struct RunID: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The id as text.
    public let description: String

    /// An id that was given before, for example one read from the journal.
    public init(_ text: String) {
        description = text
    }

    /// A new id for a run that begins at a time.
    public init(startedAt date: Date, using generator: inout some RandomNumberGenerator) {
        let time = date.formatted(Date.ISO8601FormatStyle(dateSeparator: .omitted, timeSeparator: .omitted, timeZone: .gmt))
        let random = String(UInt32.random(in: 0..<(1 << 24), using: &generator), radix: 16)
        description = time + "-" + String(repeating: "0", count: 6 - random.count) + random
    }

    /// A new id for a run that begins at a time, from the system's random numbers.
    public init(startedAt date: Date) {
        var generator = SystemRandomNumberGenerator()
        self.init(startedAt: date, using: &generator)
    }

    /// Orders ids by their text, and so by time.
    public static func < (left: Self, right: Self) -> Bool { left.description < right.description }
}
