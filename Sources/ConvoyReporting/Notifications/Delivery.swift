package import ConvoyIO
internal import ConvoyMigrations
import ConvoyText
package import FoundationEssentials

/// What one try to deliver a message came to.
package enum Delivery: Sendable, Hashable {
    case arrived
    /// Trying again would change nothing.
    case refused(String)
    /// It may go better later.
    ///
    /// - Parameter pause: how long the receiver asks to wait at least; nil if it does not say.
    case failed(String, pause: Duration?)

    /// The longest wait, whatever the receiver asks for.
    static let longestPause = Duration.seconds(60)

    /// - Parameters:
    ///   - answer: nil if no answer came in time.
    ///   - isTemporary: whether it may go better after an error status.
    package init(
        _ answer: HTTPRequest.Answer?,
        timeout: Duration,
        at now: Date,
        where isTemporary: (_ status: Int) -> Bool = { $0 >= 500 || [408, 425, 429].contains($0) }
    ) {
        switch answer {
        case .status(200..<300, _, _): self = .arrived
        case .status(let status, _, _) where (300..<400).contains(status):
            self = .refused("it answered \(status), and Convoy does not follow redirects")
        case .status(let status, let retryAfter, _) where isTemporary(status):
            self = .failed("it answered \(status)", pause: retryAfter.flatMap { Self.pause($0, at: now) })
        case .status(let status, _, _): self = .refused("it answered \(status)")
        case .astray(let status, let reason): self = .refused("it answered \(status), and Convoy does not follow that redirect: \(reason)")
        case .failed(let reason): self = .failed(reason, pause: nil)
        case nil: self = .failed("no answer within \(timeout.human)", pause: nil)
        }
    }

    /// A number of seconds, or a date (RFC 9110, 10.2.3); nil for neither.
    static func pause(_ retryAfter: String, at now: Date) -> Duration? {
        let text = retryAfter.trimmingPrefix(while: \.isWhitespace)
        let seconds = Double(text) ?? date(text)?.timeIntervalSince(now)
        guard let seconds, seconds.isFinite else { return nil }
        return min(longestPause, Duration(clampingSeconds: seconds))
    }

    /// Reads `Sun, 06 Nov 1994 08:49:37 GMT`.
    private static func date(_ text: Substring) -> Date? {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT", let month = months.firstIndex(of: String(words[2])) else { return nil }
        return Date(rfc3339: "\(words[3])-\(month < 9 ? "0" : "")\(month + 1)-\(words[1])T\(words[4]).000Z")
    }

    /// How long to wait before the next try: about twice as long each time, never quite as long as others do.
    ///
    /// - Parameter tries: how many there have been.
    package static func backoff(after tries: Int, first: Duration) -> Duration {
        min(longestPause, first * (1 << min(tries - 1, 10))) * Double.random(in: 0.5...1)
    }
}
