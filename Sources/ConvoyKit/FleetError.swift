/// Why a ``FleetClient`` cannot do what it was asked to do; nothing was changed.
public struct FleetError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of an error. Later versions may add codes.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The code's name, for example `selection`.
        public let description: String

        /// The selector is invalid, or selects no instance.
        public static let selection = Code(description: "selection")
        /// The migration set does not have the target version.
        public static let unknownTarget = Code(description: "unknownTarget")
        /// The fleet file does not have the wave.
        public static let unknownWave = Code(description: "unknownWave")
        /// A server could not list its databases.
        public static let discovery = Code(description: "discovery")
        /// A wave rolls back on failure, and a pending migration is irreversible.
        public static let irreversible = Code(description: "irreversible")
        /// Another run of the fleet is active.
        public static let activeRun = Code(description: "activeRun")
        /// The journal cannot be used.
        public static let journal = Code(description: "journal")
    }

    /// The kind of the error.
    public var code: Code
    /// One sentence without a full stop, and without a secret.
    public var message: String
    /// What to do next.
    public var hint: String?

    package init(_ code: Code, _ message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    /// The message, then the hint in parentheses.
    public var description: String { message + (hint.map { " (\($0))" } ?? "") }
}
