package import FoundationEssentials

extension Date {
    /// RFC 3339, UTC, with milliseconds: `2026-08-08T09:00:00.000Z`.
    package var rfc3339: String { formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)) }

    /// The time of day in UTC, for progress lines: `09:00:00`.
    var timeOfDay: String { formatted(Date.ISO8601FormatStyle().time(includingFractionalSeconds: false)) }
}
