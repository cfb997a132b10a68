package import ConvoyFleet
package import ConvoyMigrations

/// The part of a run that concerns one instance.
package struct InstanceJob: Sendable {
    package let instance: Instance
    /// What to do there.
    package let change: Change
    /// The run's id.
    package let run: String
    /// Whether another worker began it and was lost: what that one left in the database is ended first.
    package let isTakenOver: Bool

    /// A job from its parts.
    package init(_ instance: Instance, _ change: Change, run: String, isTakenOver: Bool = false) {
        (self.instance, self.change, self.run, self.isTakenOver) = (instance, change, run, isTakenOver)
    }
}

/// Migrates instances. The real one is `InstanceRunner`, with hooks, health checks and observation around it; tests put a fake here.
package protocol InstanceMigrator: Sendable {
    /// Brings an instance to the target, and reports what happens on the way. Never throws: what went wrong is the result's failure.
    /// When the task is cancelled it cancels on the server, rolls back and ends with ``Outcome/interrupted``.
    func migrate(_ job: InstanceJob, report: @escaping @Sendable (Event.Kind) -> Void) async -> InstanceResult
}

/// Reads where instances and their servers stand; takes no lock and writes nothing. The real one is `InstanceRunner`; tests put a fake here.
package protocol InstanceInspector: Sendable {
    /// Reads where an instance stands, and what the change would run there (`pending`, in the order in which it would). Never throws: what went
    /// wrong is the status's failure. A way down that is irreversible is ``Outcome/blocked``.
    func probe(_ instance: Instance, for change: Change) async -> InstanceStatus

    /// What a run has already done to an instance, read from the instance's audit log; nil if there is no audit log or it cannot be read.
    func work(of run: String, on instance: Instance) async -> RunWork?

    /// About how many rows tables have, by the words of their names, from what the server's statistics say; no row is read. Nil if it can't be
    /// asked; a table that does not exist is missing.
    ///
    /// - Parameter tables: names as migrations write them, each as one word or with its schema before it.
    func estimatedRows(of tables: [[String]], on instance: Instance) async -> [[String]: Int]?

    /// How many connections the instance's server has to give; nil if it can't be asked.
    func slots(on instance: Instance, run: String) async -> ServerSlots?

    /// The most connections that a migration of the instance holds at once on its server.
    func connections(for instance: Instance) -> Int
}

extension InstanceInspector {
    /// Unknown, where nothing else is implemented.
    package func estimatedRows(of tables: [[String]], on instance: Instance) async -> [[String]: Int]? { nil }
}
