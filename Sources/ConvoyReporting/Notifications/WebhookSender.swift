package import ConvoyFleet
import ConvoyIO
import ConvoyRun
import ConvoyText
internal import Foundation
internal import Synchronization

/// Sends messages to one webhook, one after the other, in a task of its own: the sender of a message never waits for the delivery.
///
///     let sender = WebhookSender(webhook, file: "fleet.yaml") { print($0) }
///     async let sent: Void = sender.deliver()
///     sender.post(message, about: .runStarted)
///     sender.finish()
///     await sent
///
/// A failed delivery is reported in one line, and has no other effect.
package struct WebhookSender: Sendable {
    private struct Message: Sendable {
        var body: String
        var occasion: Webhook.Occasion
    }

    private final class Count: Sendable {
        let value = Mutex(0)
    }

    private let webhook: Webhook
    /// Where the fleet file describes it, which is all that may be shown of it.
    private let place: String
    private let warn: @Sendable (String) -> Void
    private let firstPause: Duration
    private let messages: AsyncStream<Message>
    private let queue: AsyncStream<Message>.Continuation
    private let left = Count()

    /// More than a run has to say; a receiver that is so far behind will not catch up.
    private static let queueLimit = 32

    /// - Parameters:
    ///   - file: the fleet file, as messages call it.
    ///   - warn: called with one line for each message that could not be delivered.
    package init(_ webhook: Webhook, file: String, warn: @escaping @Sendable (String) -> Void) {
        self.init(webhook, file: file, firstPause: .seconds(1), warn: warn)
    }

    package init(_ webhook: Webhook, file: String, firstPause: Duration, warn: @escaping @Sendable (String) -> Void) {
        self.webhook = webhook
        place = "\(file):\(webhook.line)"
        self.warn = warn
        self.firstPause = firstPause
        (messages, queue) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.queueLimit))
    }

    /// How many messages have neither arrived nor been given up.
    package var undelivered: Int { left.value.withLock(\.self) }

    /// Puts a message into the queue and returns at once.
    ///
    /// - Parameter body: JSON.
    package func post(_ body: String, about occasion: Webhook.Occasion) {
        left.value.withLock { $0 += 1 }
        guard case .dropped = queue.yield(Message(body: body, occasion: occasion)) else { return }
        left.value.withLock { $0 -= 1 }
        tell(occasion, "too many notifications are waiting")
    }

    /// Nothing more will be posted.
    package func finish() {
        queue.finish()
    }

    /// Delivers until ``finish()`` was called and nothing is left. Cancelling the task gives up what is left.
    @concurrent
    package func deliver() async {
        for await message in messages {
            // A stream still gives a cancelled task what it holds.
            if Task.isCancelled { break }
            if let problem = await problem(delivering: message) { tell(message.occasion, problem) }
            left.value.withLock { $0 -= 1 }
        }
        let lost = undelivered
        if lost > 0 { warn("\(place): warning: \(lost) more \(lost == 1 ? "notification was" : "notifications were") not sent") }
    }

    private func tell(_ occasion: Webhook.Occasion, _ problem: String) {
        warn("\(place): warning: the notification of \(occasion.rawValue) did not arrive: \(problem)")
    }

    /// Why a message did not arrive; nil if it did.
    private func problem(delivering message: Message) async -> String? {
        var request: HTTPRequest
        do throws(SecretFailure) {
            let address = try await webhook.lateURL?.value().secret ?? webhook.url
            guard let url = URL(string: address.reveal()), ["http", "https"].contains(url.scheme?.lowercased()), url.host() != nil else {
                return "its URL is not valid"
            }
            guard URLPort.isUsable(in: address.reveal()) else { return "its \(URLPort.complaint)" }
            request = HTTPRequest(method: "POST", url: url, redirects: .refused, timeout: webhook.timeout)
            request.headers = [("Content-Type", "application/json"), ("User-Agent", "convoy/\(Convoy.version)")]
            for header in webhook.headers {
                let value = try await header.late?.value().secret ?? header.value
                guard Webhook.Header.isValue(value.reveal()) else {
                    return "header \(header.name) contains a character that is not allowed"
                }
                request.headers.append((header.name, value.reveal()))
            }
        } catch {
            return error.description
        }
        request.body = message.body
        var tries = 0
        while true {
            let answer = await request.answer()
            tries += 1
            let problem: String
            switch Delivery(answer, timeout: webhook.timeout, at: Date()) {
            case .arrived: return nil
            case .refused(let reason): return reason
            case .failed(let reason, let pause):
                problem = tries == 1 ? reason : "\(reason), after \(tries) attempts"
                guard tries <= webhook.retries, !Task.isCancelled else { break }
                try? await Task.sleep(for: max(Delivery.backoff(after: tries, first: firstPause), pause ?? .zero))
            }
            if Task.isCancelled { return "no time was left; the last attempt: \(problem)" }
            if tries > webhook.retries { return problem }
        }
    }
}
