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
        /// Why nothing is done for it.
        var problem: Failure?

        /// What would be done, or what keeps it from being done.
        var outcome: ProvisionReport.Outcome {
            if let problem { return ProvisionReport.Outcome(problem) }
            return switch standing {
            case .absent?: .absent
            case .complete?: entry == nil ? .present : .begun
            case .begun?, nil: .begun
            case .refused?: .refused
            }
        }
    }

    let request: ProvisionRequest
    let server: Server
    let provisioning: Provisioning
    var items: [Item]

    /// The plan for a person or a program to read.
    ///
    /// - Parameter isDryRun: whether the statements are wanted.
    package func report(fleet: Fleet, fleetFile: String, isDryRun: Bool) -> ProvisionReport {
        let tenants = items.map { item in
            var tenant = ProvisionReport.Tenant(item, server: server.name)
            if isDryRun, let spec = item.tenant, let facts = item.facts, item.standing == .absent || item.standing == .begun {
                let script = TenantScript(spec, facts)
                tenant.statements = (script.opening(verifier: spec.hasOwnRole ? "…" : nil) + [script.closing]).map(\.text)
            }
            return tenant
        }
        return ProvisionReport(fleet: fleet.name, fleetFile: fleetFile, generatedAt: Date(), isDryRun: isDryRun, tenants: tenants)
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
            passwordFile: item.passwordFile?.written,
            entryState: item.entryState,
            entry: item.entry?.text,
            failure: item.problem
        )
    }
}

extension ProvisionReport.Outcome {
    /// The outcome that a failure leads to.
    init(_ failure: Failure) {
        self =
            switch failure.kind {
            case .unreachable: .unreachable
            case .interrupted: .interrupted
            case .blocked: .refused
            default: .failed
            }
    }
}
