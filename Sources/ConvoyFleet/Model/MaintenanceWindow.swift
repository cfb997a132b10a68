internal import ConvoyMigrations
import ConvoyText
internal import Foundation
public import FoundationEssentials

/// `window`: when new work may start, in the local time of a time zone.
///
/// A time of day means the first moment at which the local clock shows it or a later one. So on the day on which the clock jumps from 02:00 to 03:00, a window
/// that opens at 02:30 opens with the jump, one from 02:00 to 03:00 does not open at all, and on the day on which the hour from 02:00 to
/// 03:00 comes twice, 02:30 is the first of the two.
public struct MaintenanceWindow: Sendable, Hashable, Codable {
    /// A day of the week.
    public enum Day: String, Sendable, Hashable, CaseIterable, Codable {
        /// The days as the fleet file writes them, from Monday to Sunday.
        case mon, tue, wed, thu, fri, sat, sun
    }

    /// The days on which it opens.
    public var days: Set<Day>
    /// When it opens, in minutes since midnight.
    public var from: Int
    /// When it closes, in minutes since midnight; 1440 is the day's end. A window that does not close after it opens continues into the
    /// next day, and belongs to the day on which it opened.
    public var to: Int
    /// An IANA name, for example `Europe/Berlin`. With one that this machine does not know, which the fleet file's reader refuses, the window is never open.
    public var timezone: String

    static let minutesOfDay = 24 * 60

    /// A window; by default it opens every day.
    public init(days: Set<Day> = Set(Day.allCases), from: Int, to: Int, timezone: String) {
        self.days = days
        self.from = from
        self.to = to
        self.timezone = timezone
    }

    /// Whether new work may start. It may at the moment of opening, and may not at the moment of closing.
    public func isOpen(at date: Date) -> Bool {
        period(endingAfter: date).map { $0.lowerBound <= date } ?? false
    }

    /// The next moment at which the window opens or closes; `Date.distantFuture` where it never does.
    public func nextChange(after date: Date) -> Date {
        guard let period = period(endingAfter: date) else { return .distantFuture }
        return period.lowerBound > date ? period.lowerBound : period.upperBound
    }

    /// The names of abbreviations such as IST are left out, since each of them means several zones.
    static func zone(named name: String) -> TimeZone? {
        guard name == "UTC" || name == "GMT" || name.contains("/") else { return nil }
        return TimeZone(identifier: name)
    }

    // MARK: Periods

    /// The time without interruption for which it is open at that moment, or for which it opens next.
    private func period(endingAfter date: Date) -> Range<Date>? {
        guard let zone = Self.zone(named: timezone), date > .distantPast, date < .distantFuture else { return nil }
        let today = Self.dayNumber(date, in: zone)
        var found: Range<Date>?
        // A clock that jumps can skip a weekly window; none is skipped three times in a row. The day before yesterday is there for zones
        // that left out a whole day.
        for day in (today - 2)...(today + 28) {
            guard let opening = opening(on: day, in: zone), opening.upperBound > date else { continue }
            guard let earlier = found else {
                found = opening
                continue
            }
            guard opening.lowerBound <= earlier.upperBound else { return earlier }
            found = earlier.lowerBound..<max(earlier.upperBound, opening.upperBound)
        }
        // Only a window that is always open lasts for weeks.
        return found.map {
            $0.upperBound.timeIntervalSince($0.lowerBound) > 14 * Self.secondsOfDay ? $0.lowerBound..<Date.distantFuture : $0
        }
    }

    /// When it is open because of that day, in days since 1970; nil if it does not open.
    private func opening(on day: Int, in zone: TimeZone) -> Range<Date>? {
        // 1 January 1970 was a Thursday.
        let weekday = Day.allCases[((day + 3) % 7 + 7) % 7]
        guard days.contains(weekday) else { return nil }
        let midnight = Double(day) * Self.secondsOfDay
        let closingMidnight = to > from ? midnight : midnight + Self.secondsOfDay
        let start = Self.firstMoment(showing: midnight + Double(from) * 60, in: zone)
        let end = Self.firstMoment(showing: closingMidnight + Double(to) * 60, in: zone)
        return start < end ? start..<end : nil
    }

    // MARK: Local time

    private static let secondsOfDay = 86_400.0

    private static func dayNumber(_ date: Date, in zone: TimeZone) -> Int {
        Int(clamping: ((date.timeIntervalSince1970 + Double(zone.secondsFromGMT(for: date))) / secondsOfDay).rounded(.down))
    }

    /// The first moment at which a clock there shows that time or a later one; the time in seconds since 1970 as that clock counts them.
    private static func firstMoment(showing local: Double, in zone: TimeZone) -> Date {
        func offset(_ time: Double) -> Double { Double(zone.secondsFromGMT(for: Date(timeIntervalSince1970: time))) }
        // A day to either side lies beyond every change of the clock that can matter.
        let before = offset(local - secondsOfDay)
        let after = offset(local + secondsOfDay)
        let early = local - before
        if before == after || offset(early) == before { return Date(timeIntervalSince1970: early) }
        let late = local - after
        if offset(late) == after { return Date(timeIntervalSince1970: late) }
        // The clock jumped over it: between the two lies the jump.
        var (low, high) = (min(early, late), max(early, late))
        while high - low > 1 {
            let middle = ((low + high) / 2).rounded(.down)
            if offset(middle) == before { low = middle } else { high = middle }
        }
        return Date(timeIntervalSince1970: high)
    }
}
