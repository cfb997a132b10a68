internal import ConvoyMigrations

extension Duration {
    /// For people: `850 ms`, `1.2 s`, `42 s`, `3 min 5 s`, `2 h 10 min`, `12 d`.
    var human: String {
        let milliseconds = max(0, self.milliseconds)
        let seconds = milliseconds / 1000
        switch milliseconds {
        case ..<1000: return "\(milliseconds) ms"
        case ..<10_000: return "\(seconds).\(milliseconds % 1000 / 100) s"
        case ..<60_000: return "\(seconds) s"
        case ..<3_600_000: return seconds % 60 == 0 ? "\(seconds / 60) min" : "\(seconds / 60) min \(seconds % 60) s"
        case ..<172_800_000: return seconds % 3600 < 60 ? "\(seconds / 3600) h" : "\(seconds / 3600) h \(seconds % 3600 / 60) min"
        default: return "\(seconds / 86_400) d"
        }
    }

    /// The same without parts of a second, and without seconds past the first minute: `2 s`, `3 min`, `12 d`.
    var humanAge: String {
        let seconds = max(0, components.seconds)
        switch seconds {
        case ..<60: return "\(seconds) s"
        case ..<3600: return "\(seconds / 60) min"
        case ..<172_800: return "\(seconds / 3600) h"
        default: return "\(seconds / 86_400) d"
        }
    }

    /// Minutes and seconds as on a watch: `0:07`, `12:40`, `1:02:03`.
    var clock: String {
        let seconds = max(0, components.seconds)
        let twoDigits = { (number: Int64) in number < 10 ? "0\(number)" : "\(number)" }
        let tail = "\(twoDigits(seconds % 60))"
        return seconds < 3600
            ? "\(seconds / 60):\(tail)" : "\(seconds / 3600):\(twoDigits(seconds / 60 % 60)):\(tail)"
    }
}

/// A number with its noun: `1 instance`, `12 instances`.
func counted(_ count: Int, _ noun: String) -> String { count == 1 ? "1 \(noun)" : "\(count) \(noun)s" }

/// The first names, then how many there are besides.
func listed(_ names: [String], limit: Int = 10) -> String {
    let shown = names.prefix(limit).map(\.visible).joined(separator: ", ")
    return names.count > limit ? "\(shown) and \(names.count - limit) more" : shown
}
