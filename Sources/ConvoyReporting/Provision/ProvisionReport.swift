package import ConvoyMigrations
package import ConvoyRun
package import ConvoyText
package import FoundationEssentials

/// What `convoy provision` made, or would make.
package struct ProvisionReport: Sendable {
    /// What became of a tenant; the words are stored and never change their meaning.
    package enum Outcome: String, Sendable, Hashable, CaseIterable {
        /// Nothing is there (dry run).
        case absent
        /// An earlier command was ended before it was done (dry run).
        case begun
        /// Everything was there before; in a dry run, apart from the entry of the fleet file.
        case present
        case created
        /// What an earlier command had begun is complete.
        case completed
        /// Something is in the way, and Convoy has made nothing: what is there is not touched.
        case refused
        case failed
        case unreachable
        case interrupted

        /// The outcome that a failure leads to.
        package init(_ failure: Failure) {
            self =
                switch failure.kind {
                case .unreachable: .unreachable
                case .interrupted: .interrupted
                case .blocked: .refused
                default: .failed
                }
        }

        /// Whether nothing is left to be done by the operator.
        package var isGood: Bool {
            switch self {
            case .absent, .begun, .present, .created, .completed: true
            case .refused, .failed, .unreachable, .interrupted: false
            }
        }
    }

    /// How the fleet file comes to know an instance; the words are stored.
    package enum EntryState: String, Sendable, Hashable, CaseIterable {
        /// This command has added the entry.
        case written
        /// The file had it before.
        case listed
        /// `discover` finds the database.
        case discovered
        /// It is to be added by this command: a dry run, or a tenant that is not complete.
        case due
        /// It cannot be added: the operator has to.
        case manual
    }

    /// One role and database.
    package struct Tenant: Sendable {
        /// The name that the operator gave.
        package var name: String
        /// What the instance is called in the fleet.
        package var instance: String
        package var server: String
        package var database: String
        package var role: String
        package var outcome: Outcome
        /// The newest version in its ledger; nil if that is not known.
        package var version: MigrationVersion?
        /// The file with the role's password, as the fleet file names it; nil if the password is in no file.
        package var passwordFile: String?
        package var entryState: EntryState
        /// The entry of the fleet file; nil if the file needs none from this command.
        package var entry: String?
        /// What would be run as the administrator, for a dry run.
        package var statements: [String] = []
        package var failure: Failure?
        /// How long CREATE DATABASE took; nil if it was not run.
        package var creating: Duration?
        /// How long everything took; nil for a dry run.
        package var duration: Duration?

        package init(
            name: String,
            instance: String,
            server: String,
            database: String,
            role: String,
            outcome: Outcome,
            passwordFile: String? = nil,
            entryState: EntryState,
            entry: String? = nil,
            failure: Failure? = nil
        ) {
            (self.name, self.instance, self.server, self.database, self.role) = (name, instance, server, database, role)
            (self.outcome, self.passwordFile, self.entryState, self.entry) = (outcome, passwordFile, entryState, entry)
            self.failure = failure
        }
    }

    /// The fleet's name.
    package var fleet: String
    /// The fleet file as the operator named it.
    package var fleetFile: String
    /// When it was made.
    package var generatedAt: Date
    /// Whether nothing was changed.
    package var isDryRun: Bool
    /// In the order of the command line.
    package var tenants: [Tenant]
    /// Why entries cannot be added to the fleet file, in words that follow its name; nil if they can, or none is due.
    package var entryProblem: String?

    package init(
        fleet: String,
        fleetFile: String,
        generatedAt: Date,
        isDryRun: Bool,
        tenants: [Tenant],
        entryProblem: String? = nil
    ) {
        (self.fleet, self.fleetFile, self.generatedAt) = (fleet, fleetFile, generatedAt)
        (self.isDryRun, self.tenants, self.entryProblem) = (isDryRun, tenants, entryProblem)
    }

    /// How many there are with each outcome.
    package var counts: [(outcome: Outcome, count: Int)] {
        Outcome.allCases.compactMap { outcome in
            let count = tenants.count { $0.outcome == outcome }
            return count > 0 ? (outcome, count) : nil
        }
    }

    /// The tenants that are still to be made.
    private var due: [Tenant] { tenants.filter { $0.outcome == .absent || $0.outcome == .begun } }

    /// The complete tenants whose entry is still to be added.
    private var unlisted: Int { tenants.count { $0.outcome == .present && $0.entryState == .due } }

    /// What a person is asked before it is done; nil if there is nothing to do.
    package var question: String? {
        if due.isEmpty { return unlisted > 0 ? "Add \(Self.entries(unlisted)) to \(fleetFile.visible)?" : nil }
        let servers = Set(due.map(\.server)).sorted().map(\.visible).joined(separator: ", ")
        return "Make \(counted(due.count, "database")) on \(servers)?"
    }

    static func entries(_ count: Int) -> String { count == 1 ? "1 entry" : "\(count) entries" }

    /// `convoy.provision/1`, as its JSON Schema has it.
    package var json: JSONValue {
        [
            "schema": "convoy.provision/1",
            "fleet": .string(fleet),
            "fleet_file": .string(fleetFile),
            "generated_at": .string(generatedAt.rfc3339),
            "dry_run": .bool(isDryRun),
            "summary": .object(JSONValue.Members(counts.map { ($0.outcome.rawValue, .integer($0.count)) })),
            "entry_problem": .optional(entryProblem),
            "tenants": .array(tenants.map(\.json)),
        ]
    }
}

extension ProvisionReport.Tenant {
    fileprivate var json: JSONValue {
        [
            "name": .string(name),
            "instance": .string(instance),
            "server": .string(server),
            "database": .string(database),
            "role": .string(role),
            "outcome": .string(outcome.rawValue),
            "version": .optional(version?.description),
            "password_file": .optional(passwordFile),
            "entry_state": .string(entryState.rawValue),
            "entry": .optional(entry),
            "statements": .strings(statements),
            "message": .optional(failure?.message),
            "detail": .optional(failure?.detail),
            "hint": .optional(failure?.hint),
            "create_database_ms": creating.map { .integer(Int(clamping: $0.milliseconds)) } ?? .null,
            "duration_ms": duration.map { .integer(Int(clamping: $0.milliseconds)) } ?? .null,
        ]
    }
}
