import ConvoyFleet
internal import ConvoyMigrations
import ConvoyRun
import ConvoyText

/// How long a run will probably still take.
struct TimeLeft: Sendable, Hashable {
    /// Work and soaks that are known.
    var duration: Duration
    /// Whether a gate also needs an approval, whose time is unknown.
    var needsApproval: Bool

    /// A wave that is not done, and the gate after it.
    struct Wave: Sendable, Hashable {
        /// How many instances have not ended.
        var left: Int
        /// What they take one after the other, less what those under way have had already.
        var work: Duration
        /// What one of those under way still needs at least.
        var longest = Duration.zero
        /// How many the limits allow at a time.
        var parallelism: Double
        /// What is left of the gate's soak; zero if there is no gate, or no wave comes after it.
        var soak = Duration.zero
        var needsApproval = false

        var duration: Duration {
            guard left > 0 else { return soak }
            return max(longest, max(.zero, work) / max(1, min(parallelism, Double(left)))) + soak
        }
    }

    /// Nil if the estimated end has already passed, or is too far away to estimate.
    init?(_ waves: [Wave]) {
        duration = waves.reduce(.zero) { $0 + $1.duration }
        needsApproval = waves.contains(where: \.needsApproval)
        guard duration > .zero, duration < .seconds(30 * 86_400) else { return nil }
    }

    /// `about 40 s left`, `about 12 min left, and an approval`.
    var text: String { "about \(Self.rounded(duration)) left" + (needsApproval ? ", and an approval" : "") }

    /// No more digits than an estimate has.
    private static func rounded(_ duration: Duration) -> String {
        let seconds = Int(clamping: (duration / .seconds(1)).rounded(.up))
        switch seconds {
        case ...10: return "\(seconds) s"
        case ...90: return "\((seconds + 9) / 10 * 10) s"
        case ...5400: return "\((seconds + 30) / 60) min"
        case ...172_800: return "\((seconds + 1800) / 3600) h"
        default: return "\((seconds + 43_200) / 86_400) d"
        }
    }
}
