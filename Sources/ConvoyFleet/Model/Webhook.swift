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
        /// A card of Microsoft Teams, for the webhook of a workflow.
        case teams
        /// An annotation of Grafana, for `/api/annotations`; that of a run's end spans the run.
        case grafana
    }

    /// When a message is sent.
    public enum Occasion: String, Sendable, Hashable, CaseIterable {
        /// The run begins.
        case runStarted = "run-started"
        /// The run has come to a gate, and waits.
        case gateWaiting = "gate-waiting"
        /// The run was halted: nothing new starts.
        case halted
        /// The run has ended, well or not.
        case runFinished = "run-finished"
    }

    /// A header of the request, for example the one that says who sends it.
    public struct Header: Sendable, Hashable {
        /// The header's name, for example `Authorization`.
        public var name: String
        /// The header's value, which may be a token.
        public var value: Secret
        /// What a secret command gives instead, when a message is sent.
        package var late: LateSecret?

        /// A header of the requests.
        public init(name: String, value: Secret) {
            self.name = name
            self.value = value
        }

        /// Whether a text can be sent as a header's value; a line break would begin another header.
        package static func isValue(_ text: String) -> Bool { text.unicodeScalars.allSatisfy { $0 == "\t" || (" "..."~").contains($0) } }
    }

    /// The URL itself is a secret: it is enough to send messages there.
    public var url: Secret
    /// What a secret command gives instead, when a message is sent.
    package var lateURL: LateSecret?
    /// What the messages look like.
    public var format: Format
    /// When messages are sent.
    public var occasions: Set<Occasion>
    /// For one try.
    public var timeout: Duration
    /// How often a message that did not arrive is sent again.
    public var retries: Int
    /// Headers to send with each message.
    public var headers: [Header]
    /// The line of the fleet file that it stands on.
    public var line: Int

    /// A webhook; the defaults are those of an entry with `url` alone.
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
