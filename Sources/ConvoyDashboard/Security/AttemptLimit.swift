import ConvoyText
internal import FoundationEssentials

/// How often an address may show a wrong token. A value: it knows neither clocks nor sockets.
struct AttemptLimit: Sendable {
    /// After this number of failures within ``window`` an address has to wait until the window is over.
    static let failures = 10
    static let window = Duration.seconds(60)
    /// How many addresses are remembered; behind them all others count as one.
    static let addresses = 1024
    private static let others = ""

    private struct Record: Sendable {
        var since: Date
        var failures: Int
    }

    private var records: [String: Record] = [:]

    /// How long the address has to wait after a wrong token; nil if it may try again at once.
    func wait(_ address: String, at now: Date) -> Duration? {
        guard let record = records[records[address] == nil ? Self.others : address], record.failures >= Self.failures else { return nil }
        let left = Self.seconds - now.timeIntervalSince(record.since)
        // A clock that was set back must not lock a client out for longer.
        return left > 0 && left <= Self.seconds ? .seconds(left.rounded(.up)) : nil
    }

    /// Takes in that the address showed a wrong token.
    mutating func fail(_ address: String, at now: Date) {
        if records[address] == nil, records.count >= Self.addresses {
            records = records.filter { Self.isCurrent($0.value, at: now) }
        }
        let key = records[address] == nil && records.count >= Self.addresses ? Self.others : address
        var record = records[key].flatMap { Self.isCurrent($0, at: now) ? $0 : nil } ?? Record(since: now, failures: 0)
        record.failures += 1
        records[key] = record
    }

    private static let seconds = TimeInterval(window.components.seconds)

    private static func isCurrent(_ record: Record, at now: Date) -> Bool {
        (0..<seconds).contains(now.timeIntervalSince(record.since))
    }
}
