import ConvoyIO
import ConvoyText
internal import Foundation

/// What one try to send spans came to.
enum TraceDelivery: Sendable, Hashable {
    /// - Parameters:
    ///   - rejected: how many of the spans the collector did not take.
    ///   - remark: what it says about them, or to us.
    case arrived(rejected: Int, remark: String?)
    /// Trying again would change nothing.
    case refused(String)
    /// It may go better later.
    ///
    /// - Parameter pause: how long the collector asks to wait at least; nil if it does not say.
    case failed(String, pause: Duration?)

    /// The answers after which the specification allows another try.
    private static let temporary = [429, 502, 503, 504]

    /// - Parameters:
    ///   - answer: nil if no answer came in time.
    ///   - body: of the answer; nil if it was not read to its end, and then the status alone counts.
    ///   - count: how many spans were sent.
    init(_ answer: HTTPRequest.Answer?, body: String?, of count: Int, timeout: Duration, at now: Date) {
        self =
            switch Delivery(answer, timeout: timeout, at: now, where: Self.temporary.contains) {
            case .arrived: Self.partial(body ?? "", of: count)
            case .refused(let reason): .refused(reason)
            case .failed(let reason, let pause): .failed(reason, pause: pause)
            }
    }

    /// Reads `ExportTraceServiceResponse`. Anything else says that all arrived.
    private static func partial(_ body: String, of count: Int) -> TraceDelivery {
        let answer = try? JSONDecoder().decode(Response.self, from: Data(body.utf8))
        guard let partial = answer?.partialSuccess else { return .arrived(rejected: 0, remark: nil) }
        let remark = partial.errorMessage.flatMap { $0.isEmpty ? nil : $0.fitForSpan }
        return .arrived(rejected: min(max(0, partial.rejectedSpans?.value ?? 0), count), remark: remark)
    }

    private struct Response: Decodable {
        var partialSuccess: Partial?

        struct Partial: Decodable {
            var rejectedSpans: Count?
            var errorMessage: String?
        }
    }

    /// A whole number of 64 bits, which the JSON of Protocol Buffers has as a string, and reads as a number too.
    private struct Count: Decodable {
        var value: Int

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            value = if let text = try? container.decode(String.self) { Int(text) ?? 0 } else { try container.decode(Int.self) }
        }
    }
}
