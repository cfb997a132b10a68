internal import ConvoyText

/// The id of a trace: 16 bytes, never all zero.
package struct TraceID: Sendable, Hashable {
    package let high: UInt64
    package let low: UInt64

    /// - Returns: nil if both halves are zero.
    package init?(high: UInt64, low: UInt64) {
        guard high | low != 0 else { return nil }
        self.high = high
        self.low = low
    }

    /// An id whose low half is made odd, and so is not zero.
    init(high: UInt64, oddLow low: UInt64) {
        self.high = high
        self.low = low | 1
    }

    /// 32 hexadecimal digits in lower case.
    package var hex: String { high.hexadecimal + low.hexadecimal }
}

/// The id of a span in its trace: 8 bytes, never all zero.
package struct SpanID: Sendable, Hashable {
    package let value: UInt64

    /// - Returns: nil for zero.
    package init?(_ value: UInt64) {
        guard value != 0 else { return nil }
        self.value = value
    }

    /// An id from a hash, of which one value stands for zero too.
    init(hash: UInt64) {
        value = hash == 0 ? 1 : hash
    }

    /// 16 hexadecimal digits in lower case.
    package var hex: String { value.hexadecimal }
}

/// A span of any program, as W3C Trace Context writes it in `traceparent`: `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
package struct TraceParent: Sendable, Hashable, CustomStringConvertible {
    package var trace: TraceID
    package var span: SpanID
    /// Whether the span is recorded.
    package var isSampled: Bool

    package init(trace: TraceID, span: SpanID, isSampled: Bool) {
        self.trace = trace
        self.span = span
        self.isSampled = isSampled
    }

    /// Reads what another program wrote; nil for anything that the specification calls invalid. A version of later years may have more at its end.
    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[0] != "ff", parts.count == 4 || parts[0] != "00",
            Self.number(parts[0], digits: 2) != nil, parts[1].utf8.count == 32,
            let high = Self.number(parts[1].prefix(16), digits: 16), let low = Self.number(parts[1].dropFirst(16), digits: 16),
            let trace = TraceID(high: high, low: low),
            let span = Self.number(parts[2], digits: 16).flatMap(SpanID.init),
            let flags = Self.number(parts[3], digits: 2)
        else { return nil }
        self.init(trace: trace, span: span, isSampled: flags & 1 == 1)
    }

    /// The value of `traceparent`.
    package var description: String { "00-\(trace.hex)-\(span.hex)-\(isSampled ? "01" : "00")" }

    /// Hexadecimal digits in lower case; nil for anything else.
    private static func number(_ text: Substring, digits: Int) -> UInt64? {
        guard text.isHexadecimal(digits: digits), let number = UInt64(text, radix: 16) else { return nil }
        return number
    }
}
