package import ConvoyFleet
import ConvoyIO
import ConvoyInstance
import ConvoyMigrations
package import ConvoyReporting
import ConvoyRun
import ConvoyText
import FoundationEssentials

/// What `convoy provision` found, and what it would do: shown to the operator, then carried out.
package struct ProvisionPlan: Sendable {
    /// One name of the command line.
    struct Item: Sendable {
        var name: String
        /// What the instance is called in the fleet.
        var instance: String
        var database: String
        var role: String
        /// What is to be made; nil if ``problem`` was found before.
        var tenant: Tenant?
        /// As the server has it.
        var facts: TenantFacts?
        var standing: TenantStanding?
        /// The entry to add to the fleet file; nil if the file has one, or `discover` finds the database.
        var entry: InstanceEntry?
        var entryState: ProvisionReport.EntryState
        /// The password's file as the fleet file names it, and as it can be opened.
        var passwordFile: (written: String, path: String)?
        /// The instance with which the server is asked: without the password, whose file may not be there yet.
        var probe: Instance?
        /// Why nothing is done for it.
        var problem: Failure?

        /// The password's file, where there is one or this command makes it.
        var shownPasswordFile: String? {
            passwordFile.flatMap { problem == nil || FileStatus(of: $0.path) != nil ? $0.written : nil }
        }

        /// What would be done, or what keeps it from being done.
        var outcome: ProvisionReport.Outcome {
            if let problem { return ProvisionReport.Outcome(problem) }
            return switch standing {
            case .absent?: .absent
            case .complete?: .present
            case .begun?, nil: .begun
            case .refused?: .refused
            }
        }
    }

    let request: ProvisionRequest
    let server: Server
    let provisioning: Provisioning
    var items: [Item]
    /// Why the fleet file cannot be extended with the entries, in words that follow its name; nil if it can.
    var entryProblem: String?

    /// The plan for a person or a program to read.
    ///
    /// - Parameter isDryRun: whether the statements are wanted.
    package func report(fleet: Fleet, fleetFile: String, isDryRun: Bool) -> ProvisionReport {
        let tenants = items.map { item in
            var tenant = ProvisionReport.Tenant(item, server: server.name)
            if isDryRun, entryProblem != nil, item.problem == nil, item.entry != nil { tenant.entryState = .manual }
            if isDryRun, let spec = item.tenant, let facts = item.facts, item.standing == .absent || item.standing == .begun {
                let script = TenantScript(spec, facts)
                tenant.statements = (script.opening(verifier: spec.hasOwnRole ? "…" : nil) + [script.closing]).map(\.text)
            }
            return tenant
        }
        var report = ProvisionReport(fleet: fleet.name, fleetFile: fleetFile, generatedAt: Date(), isDryRun: isDryRun, tenants: tenants)
        if isDryRun { report.entryProblem = entryProblem }
        return report
    }
}

extension ProvisionReport.Tenant {
    /// What is known of a tenant before anything is done.
    init(_ item: ProvisionPlan.Item, server: String) {
        self.init(
            name: item.name,
            instance: item.instance,
            server: server,
            database: item.database,
            role: item.role,
            outcome: item.outcome,
            passwordFile: item.shownPasswordFile,
            entryState: item.entryState,
            entry: item.entry?.text,
            failure: item.problem
        )
    }
}
