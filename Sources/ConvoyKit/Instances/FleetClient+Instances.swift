import ConvoyFleet
import ConvoyInstance
import ConvoyJournal
import ConvoyMigrations
package import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import ConvoyText
import FoundationEssentials

/// What is known of one instance: its history and its facts.
extension FleetClient {
    /// What is read besides the journal.
    package enum InstanceSource: Sendable {
        /// The databases too: discovered names, the audit log.
        case databases
        /// Nothing: connects to no database.
        case journal
    }

    /// What the recorded runs did to an instance, and what its audit log says.
    ///
    /// - Parameter limit: the most runs, and the most rows of the audit log.
    /// - Throws: ``FleetError/Code/selection`` for a name that neither the fleet nor the journal has, and ``FleetError/Code/journal``.
    package func history(of name: String, limit: Int, from source: InstanceSource) async throws -> InstanceHistory {
        let catalog = catalog
        let journal = try await catalog.openForReading()
        let visits = try await visits(to: name, limit: limit, in: journal, catalog)
        let known = try await known(source)
        let instance = known.instances.first { $0.name == name }
        if instance == nil, visits.list.isEmpty {
            var names = known.instances.map(\.name)
            if let journal {
                names += try await catalog.explaining { () async throws(JournalError) in
                    try await journal.instanceNames(fleet: fleet.name)
                }.sorted()
            }
            throw unknown(name, among: names, isComplete: known.isComplete)
        }
        var trail: AuditTrail?
        if let instance, instance.skip == nil, source == .databases { trail = await runner.auditTrail(of: instance, limit: limit) }
        return InstanceHistory(
            fleet: fleet.name,
            instance: name,
            isInFleet: instance != nil,
            journal: fleet.journal,
            generatedAt: Date(),
            visits: visits.list,
            hasOlderVisits: visits.hasMore,
            trail: trail,
            names: set.names
        )
    }

    /// What is known of an instance now, on one page.
    ///
    /// - Throws: ``FleetError/Code/selection`` for a name that the fleet does not have, ``FleetError/Code/discovery`` if that cannot be known, and
    ///   ``FleetError/Code/journal``.
    package func describe(_ name: String) async throws -> InstanceDescription {
        let known = try await known(.databases)
        guard let instance = known.instances.first(where: { $0.name == name }) else {
            throw unknown(name, among: known.instances.map(\.name), isComplete: known.isComplete)
        }
        let catalog = catalog
        let journal = try await catalog.openForReading()
        let visits = try await visits(to: name, limit: 20, in: journal, catalog)
        // What a run does meanwhile is newer than what the probe finds.
        let began = Date()
        let status =
            if let reason = instance.skip { InstanceStatus(skipping: instance, reason) } else {
                await runner.forReading.probe(instance, for: .up(to: nil))
            }
        var facts = InstanceDescription(fleet: fleet.name, status: status, at: Date(), names: set.names, newest: set.newest?.version)
        var report = FleetReport(fleet: fleet.name, target: nil, statuses: [status], at: began)
        try await catalog.remember(in: &report)
        report.instance(name).map { facts.apply($0) }
        facts.releases = set.releases
        if status.serverVersion != nil { facts.lockHolders = await runner.lockHolders(on: instance) }
        if let journal {
            // Without them the page only has no durations.
            facts.usualDurations = (try? await journal.typicalDurations(fleet: fleet.name)) ?? [:]
        }
        if !fleet.rollout.needsCohorts {
            facts.wave =
                fleet.rollout.assign(known.instances.filter { $0.skip == nil }).waves.first { $0.instances.contains { $0.name == name } }?
                .wave.name
        }
        facts.hooks = HookPoint.allCases.filter { fleet.rollout.hooks.commands[$0] != nil }
        facts.visits = visits.list
        facts.hasOlderVisits = visits.hasMore
        return facts
    }

    /// The instances of the fleet, without those of servers that cannot list their databases.
    private func known(_ source: InstanceSource) async throws -> DiscoveredFleet {
        guard source == .databases else { return DiscoveredFleet(instances: fleet.instances, leftOut: fleet.discoveries.isEmpty ? 0 : 1) }
        let found = try await fleet.discover()
        for failure in found.failures { onWarning("cannot list the databases of server \(failure.discovery.server): \(failure.error)") }
        return found
    }

    private func unknown(_ name: String, among names: [String], isComplete: Bool) -> FleetError {
        let nearest = nearestWord(to: name, among: names).map { "did you mean \($0)?" }
        return FleetError(
            .selection,
            "no instance is called “\(name)”" + (isComplete ? "" : "; not all instances of the fleet are known"),
            hint: nearest ?? "`convoy status` shows the names"
        )
    }

    /// What the newest runs of the fleet did to an instance, the newest first.
    private func visits(
        to name: String,
        limit: Int,
        in journal: (any RunStore)?,
        _ catalog: RunCatalog
    ) async throws(FleetError) -> (list: [InstanceVisit], hasMore: Bool) {
        guard let journal else { return ([], false) }
        var visits: [InstanceVisit] = []
        let runs = try await catalog.explaining { () async throws(JournalError) in
            try await journal.runs(limit: 1000, fleet: fleet.name)
        }
        for run in runs {
            let events = try await catalog.explaining { () async throws(JournalError) in
                try await journal.events(of: run, about: name).compactMap(\.event)
            }
            guard let visit = InstanceVisit(run, try await catalog.state(of: run, in: journal), instance: name, events: events) else {
                continue
            }
            if visits.count == limit { return (visits, true) }
            visits.append(visit)
        }
        return (visits, false)
    }
}
