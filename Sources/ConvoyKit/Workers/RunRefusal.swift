import ConvoyFleet
package import ConvoyJournal
package import ConvoyMigrations
package import ConvoyRollout
package import ConvoyRun
import ConvoyText

/// Why a worker does not take part in a run. All workers of a run must do the same, so they must have the same files and the same program.
package enum RunRefusal: Error, Sendable, Hashable, CustomStringConvertible {
    /// The run was submitted by another version of Convoy.
    case version(run: String, own: String)
    /// The migrations differ: one line for each.
    case migrations([String])
    /// The fleet file's text differs.
    case fleetFile
    /// Instances are not the same databases here: one line for each.
    case instances([String])
    /// What is recorded cannot be used, for this reason.
    case record(String)

    /// What differs.
    package var description: String {
        switch self {
        case .version(let run, let own): "it was submitted by Convoy \(run.visible), and this is Convoy \(own)"
        case .migrations(let lines): "its migrations are not those of this worker: \(Self.list(lines))"
        case .fleetFile: "its fleet file is not the same as that of this worker"
        case .instances(let lines): "its instances are not those of this worker: \(Self.list(lines))"
        case .record(let reason): reason.visible
        }
    }

    /// What to do about it.
    package var hint: String {
        switch self {
        case .version: "use one version of Convoy everywhere"
        case .migrations: "copy the same migration set to every worker"
        case .fleetFile: "copy the same fleet file to every worker, which reads it again for each run"
        case .instances: "check the variables that the fleet file takes from the environment of this worker"
        case .record: "`convoy runs show` shows what is recorded"
        }
    }

    private static func list(_ lines: [String]) -> String {
        let few = lines.prefix(5).joined(separator: "; ").visible
        return lines.count > 5 ? "\(few); and \(lines.count - 5) more" : few
    }

    /// Compares a run with what a worker has.
    ///
    /// - Throws: the first difference, in the order of ``RunRefusal``.
    package static func check(
        _ run: OpenRun,
        _ plan: RunPlan,
        fleetChecksum: String,
        set: MigrationSet,
        targets: RunTargets,
        version: String = Convoy.version
    ) throws(RunRefusal) {
        guard run.convoyVersion == version else { throw .version(run: run.convoyVersion, own: version) }
        let differences = plan.migrationDifferences(to: set.migrations.map(RunPlan.PinnedMigration.init))
        guard differences.isEmpty else { throw .migrations(differences) }
        guard run.fleetChecksum == fleetChecksum else { throw .fleetFile }
        let others = plan.instances.compactMap { planned -> String? in
            guard let now = targets.instances[planned.name] else { return "instance \(planned.name) is not in the fleet" }
            guard (now.server, now.database) != (planned.server, planned.database) else { return nil }
            return "instance \(planned.name) is database \(now.database) on \(now.server), not \(planned.database) on \(planned.server)"
        }
        guard others.isEmpty else { throw .instances(others) }
    }
}
