package import FoundationEssentials

/// A time of the years 1970 to 2199 in whole milliseconds, read and written by counting days. Each event has one, and a format style takes longer
/// than all the rest of an event.
package struct UsualTime: Sendable {
    /// Since 1970.
    private let milliseconds: Int

    private static let dayLength = 86_400_000
    /// The first millisecond of the year 2200.
    private static let end = 7_258_118_400_000
    /// From 1970 to 2001, in which ``Date`` counts.
    private static let reference = 978_307_200_000

    /// Nil for other times.
    package init?(milliseconds: Double) {
        guard let milliseconds = Int(exactly: milliseconds), (0..<Self.end).contains(milliseconds) else { return nil }
        self.milliseconds = milliseconds
    }

    /// Reads `2026-08-08T09:00:00.000Z`, and nothing that differs from that form.
    package init?(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard bytes.count == Self.form.count else { return nil }
        for (byte, sign) in zip(bytes, Self.form) {
            let isRight = sign == UInt8(ascii: "0") ? Self.digits.contains(byte) : byte == sign
            guard isRight else { return nil }
        }
        func number(_ range: Range<Int>) -> Int { range.reduce(0) { $0 * 10 + Int(truncatingIfNeeded: bytes[$1]) - 48 } }
        let (year, month, day) = (number(0..<4), number(5..<7), number(8..<10))
        let (hour, minute, second) = (number(11..<13), number(14..<16), number(17..<19))
        guard (1970..<2200).contains(year), (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 60 else {
            return nil
        }
        let days = Self.days(year, month, day)
        // A day that the month does not have.
        guard Self.date(ofDay: days) == (year, month, day) else { return nil }
        let minutes = (days * 24 + hour) * 60 + minute
        milliseconds = (minutes * 60 + second) * 1000 + number(20..<23)
    }

    private static let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    private static let form = Array("0000-00-00T00:00:00.000Z".utf8)

    package var date: Date { Date(timeIntervalSinceReferenceDate: Double(milliseconds - Self.reference) / 1000) }

    /// RFC 3339, UTC, with milliseconds.
    package var text: String {
        let (year, month, day) = Self.date(ofDay: milliseconds / Self.dayLength)
        let rest = milliseconds % Self.dayLength
        var bytes = Self.form
        func write(_ number: Int, at place: Int, digits: Int) {
            var number = number
            for index in (place..<place + digits).reversed() {
                bytes[index] += UInt8(truncatingIfNeeded: number % 10)
                number /= 10
            }
        }
        write(year, at: 0, digits: 4)
        write(month, at: 5, digits: 2)
        write(day, at: 8, digits: 2)
        write(rest / 3_600_000, at: 11, digits: 2)
        write(rest / 60_000 % 60, at: 14, digits: 2)
        write(rest / 1000 % 60, at: 17, digits: 2)
        write(rest % 1000, at: 20, digits: 3)
        return String(decoding: bytes, as: UTF8.self)
    }

    // MARK: The calendar

    // Years begin in March here, so that the day that a leap year has more is its last one; 400 of them have 146,097 days. 719,468 days are from March
    // of the year 0 to 1970.

    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let (year, month) = month > 2 ? (year, month - 3) : (year - 1, month + 9)
        let (era, yearOfEra) = (year / 400, year % 400)
        let dayOfYear = (153 * month + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private static func date(ofDay days: Int) -> (year: Int, month: Int, day: Int) {
        let (era, dayOfEra) = ((days + 719_468) / 146_097, (days + 719_468) % 146_097)
        let leapDays = dayOfEra / 1460 - dayOfEra / 36_524 + dayOfEra / 146_096
        let yearOfEra = (dayOfEra - leapDays) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let year = era * 400 + yearOfEra
        return month < 10 ? (year, month + 3, day) : (year + 1, month - 9, day)
    }
}
