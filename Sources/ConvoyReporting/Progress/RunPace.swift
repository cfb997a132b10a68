import ConvoyText
internal import FoundationEssentials

/// How fast instances end: over the last minute, or over the last few where they are rare.
struct RunPace: Sendable {
    private static let window: TimeInterval = 60
    /// So many are looked at however old they are; fewer tell nothing.
    private static let fewest = 3
    /// Of a fleet that is faster than this many a minute the newest tell enough.
    private static let most = 600

    /// When instances ended, ascending.
    private var finishes: [Date] = []

    mutating func instanceFinished(at now: Date) {
        finishes.append(now)
        // Not one by one, which would move the rest each time.
        if finishes.count >= 2 * Self.most { finishes.removeFirst(finishes.count - Self.most) }
    }

    /// Instances a minute; nil where too few have ended to tell.
    func perMinute(at now: Date) -> Double? {
        let last = finishes.suffix(Self.most)
        let recent = last.reversed().prefix { now.timeIntervalSince($0) <= Self.window }.count
        let counted = last.suffix(max(recent, Self.fewest))
        guard counted.count >= Self.fewest, let first = counted.first else { return nil }
        // The first one only begins the time that the others took. Less than a second says more about start-up than about the fleet.
        return Double(counted.count - 1) / max(1, now.timeIntervalSince(first)) * 60
    }
}
