package import FoundationEssentials

extension Date {
    /// A time that a server gave; nil outside of the years 1 to 9999, which RFC 3339 can write, and for what is not a number.
    package init?(secondsSince1970 seconds: Double) {
        guard (-62_135_596_800.0..<253_402_300_800.0).contains(seconds) else { return nil }
        self.init(timeIntervalSince1970: seconds)
    }

    private static let rfc3339Style = ISO8601FormatStyle(includingFractionalSeconds: true)

    /// RFC 3339, UTC, with milliseconds: `2026-08-08T09:00:00.000Z`.
    package var rfc3339: String {
        // The style cuts, and most milliseconds are a little less as a floating-point number: read and written again they would go back in time.
        let milliseconds = (timeIntervalSince1970 * 1000 + 0.01).rounded(.down)
        if let text = UsualTime(milliseconds: milliseconds)?.text { return text }
        return Date(timeIntervalSince1970: milliseconds / 1000 + 0.0001).formatted(Self.rfc3339Style)
    }

    /// Reads what ``rfc3339`` writes; nil for anything else.
    package init?(rfc3339 text: String) {
        let usual = text.utf8.withContiguousStorageIfAvailable { bytes in UsualTime(bytes) }
        if let usual = usual ?? nil {
            self = usual.date
            return
        }
        guard let date = try? Self.rfc3339Style.parse(text) else { return nil }
        self = date
    }
}
