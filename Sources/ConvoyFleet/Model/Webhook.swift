public import ConvoyIO
import ConvoyPostgres
import ConvoyText

/// A URL that is notified of runs: an entry of `notifications`.
public struct Webhook: Sendable, Hashable {
    /// What the message looks like.
    public enum Format: String, Sendable, Hashable, CaseIterable {
        /// `convoy.notification/1`, as its JSON Schema has it.
        case json
        /// `{"text": …}`, which Slack, Mattermost and others take.
        case slack
    }

    /// When a message is sent.
    public enum Occasion: String, Sendable, Hashable, CaseIterable {
        case runStarted = "run-started"
        /// The run has come to a gate, and waits.
        case gateWaiting = "gate-waiting"
        case halted
        case runFinished = "run-finished"
    }

    /// A header of the request, for example the one that says who sends it.
    public struct Header: Sendable, Hashable {
        public var name: String
        public var value: Secret

        public init(name: String, value: Secret) {
            self.name = name
            self.value = value
        }
    }

    /// The URL itself is a secret: it is enough to send messages there.
    public var url: Secret
    public var format: Format
    public var occasions: Set<Occasion>
    /// For one try.
    public var timeout: Duration
    /// How often a message that did not arrive is sent again.
    public var retries: Int
    public var headers: [Header]
    /// The line of the fleet file that it stands on.
    public var line: Int

    public init(
        url: Secret,
        format: Format = .json,
        occasions: Set<Occasion> = Set(Occasion.allCases),
        timeout: Duration = .seconds(10),
        retries: Int = 3,
        headers: [Header] = [],
        line: Int = 1
    ) {
        self.url = url
        self.format = format
        self.occasions = occasions
        self.timeout = timeout
        self.retries = retries
        self.headers = headers
        self.line = line
    }
}
