package import FoundationEssentials

extension Duration {
    /// ``human`` without parts of a second, and without seconds past the first minute: `2 s`, `3 min`, `12 d`.
    package var humanAge: String {
        let seconds = max(0, components.seconds)
        switch seconds {
        case ..<60: return "\(seconds) s"
        case ..<3600: return "\(seconds / 60) min"
        case ..<172_800: return "\(seconds / 3600) h"
        default: return "\(seconds / 86_400) d"
        }
    }

    /// Minutes and seconds as on a watch: `0:07`, `12:40`, `1:02:03`.
    package var clock: String {
        let seconds = max(0, components.seconds)
        let twoDigits = { (number: Int64) in number < 10 ? "0\(number)" : "\(number)" }
        let tail = "\(twoDigits(seconds % 60))"
        return seconds < 3600
            ? "\(seconds / 60):\(tail)" : "\(seconds / 3600):\(twoDigits(seconds / 60 % 60)):\(tail)"
    }
}

extension Date {
    /// `2026-08-08 09:00:00Z`
    package var human: String { formatted(ISO8601FormatStyle(dateTimeSeparator: .space)) }
}

/// A number with its noun: `1 instance`, `12 instances`.
package func counted(_ count: Int, _ noun: String) -> String { count == 1 ? "1 \(noun)" : "\(count) \(noun)s" }

/// A share of a whole, `12.5 %`: never 0 for something nor 100 for less than all, and `-` of nothing.
package func percentText(_ count: Int, of whole: Int) -> String {
    guard whole > 0 else { return "-" }
    let tenths = (count * 1000 + whole / 2) / whole
    if tenths == 0, count > 0 { return "<0.1 %" }
    if tenths == 1000, count < whole { return ">99.9 %" }
    return "\(tenths / 10).\(tenths % 10) %"
}

/// The first names, then the number of the others.
package func listed(_ names: [String], limit: Int = 10) -> String {
    let shown = names.prefix(limit).map(\.visible).joined(separator: ", ")
    return names.count > limit ? "\(shown) and \(names.count - limit) more" : shown
}

extension Date {
    /// The time that passes until a later moment; a clock that was set back counts as zero.
    package func duration(to end: Date) -> Duration { Duration(clampingSeconds: end.timeIntervalSince(self)) }
}
