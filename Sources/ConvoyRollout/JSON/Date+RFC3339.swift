package import FoundationEssentials

extension Date {
    private static let rfc3339Style = ISO8601FormatStyle(includingFractionalSeconds: true)

    /// RFC 3339, UTC, with milliseconds: `2026-08-08T09:00:00.000Z`.
    package var rfc3339: String {
        // The style cuts, and most milliseconds are a little less as a floating-point number: read and written again they would go back in time.
        let milliseconds = (timeIntervalSince1970 * 1000 + 0.01).rounded(.down)
        return Date(timeIntervalSince1970: milliseconds / 1000 + 0.0001).formatted(Self.rfc3339Style)
    }

    /// Reads what ``rfc3339`` writes; nil for anything else.
    package init?(rfc3339 text: String) {
        guard let date = try? Self.rfc3339Style.parse(text) else { return nil }
        self = date
    }
}
