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
            guard let seconds = Self.seconds(text) else { return nil }
            self.seconds = seconds
        }
    }

    /// By bytes: a probe reads two hundred of these from each instance.
    private static func seconds(_ text: String) -> Double? {
        var text = text
        return text.withUTF8 { bytes in
            var reader = TimeReader(bytes: bytes)
            guard let year = reader.number(digits: 1...6), reader.skip("-"), let month = reader.number(digits: 2...2), reader.skip("-"),
                let day = reader.number(digits: 2...2), reader.skip(" "), let hour = reader.number(digits: 2...2), reader.skip(":"),
                let minute = reader.number(digits: 2...2), reader.skip(":"), let second = reader.number(digits: 2...2),
                let fraction = reader.fraction(), reader.skipUTC()
            else { return nil }
            let isBeforeChrist = reader.skip(" ")
            if isBeforeChrist { guard reader.skip("B"), reader.skip("C") else { return nil } }
            guard reader.isAtEnd, year >= 1, (1...12).contains(month), (1...31).contains(day), hour <= 60, minute <= 60, second <= 60 else {
                return nil
            }
            // The year before year 1 is 1 BC.
            let days = days(year: isBeforeChrist ? 1 - year : year, month: month, day: day)
            return Double(days * 86400 + hour * 3600 + minute * 60 + second) + fraction
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

    /// Nil if it cannot be shown as a date.
    var date: Date? { Date(secondsSince1970: seconds) }

    static func < (left: CatalogTime, right: CatalogTime) -> Bool { left.seconds < right.seconds }
}

/// Reads the parts of a time.
private struct TimeReader {
    let bytes: UnsafeBufferPointer<UInt8>
    private var index = 0

    init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    var isAtEnd: Bool { index == bytes.count }

    private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    private mutating func digit() -> Int? {
        guard let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
        index += 1
        return Int(clamping: byte - UInt8(ascii: "0"))
    }

    mutating func number(digits: ClosedRange<Int>) -> Int? {
        var (number, count) = (0, 0)
        while count < digits.upperBound, let digit = digit() {
            number = number * 10 + digit
            count += 1
        }
        return count >= digits.lowerBound ? number : nil
    }

    /// What follows the whole seconds: at most nine digits after a point; zero without a point.
    mutating func fraction() -> Double? {
        guard skip(".") else { return 0 }
        var (number, scale, count) = (0.0, 1.0, 0)
        while count < 9, let digit = digit() {
            number = number * 10 + Double(digit)
            scale *= 10
            count += 1
        }
        return count > 0 ? number / scale : nil
    }

    /// The offset of UTC, or none.
    mutating func skipUTC() -> Bool {
        guard skip("+") else { return true }
        guard number(digits: 2...2) == 0 else { return false }
        while skip(":") { guard number(digits: 2...2) == 0 else { return false } }
        return true
    }
}
