package import ConvoyRun

/// What a run in a control database has asked for and one worker does: the change of an instance, a hook, a gate, a watch.
package struct Assignment: Sendable, Hashable {
    /// Which one it is.
    package struct Key: Sendable, Hashable {
        package var run: RunID
        /// Ascending in a run, from 1.
        package var number: Int64

        package init(run: RunID, number: Int64) {
            (self.run, self.number) = (run, number)
        }
    }

    package var key: Key
    /// The word for what is to be done.
    package var kind: String
    /// The instance, wave or server that it is about; empty for the whole run.
    package var subject: String
    package var wave: String?
    /// The server that it needs; nil if it needs none.
    package var server: String?
    /// How often it was claimed, this time included; 0 before the first.
    package var attempt: Int64
    /// The operator asked to cancel what is in progress: it is ended and not begun.
    package var isCancelled: Bool
    /// Who had it before, where that one has not ended it.
    package var previousWorker: String?

    package init(
        key: Key,
        kind: String,
        subject: String,
        wave: String? = nil,
        server: String? = nil,
        attempt: Int64 = 0,
        isCancelled: Bool = false,
        previousWorker: String? = nil
    ) {
        self.key = key
        self.kind = kind
        self.subject = subject
        self.wave = wave
        self.server = server
        self.attempt = attempt
        self.isCancelled = isCancelled
        self.previousWorker = previousWorker
    }
}

/// An assignment that a worker has, as the control database says it now.
package struct Lease: Sendable, Hashable {
    package var key: Assignment.Key
    package var attempt: Int64
    /// The operator asked to cancel what is in progress.
    package var isCancelled: Bool
    /// The person who approved the gate; nil before, and for everything else.
    package var approvedBy: String?

    package init(key: Assignment.Key, attempt: Int64, isCancelled: Bool = false, approvedBy: String? = nil) {
        self.key = key
        self.attempt = attempt
        self.isCancelled = isCancelled
        self.approvedBy = approvedBy
    }
}

/// A worker as the control database lists it.
package struct WorkerRecord: Sendable, Hashable {
    /// Unique for each process.
    package var id: String
    package var fleet: String
    package var convoyVersion: String
    /// The most assignments that it takes at a time.
    package var capacity: Int
    /// How many it has.
    package var running: Int
    /// It takes nothing new.
    package var isDraining: Bool

    package init(
        id: String,
        fleet: String,
        convoyVersion: String = Convoy.version,
        capacity: Int,
        running: Int = 0,
        isDraining: Bool = false
    ) {
        self.id = id
        self.fleet = fleet
        self.convoyVersion = convoyVersion
        self.capacity = capacity
        self.running = running
        self.isDraining = isDraining
    }
}

/// A run that has not ended and that workers carry out.
package struct OpenRun: Sendable, Hashable {
    package var id: RunID
    /// Of the fleet file that it was submitted with.
    package var fleetChecksum: String
    package var convoyVersion: String
    /// Which hand-over to workers this is: each one may come with other files.
    package var handOver: String
    /// How many decisions have written something.
    package var turn: Int64
    package var lastEvent: Int64
    /// Whether an operator asked for something that no decision has answered.
    package var hasRequests: Bool
    /// The person who asked to resume it, until a worker has.
    package var resumedBy: String?
}
