package import ConvoyRun
import ConvoyText
package import FoundationEssentials

/// A time of a span, to the microsecond. It is made of what the journal keeps of an event, so that a process that reads the event makes the same.
package struct SpanTime: Sendable, Hashable, Comparable {
    /// Since 1970.
    package let microseconds: Int64

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    package init(_ date: Date) {
        // To the millisecond, as RFC 3339 has it in the journal.
        microseconds = Int64(clamping: (date.timeIntervalSince1970 * 1000 + 0.01).rounded(.down) * 1000)
    }

    package static func < (left: Self, right: Self) -> Bool { left.microseconds < right.microseconds }

    /// That much earlier.
    package func before(_ duration: Duration) -> SpanTime { moved(by: -1 * Int64(clamping: (duration.seconds * 1e6).rounded())) }

    /// That much later.
    package func after(_ duration: Duration) -> SpanTime { moved(by: Int64(clamping: (duration.seconds * 1e6).rounded())) }

    private func moved(by distance: Int64) -> SpanTime {
        let (sum, isOverflow) = microseconds.addingReportingOverflow(distance)
        return isOverflow ? self : SpanTime(microseconds: sum)
    }
}

/// A piece of work that has ended, as OpenTelemetry knows it.
package struct TraceSpan: Sendable, Hashable {
    /// What a span or an event of one has to say under a key.
    package struct Attribute: Sendable, Hashable {
        package var key: String
        package var value: Value
    }

    package enum Value: Sendable, Hashable {
        case string(String)
        case integer(Int)
    }

    /// Something that happened at a moment of a span.
    package struct Moment: Sendable, Hashable {
        package var name: String
        package var at: SpanTime
        package var attributes: [Attribute]
    }

    package enum Kind: Int, Sendable {
        case `internal` = 1
        /// A request to another system: here the database.
        case client = 3
    }

    package var id: SpanID
    package var parent: SpanID?
    package var name: String
    package var kind = Kind.internal
    package var start: SpanTime
    package var end: SpanTime
    package var attributes: [Attribute]
    package var moments = Moments()
    /// What went wrong, in one line; nil if the work ended well.
    package var problem: String?

    /// The moments of a span: at most 32 are kept.
    package struct Moments: Sendable, Hashable {
        package private(set) var kept: [Moment] = []
        /// How many came after these.
        package private(set) var dropped = 0

        private static let limit = 32

        package init() {}

        mutating func add(_ name: String, _ at: SpanTime, _ attributes: [Attribute] = []) {
            guard kept.count < Self.limit else { return dropped += 1 }
            kept.append(Moment(name: name, at: at, attributes: attributes))
        }
    }
}

extension [TraceSpan.Attribute] {
    /// Adds a text; nil adds nothing. Texts of others are cut and made printable.
    mutating func add(_ key: String, _ text: String?) {
        if let text { append(TraceSpan.Attribute(key: key, value: .string(text.fitForSpan))) }
    }

    mutating func add(_ key: String, _ number: Int?) {
        if let number { append(TraceSpan.Attribute(key: key, value: .integer(number))) }
    }
}

extension String {
    private static let spanLimit = 300

    /// Short enough for a span, without what a terminal would obey.
    var fitForSpan: String {
        let text = prefix(bytes: Self.spanLimit).visible
        return text.utf8.count <= Self.spanLimit && utf8.count <= Self.spanLimit ? text : text.prefix(bytes: Self.spanLimit - 3) + "…"
    }
}
