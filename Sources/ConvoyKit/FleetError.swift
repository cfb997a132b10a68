internal import ConvoyRollout
import ConvoyRun
import ConvoyText

/// Why a ``FleetClient`` cannot do what it was asked to do. Nothing was changed, unless a run was under way.
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
        /// A wave rolls back on failure and a pending migration is irreversible, or a run cannot be rolled back.
        public static let irreversible = Code(description: "irreversible")
        /// Another run of the fleet is active.
        public static let activeRun = Code(description: "activeRun")
        /// The journal cannot be used.
        public static let journal = Code(description: "journal")
        /// The run does not exist, or its state does not allow what was asked.
        public static let run = Code(description: "run")
        /// The run cannot be resumed: the fleet file, the migrations or the instances are no longer those of its plan.
        public static let planChanged = Code(description: "planChanged")
        /// The run was halted by a stop rule, or by a gate that caused rollbacks, so that it cannot be resumed.
        public static let halted = Code(description: "halted")
        /// The fleet file does not allow `convoy provision` to make databases.
        public static let provisioning = Code(description: "provisioning")
    }

    /// The kind of the error.
    public var code: Code
    /// One sentence without a full stop, and without a secret.
    public var message: String
    /// What the message sums up, one line each: for example every server that could not list its databases.
    public var details: [String]
    /// What to do next.
    public var hint: String?

    /// Why the journal refused what it could have done; nil if it cannot be used.
    package var refusal: JournalError.Reason?

    package init(_ code: Code, _ message: String, details: [String] = [], hint: String? = nil) {
        self.code = code
        self.message = message
        self.details = details
        self.hint = hint
    }

    /// The message, then the details, then the hint in parentheses.
    public var description: String {
        message + (details.isEmpty ? "" : ": " + details.joined(separator: "; ")) + (hint.map { " (\($0))" } ?? "")
    }
}

extension FleetError {
    /// Why the journal cannot be used, or refuses what it could do.
    package init(_ error: JournalError) {
        let isAboutTheRun = error.reason == .changed
        self.init(isAboutTheRun ? .run : .journal, isAboutTheRun ? error.message : error.description, hint: error.hint)
        refusal = error.reason
    }

    /// Why a run cannot start or continue now.
    package init(_ conflict: RunConflict) {
        switch conflict {
        case .overlapping(let run, let instances):
            self.init(
                .activeRun,
                "run \(run.id) of \(run.startedBy) is active"
                    + (instances.isEmpty ? "" : " and includes \(Overtaking.list(instances))"),
                hint: "wait until it has ended; `convoy runs show \(run.id)` shows its progress"
            )
        case .active(let run):
            self.init(.activeRun, "run \(run.id) of \(run.startedBy) is active in this fleet", hint: "wait until it has ended")
        case .starting(let error): self.init(.activeRun, error.message, hint: error.hint)
        case .journal(let error): self.init(error)
        }
    }

    /// The fleet file does not have a wave.
    init(_ error: UnknownWave) {
        self.init(.unknownWave, error.description)
    }

    /// Why a request to a run is refused.
    package init(_ error: RunRequestError, _ run: RunID) {
        switch error {
        case .noOpenGate: self.init(.run, "run \(run) is not waiting at a gate", hint: "`convoy runs show \(run)` shows its progress")
        case .alreadyStopping: self.init(.run, "run \(run) is stopping already", hint: "another request cancels what is in progress")
        case .approvalNotRequired(let wave): self.init(.run, "the gate of wave \(wave) does not require approval")
        case .unknownServer(let server, let known):
            self.init(
                .run,
                "run \(run) has no instance on a server named “\(server)”",
                hint: nearestWord(to: server, among: known).map { "did you mean \($0)?" }
                    ?? "its servers are \(known.prefix(10).joined(separator: ", "))"
            )
        case .unreadablePlan(let reason): self.init(.journal, "the plan of run \(run) cannot be read: \(reason)")
        case .journal(let error): self.init(error)
        }
    }
}
