internal import ConvoyFleet
internal import ConvoyInstance
package import ConvoyJournal
internal import ConvoyMigrations
internal import ConvoyPostgres
package import ConvoyRun
internal import ConvoyText

extension ControlDatabase {
    /// Which tables are made.
    package enum Preparation: Sendable, Hashable {
        /// Only where there are none.
        case missing
        /// Also where they are those of an older Convoy, which cannot use them any more.
        case all
    }

    /// Makes the tables where they are missing, or brings them to what this program needs, by the engine that migrates instances: under its advisory
    /// lock, with the ledger `convoy_control.schema_migrations`. If there is nothing to do it takes one question, and no right to create anything.
    ///
    /// - Throws: ``JournalError`` if the tables are those of another Convoy, or if this role may not make them.
    package func prepare(_ preparation: Preparation = .missing) async throws(JournalError) {
        do throws(ControlTrouble) {
            try await makeTables(preparation)
        } catch {
            throw error.problem
        }
    }

    /// As ``prepare(_:)``, and says whether what fails may work later.
    func makeTables(_ preparation: Preparation) async throws(ControlTrouble) {
        do throws(ControlError) {
            switch (try await schemaState(), preparation) {
            case (.current, _): return
            case (.newer, _): throw .refused(.newerControlSchema(place))
            case (.older, .missing): throw .refused(.olderControlSchema(place))
            case (.missing, _), (.older, .all): break
            }
            try await makeSchema()
        } catch {
            throw ControlTrouble(error, place)
        }
        try await migrate()
    }

    /// Whether there are tables. Nothing is made.
    ///
    /// - Throws: ``JournalError`` if they are not those of this program.
    package func hasTables() async throws(JournalError) -> Bool {
        do throws(ControlError) {
            switch try await schemaState() {
            case .current: return true
            case .newer: throw .refused(.newerControlSchema(place))
            case .missing: return false
            case .older: throw .refused(.olderControlSchema(place))
            }
        } catch {
            throw error.journalError(place)
        }
    }

    /// The runs that have not ended in tables that an update would change, newest first, each with who started it: commands of the older Convoy cannot
    /// stop them any more after it. Empty where there is nothing to update.
    package func runsBeforeUpdate() async throws(JournalError) -> [(id: String, startedBy: String)] {
        do throws(ControlError) {
            guard try await schemaState() == .older else { return [] }
            // Columns that the first version of the tables has.
            let rows = try await rows(
                "SELECT id, started_by FROM convoy_control.runs WHERE status IS NULL ORDER BY started_at DESC LIMIT 1000"
            )
            return rows.map { row in
                func text(_ column: String) -> String { ((try? row.optionalText(column)) ?? "").prefix(bytes: 200).visible }
                return (text("id"), text("started_by"))
            }
        } catch {
            throw error.journalError(place)
        }
    }

    private func makeSchema() async throws(ControlError) {
        let name = ControlSchema.name
        guard try await rows("SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1", [name]).isEmpty else { return }
        do throws(ControlError) {
            try await transaction { transaction throws(ControlError) in
                transaction.add("CREATE SCHEMA IF NOT EXISTS \(name)")
            }
        } catch {
            guard case .postgres(let problem) = error else { throw error }
            switch problem.sqlstate {
            // Another process has made it at the same moment.
            case "23505", "42P06": return
            case "42501": throw .refused(.noControlSchema(place))
            default: throw error
            }
        }
    }

    private func migrate() async throws(ControlTrouble) {
        let migrations: MigrationSet
        do throws(Problems) {
            migrations = try ControlSchema.migrations()
        } catch {
            throw ControlTrouble(JournalError(path: place, message: "its migrations cannot be read: \(error)"), mayPass: false)
        }
        var settings = InstanceSettings()
        settings.ledgerSchema = ControlSchema.name
        settings.audit = .journalOnly
        let instance = Instance(
            name: ControlSchema.name,
            server: place,
            database: parameters["dbname"] ?? "",
            connection: parameters,
            settings: settings
        )
        // A name of its own: the engine ends older sessions of the same run.
        let run = "control-\(UInt64.random(in: 0...UInt64.max).hexadecimal)"
        let job = InstanceJob(instance, .up(to: nil), run: run)
        let result = await InstanceRunner(set: migrations, steps: []).migrate(job) { _ in }
        guard let failure = result.failure else {
            guard result.outcome == .interrupted else { return }
            throw ControlTrouble(JournalError(path: place, message: "the creation of its tables was cancelled"), mayPass: true)
        }
        switch failure.kind {
        case .unprovisioned:
            throw ControlTrouble(
                JournalError(
                    path: place,
                    message: "it holds tables of something else",
                    hint: "create a database for Convoy alone; docs/control-database.md says how"
                ),
                mayPass: false
            )
        default:
            throw ControlTrouble(
                JournalError(
                    path: place,
                    message: "its tables cannot be created: \(failure.message)".visible.prefix(bytes: 1000),
                    hint: failure.hint ?? "docs/control-database.md says how to prepare the database"
                ),
                // What this role may not do stays so. Everything else may be the end of an outage, or another process that makes them too.
                mayPass: failure.kind != .blocked && failure.sqlstate != "42501"
            )
        }
    }
}

/// Why the tables of a control database cannot be used or made.
struct ControlTrouble: Error {
    var problem: JournalError
    /// Whether it may work later by itself.
    var mayPass: Bool

    init(_ problem: JournalError, mayPass: Bool) {
        (self.problem, self.mayPass) = (problem, mayPass)
    }

    /// - Parameter place: of the control database.
    init(_ error: ControlError, _ place: String) {
        problem = error.journalError(place)
        mayPass =
            switch error {
            // A newer Convoy may be changing the tables, and a standby may become the primary.
            case .statementEnded: true
            case .postgres(let error) where error.sqlstate == "25006": true
            default: error.mayPass
            }
    }
}
