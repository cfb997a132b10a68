import ConvoyText
internal import FoundationEssentials

/// How fast instances end: over the last minute, or over the last few where they are rare.
struct RunPace: Sendable {
    private static let window: TimeInterval = 60
    /// Minimum number of endings to use, however old they are; with fewer there is no pace.
    private static let fewest = 3
    /// For a fleet that is faster than this number a minute, the newest endings are enough.
    private static let most = 600

    /// When instances ended, ascending.
    private var finishes: [Date] = []

    mutating func instanceFinished(at now: Date) {
        finishes.append(now)
        // Not one by one, which would move the rest each time.
        if finishes.count >= 2 * Self.most { finishes.removeFirst(finishes.count - Self.most) }
    }

    /// Instances a minute; nil if too few have ended.
    func perMinute(at now: Date) -> Double? {
        let last = finishes.suffix(Self.most)
        let recent = last.reversed().prefix { now.timeIntervalSince($0) <= Self.window }.count
        let counted = last.suffix(max(recent, Self.fewest))
        guard counted.count >= Self.fewest, let first = counted.first else { return nil }
        // The first one only begins the time that the others took. Less than a second says more about start-up than about the fleet.
        return Double(counted.count - 1) / max(1, now.timeIntervalSince(first)) * 60
    }
}
