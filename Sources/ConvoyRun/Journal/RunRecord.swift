public import ConvoyMigrations
public import FoundationEssentials

/// A run as the journal lists it.
public struct RunRecord: Sendable, Hashable {
    /// How a run ended; ``abandoned`` is one that an operator gave up and that cannot be resumed.
    public enum Status: String, Sendable, Hashable, CaseIterable {
        /// The first four are those of ``RunStatus``.
        case succeeded, failed, halted, interrupted, abandoned

        /// The status of a run that ended so.
        public init(_ status: RunStatus) {
            switch status {
            case .succeeded: self = .succeeded
            case .failed: self = .failed
            case .halted: self = .halted
            case .interrupted: self = .interrupted
            }
        }
    }

    /// The run's id.
    public var id: RunID
    /// The fleet's name.
    public var fleet: String
    /// The fleet file as the user named it.
    public var fleetFile: String
    /// Where the run brings its instances.
    public var change: Change
    /// How many instances the plan has.
    public var instances: Int
    /// When it began.
    public var startedAt: Date
    /// Nil while the run is active, and for a run that was cut off.
    public var finishedAt: Date?
    /// Nil while the run is active, and for a run that was cut off; `RunLock.holder(of:journal:)` distinguishes the two.
    public var status: Status?
    /// The version of the program that began it.
    public var convoyVersion: String
    /// The person who started it, and where: `user@host`.
    public var startedBy: String
    /// The person who abandoned it.
    public var abandonedBy: String?

    /// A record; by default one of a run that has not ended.
    public init(
        id: RunID,
        fleet: String,
        fleetFile: String,
        change: Change,
        instances: Int,
        startedAt: Date,
        finishedAt: Date? = nil,
        status: Status? = nil,
        convoyVersion: String = Convoy.version,
        startedBy: String,
        abandonedBy: String? = nil
    ) {
        self.id = id
        self.fleet = fleet
        self.fleetFile = fleetFile
        self.change = change
        self.instances = instances
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.status = status
        self.convoyVersion = convoyVersion
        self.startedBy = startedBy
        self.abandonedBy = abandonedBy
    }
}

/// How a run stands now.
public enum RunState: String, Sendable, Hashable, CaseIterable {
    /// A process works on it.
    case running
    /// The run has no recorded end and no process works on it: the process was killed, or the computer went down.
    case cutOff = "cut-off"
    /// The run has ended, as its ``RunRecord/Status`` says.
    case succeeded, failed, halted, interrupted, abandoned

    /// Judges a run by its recorded end, or else by whether a process works on it.
    ///
    /// - Parameters:
    ///   - status: how the run ended; nil if it has no recorded end.
    ///   - isRunning: whether a process holds the run's lock; only called if the run has no recorded end.
    /// - Throws: what `isRunning` throws.
    public init(_ status: RunRecord.Status?, isRunning: @autoclosure () throws(JournalError) -> Bool) throws(JournalError) {
        switch status {
        case nil: self = try isRunning() ? .running : .cutOff
        case .succeeded: self = .succeeded
        case .failed: self = .failed
        case .halted: self = .halted
        case .interrupted: self = .interrupted
        case .abandoned: self = .abandoned
        }
    }
}
