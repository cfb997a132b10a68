import ConvoyText
import FoundationEssentials

/// A time in UTC as a server prints it with `DateStyle` ISO, read leniently: a time only orders rows and is shown, and decides nothing else.
struct CatalogTime: Sendable, Hashable, Comparable {
    /// Since 1970; infinite for `infinity` and `-infinity`.
    var seconds: Double

    init(seconds: Double) { self.seconds = seconds }

    /// For example `2026-11-22 21:11:58.25+00`; nil if the text is not a time.
    init?(_ text: String) {
        switch text {
        case "infinity": seconds = .infinity
        case "-infinity": seconds = -.infinity
        default:
            let words = text.split(separator: " ")
            guard words.count == 2 || words.count == 3 && words[2] == "BC" else { return nil }
            // No offset but that of UTC.
            let clock = words[1].split(separator: "+", omittingEmptySubsequences: false)[0].split(separator: ":").compactMap { Double($0) }
            let date = words[0].split(separator: "-").compactMap { Int($0) }
            guard date.count == 3, clock.count == 3, clock.allSatisfy({ (0...60).contains($0) }), (1...999_999).contains(date[0]),
                (1...12).contains(date[1]), (1...31).contains(date[2])
            else { return nil }
            // The year before year 1 is 1 BC.
            let days = Self.days(year: words.count == 3 ? 1 - date[0] : date[0], month: date[1], day: date[2])
            seconds = Double(days) * 86400 + clock[0] * 3600 + clock[1] * 60 + clock[2]
        }
    }

    /// Days since 1970-01-01 in the Gregorian calendar. Years begin in March here, so that the leap day is the last one.
    private static func days(year: Int, month: Int, day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// Nil where it cannot be shown as a date.
    var date: Date? { Date(secondsSince1970: seconds) }

    static func < (left: CatalogTime, right: CatalogTime) -> Bool { left.seconds < right.seconds }
}
