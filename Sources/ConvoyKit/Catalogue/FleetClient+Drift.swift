internal import ConvoyCatalog
package import ConvoyFleet
import ConvoyMigrations
package import ConvoyReporting
import ConvoyRollout
import ConvoyRun
package import ConvoyText
import FoundationEssentials

/// How the schemas of the databases differ from those of their versions.
extension FleetClient {
    /// What is compared.
    package enum DriftScope: Sendable {
        /// The objects of the schemas that the migration set has.
        case ofTheSet
        /// Every object, and the bodies of functions.
        case all
    }

    /// What is wrong with the catalogue that ships with the migration set, as warnings: only drift needs it. Versions that are newer than all
    /// that it describes are still being written.
    package var catalogueProblems: [Problem] {
        guard let newest = ExpectedCatalogs.describedVersions(in: fleet.migrations).max() else { return [] }
        let versions = self.set.migrations.map(\.version).filter { $0 <= newest }
        do throws(Problems) {
            _ = try ExpectedCatalogs.load(of: versions, directory: fleet.migrations, displayedAs: fleet.migrations)
            return []
        } catch {
            return error.problems.map { problem in
                var warning = problem
                warning.severity = .warning
                return warning
            }
        }
    }

    /// Compares the catalogue of each instance with the one that ships with the migration set; one query an instance, one comparison a cohort.
    ///
    /// - Parameter onProgress: called after each instance with the number of those that were read.
    /// - Throws: the problems of the set's catalogue, before anything is connected to.
    package func drift(
        of instances: [Instance],
        in scope: DriftScope,
        onProgress: @Sendable (_ finished: Int) -> Void = { _ in }
    ) async throws(Problems) -> DriftReport {
        let versions = self.set.migrations.map(\.version)
        let expected = try ExpectedCatalogs.load(of: versions, directory: fleet.migrations, displayedAs: fleet.migrations)
        let reader = CatalogReader(runner)
        let known: @Sendable (MigrationVersion?) -> String? = { $0.flatMap { expected[$0]?.fingerprint } }
        let found = CohortStore()
        let answers = await probe.answers(
            of: instances,
            { instance -> Result<String, Failure> in
                do throws(Failure) {
                    let reading = try await reader.read(instance, known: known)
                    // The facts of a cohort are kept once, however many instances send them.
                    await found.add(reading)
                    return .success(reading.cohort)
                } catch {
                    return .failure(error)
                }
            },
            progress: onProgress
        )
        var members: [String: [String]] = [:]
        var unread: [DriftReport.Unread] = []
        for instance in instances where instance.skip == nil {
            switch answers[instance.name] {
            case .success(let cohort)?: members[cohort, default: []].append(instance.name)
            case .failure(let failure)?: unread.append(DriftReport.Unread(instance.name, failure))
            case nil:
                unread.append(DriftReport.Unread(instance.name, Failure(.interrupted, "stopped before this instance was read")))
            }
        }
        let readings = await found.readings
        let compared = scope == .all ? CatalogScope.all : .ofTheSet(expected)
        let cohorts = members.map { name, instances in
            DriftReport.Cohort(name, instances, readings[name], expected, compared)
        }
        return DriftReport(fleet: fleet.name, generatedAt: Date(), cohorts: cohorts, unread: unread)
    }
}

/// The first reading of each cohort.
private actor CohortStore {
    private(set) var readings: [String: CatalogReading] = [:]

    func add(_ reading: CatalogReading) {
        if readings[reading.cohort] == nil { readings[reading.cohort] = reading }
    }
}

extension DriftReport.Cohort {
    fileprivate init(
        _ name: String,
        _ instances: [String],
        _ reading: CatalogReading?,
        _ expected: ExpectedCatalogs,
        _ scope: CatalogScope
    ) {
        self.init(name: name, version: reading?.version, instances: instances)
        guard let reading else { return }
        guard let version = reading.version else {
            problem = "no version is applied"
            return
        }
        guard let wanted = expected[version] else {
            problem = "the migration set does not have the version \(version)"
            return
        }
        switch reading.content {
        case .known: break
        case .facts(let catalog):
            differences = catalog.differences(from: wanted, in: scope).map {
                DriftReport.Difference(
                    kind: $0.kind.rawValue,
                    object: $0.object,
                    change: $0.change.rawValue,
                    expected: $0.expected,
                    found: $0.found,
                    sql: $0.sql
                )
            }
        case .tooLarge: problem = "the catalogue has more rows than Convoy reads (\(CatalogQuery.rowLimit))"
        }
    }
}
