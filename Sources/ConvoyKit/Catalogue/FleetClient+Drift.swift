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

    /// What is wrong with the catalogue that ships with the migration set, as warnings: no run needs it. A set need not have one.
    package var catalogueProblems: [Problem] {
        guard CatalogueRecording.isKept(in: fleet.migrations) else { return [] }
        do throws(Problems) {
            _ = try expectedCatalogs()
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
        let expected = try expectedCatalogs()
        let reader = CatalogReader(runner)
        let comparison = DriftComparison(
            expected: expected,
            scope: scope == .all ? .all : .ofTheSet(expected),
            read: { (instance, known) async throws(Failure) in try await reader.read(instance, known: known) }
        )
        return await comparison.report(on: instances, of: fleet.name, with: probe, onProgress: onProgress)
    }
}
