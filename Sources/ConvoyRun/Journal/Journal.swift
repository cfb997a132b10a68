import ConvoyIO
package import FoundationEssentials

/// Where a run is written down before it acts, and where other processes leave what they ask of it.
///
/// The real ones are stores of runs, in a SQLite file or a control database; tests put a fake here.
package protocol Journal: Sendable {
    /// Makes events durable, in order. Returns when they would survive a loss of power; one wait on the disk may cover many calls.
    ///
    /// `runFinished` also ends the run's record, and `runResumed` opens it again, in the same transaction; one that was abandoned stays so. Where it
    /// throws, none of the events is known to be written, and they may be given again with those that follow: each is written once.
    func append(_ events: [Event], to run: RunID) async throws(JournalError)

    /// The same with the last events of a run, for which nothing else waits: if the run was cancelled, they may take longer than others, until
    /// ``hurry(_:)`` is called once more.
    func appendLast(_ events: [Event], to run: RunID) async throws(JournalError)

    /// What was asked of a run since the request with that number, oldest first; 0 means from the beginning.
    ///
    /// - Throws: an error whose reason is ``JournalError/Reason/takenOver`` as soon as it is known that another process has the run now.
    func requests(of run: RunID, after number: Int64) async throws(JournalError) -> [OperatorRequest]

    /// The operator has cancelled the run: what it still has to write waits for a journal that is away for a few seconds only.
    func hurry(_ run: RunID)

    /// What is new of a run from now on; without one of its own, a journal is asked again and again.
    func news(of run: RunID) -> any RunNews
}

extension Journal {
    package func appendLast(_ events: [Event], to run: RunID) async throws(JournalError) { try await append(events, to: run) }

    package func hurry(_ run: RunID) {}
}

/// Something that another process asks of a run under way.
package struct OperatorRequest: Sendable, Hashable {
    /// Ascending in a run.
    package var number: Int64
    /// What is asked.
    package var kind: Kind
    /// The person who asked, as `user@host`.
    package var by: String
    /// When it was asked.
    package var at: Date

    /// What can be asked of a run.
    package enum Kind: Sendable, Hashable {
        /// As the first Ctrl-C.
        case stop
        /// Let the gate of that wave pass; nil means the one that waits now.
        case approve(wave: String?)
        /// Start nothing new on the server.
        case pause(server: String)
        /// Start again on the server.
        case unpause(server: String)
    }

    /// A request as the journal has it.
    package init(number: Int64, kind: Kind, by: String, at: Date) {
        self.number = number
        self.kind = kind
        self.by = by
        self.at = at
    }
}

/// The journal cannot be used: missing rights, a full disk, a damaged file, a database that cannot be reached.
public struct JournalError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The journal's file as the user named it, or of a control database `host:port/database`.
    public var path: String
    /// What is wrong, in words that follow the path.
    public var message: String
    /// What to do next.
    public var hint: String?
    /// What a caller does about it; nil where it can only report it.
    package var reason: Reason?

    /// Whether another process has the run now, so that this one is to touch nothing more.
    package var isTakenOver: Bool { reason == .takenOver }

    /// Why something was refused that the journal itself could have done.
    package enum Reason: Sendable, Hashable {
        /// Another process has the lock, or a worker a lease; a little later it may be free.
        case held
        /// Another process has the run now: this one is to touch nothing more.
        case takenOver
        /// While a run was about to begin, its turn was lost, or another run became active: check again.
        case overtaken
        /// The run is not as it was read any more: a person looks at it before anything is done to it.
        case changed
    }

    /// An error of this journal.
    public init(path: String, message: String, hint: String? = nil) {
        self.path = path
        self.message = message
        self.hint = hint
    }

    /// The path and the message; ``hint`` says what to do.
    public var description: String { "journal \(path): \(message)" }
}
