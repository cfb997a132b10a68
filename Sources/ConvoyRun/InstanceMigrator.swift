public import ConvoyFleet
public import ConvoyMigrations

/// What the coordinator needs of one instance. The real one is `InstanceRunner`; tests put a fake here.
public protocol InstanceOperator: Sendable {
    /// Reads where an instance stands, and what the change would run there (`pending`, in the order in which it would). Takes no lock, writes
    /// nothing, and never throws: what went wrong is the status's failure. A way down that is irreversible is ``Outcome/blocked``.
    func probe(_ instance: Instance, for change: Change) async -> InstanceStatus

    /// Brings an instance to the target, telling what happens on the way. Never throws: what went wrong is the result's failure.
    /// When the task is cancelled it cancels on the server, rolls back and ends with ``Outcome/interrupted``.
    func change(
        _ instance: Instance,
        _ change: Change,
        run: String,
        report: @escaping @Sendable (Event.Kind) -> Void
    ) async -> InstanceResult

    /// What a run has already done to an instance, read from the instance's audit log; nil if there is no audit log or it cannot be read.
    func work(of run: String, on instance: Instance) async -> RunWork?

    /// What kind of database it is: equal for databases with the same newest version and the same schema, whatever rows they hold. Nil where it
    /// can't be read.
    func cohort(of instance: Instance) async -> String?

    /// How many connections the instance's server has to give; nil where it can't be asked.
    func slots(on instance: Instance, run: String) async -> ServerSlots?

    /// The most connections that `change` holds at once on the instance's server.
    func connections(for instance: Instance) -> Int
}
