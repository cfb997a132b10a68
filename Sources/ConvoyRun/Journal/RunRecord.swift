public import ConvoyMigrations
public import FoundationEssentials

/// A run as the journal lists it.
public struct RunRecord: Sendable, Hashable {
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
    /// Nil while the run is active, and for a run that was cut off; the run's lock distinguishes the two.
    public var status: RunEnding?
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
        status: RunEnding? = nil,
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
