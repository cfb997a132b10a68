internal import ConvoyMigrations
import ConvoyText

/// When the dashboard probes the whole fleet by itself: at an interval, with a first round that several dashboards do not begin together. A rule
/// without a clock; times are those since the start.
///
/// A round that is due while a probe is in progress is left out, and what was missed is not made up for.
package struct ProbeSchedule: Sendable, Hashable {
    /// The intervals that it accepts.
    package static let intervals = Duration.seconds(10)...Duration.seconds(30 * 86_400)
    /// The first round is due within this part of the interval, and within this time.
    private static let share = 10
    private static let longestDelay = Duration.seconds(30)

    /// From one round to the next.
    package let interval: Duration
    /// When the first round is due.
    let first: Duration

    /// - Parameter chance: from 0 to 1, by which the start is moved.
    /// - Returns: nil if the interval is not one of ``intervals``.
    package init?(every interval: Duration, chance: Double) {
        guard Self.intervals.contains(interval) else { return nil }
        self.interval = interval
        first = min(interval / Self.share, Self.longestDelay) * min(1, max(0, chance))
    }

    /// When the next round after that time is due.
    func next(after time: Duration) -> Duration {
        guard time >= first else { return first }
        let rounds = Int64(clamping: ((time - first) / interval).rounded(.down))
        let next = first + interval * (rounds + 1)
        // A quotient of two durations is not exact.
        return next > time ? next : next + interval
    }
}
