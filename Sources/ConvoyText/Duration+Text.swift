extension Duration {
    /// Reads a number and a unit: `800ms`, `5s`, `30m`, `2h`, `1d`; also a sum, `1m30s`. A bare number has no meaning and gives nil.
    package init?(text: some StringProtocol) {
        var rest = Substring(text)
        var total = Duration.zero
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            guard let number = Double(digits), number.isFinite, number < 1e9 else { return nil }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isASCII && $0.isLetter }
            rest = rest.dropFirst(unit.count)
            switch unit {
            case "ms": total += .microseconds(Int64(clamping: number * 1000))
            case "s": total += .milliseconds(Int64(clamping: number * 1000))
            case "m", "min": total += .milliseconds(Int64(clamping: number * 60_000))
            case "h": total += .milliseconds(Int64(clamping: number * 3_600_000))
            case "d": total += .milliseconds(Int64(clamping: number * 86_400_000))
            default: return nil
            }
            guard total < .seconds(1e15) else { return nil }
        }
        self = total
    }

    /// Whole milliseconds, cut; what PostgreSQL's time-out settings take. Where there are more than the type holds, as many as it does.
    package var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, hasOverflow) = seconds.multipliedReportingOverflow(by: 1000)
        let (sum, sumHasOverflow) = whole.addingReportingOverflow(attoseconds / 1_000_000_000_000_000)
        return hasOverflow || sumHasOverflow ? (seconds < 0 ? .min : .max) : sum
    }

    /// Seconds as a number, as machine output has them.
    package var seconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }

    /// For people: `850 ms`, `1.2 s`, `42 s`, `3 min 5 s`, `2 h 10 min`, `12 d`.
    package var human: String {
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
}
