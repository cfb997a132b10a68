import ConvoyCatalog
import ConvoyFleet
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import FoundationEssentials

/// Compares the catalogues of many databases with those of their versions: one question an instance, one comparison a cohort.
struct DriftComparison: Sendable {
    /// Reads the catalogue of an instance, without its facts if it has the fingerprint that is known of its version.
    typealias Read =
        @Sendable (Instance, _ known: @escaping @Sendable (MigrationVersion?) -> String?) async throws(Failure) -> CatalogReading
    /// Compares two catalogues.
    typealias Compare = @Sendable (_ found: Catalog, _ expected: Catalog, CatalogScope) -> [CatalogDifference]

    /// How much of the differences a report keeps, in bytes of their texts: a tenant can make any number of objects, and a report may stay in memory.
    struct Limits: Sendable {
        var ofOneCohort = 8 << 20
        var inAll = 64 << 20
    }

    let expected: ExpectedCatalogs
    let scope: CatalogScope
    let read: Read
    var compare: Compare = { $0.differences(from: $1, in: $2) }
    var limits = Limits()

    /// - Parameters:
    ///   - name: of the fleet.
    ///   - probe: asks the instances, within the limits on connections.
    ///   - onProgress: called after each instance with the number of those that were read.
    func report(
        on instances: [Instance],
        of name: String,
        with probe: FleetProbe,
        onProgress: @Sendable (_ finished: Int) -> Void = { _ in }
    ) async -> DriftReport {
        let known: @Sendable (MigrationVersion?) -> String? = { [expected] in $0.flatMap { expected[$0]?.fingerprint } }
        let found = ComparedCohorts(self)
        let answers = await probe.answers(
            of: instances,
            { [read] instance -> Result<String, Failure> in
                do throws(Failure) {
                    let reading = try await read(instance, known)
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
        let cohorts = await found.cohorts.compactMap { name, cohort -> DriftReport.Cohort? in
            guard let instances = members[name] else { return nil }
            var cohort = cohort
            cohort.instances = instances
            return cohort
        }
        return DriftReport(fleet: name, generatedAt: Date(), cohorts: cohorts, unread: unread)
    }
}

/// The cohorts that were found, without their members. A cohort is compared when the first one sends its facts, which are not kept: what is kept does
/// not grow with the size of the catalogues.
private actor ComparedCohorts {
    private(set) var cohorts: [String: DriftReport.Cohort] = [:]
    private let comparison: DriftComparison
    /// How many bytes of differences there is room for.
    private var room: Int

    init(_ comparison: DriftComparison) {
        self.comparison = comparison
        room = comparison.limits.inAll
    }

    func add(_ reading: CatalogReading) {
        guard cohorts[reading.cohort] == nil else { return }
        var cohort = DriftReport.Cohort(name: reading.cohort, version: reading.version, isWhole: reading.isWhole)
        compare(reading, &cohort)
        cohorts[reading.cohort] = cohort
    }

    private func compare(_ reading: CatalogReading, _ cohort: inout DriftReport.Cohort) {
        guard let version = reading.version else {
            cohort.problem = "no version is applied"
            return
        }
        guard let wanted = comparison.expected[version] else {
            cohort.problem = "the migration set does not have the version \(version)"
            return
        }
        switch reading.content {
        case .known: break
        case .facts(let catalog): keep(comparison.compare(catalog, wanted, comparison.scope), in: &cohort)
        case .tooLarge: cohort.problem = "the catalogue has more rows than Convoy reads (\(CatalogQuery.rowLimit))"
        }
    }

    private func keep(_ differences: [CatalogDifference], in cohort: inout DriftReport.Cohort) {
        var left = min(room, comparison.limits.ofOneCohort)
        for difference in differences {
            let kept = DriftReport.Difference(difference)
            left -= kept.bytes
            guard left >= 0 else { break }
            room -= kept.bytes
            cohort.differences.append(kept)
        }
        cohort.leftOut = differences.count - cohort.differences.count
    }
}

extension DriftReport.Difference {
    fileprivate init(_ difference: CatalogDifference) {
        self.init(
            kind: difference.kind.rawValue,
            object: difference.object,
            change: difference.change.rawValue,
            expected: difference.expected,
            found: difference.found,
            sql: difference.sql
        )
    }

    /// About how much memory it takes.
    fileprivate var bytes: Int {
        100 + [object, expected ?? "", found ?? "", sql ?? ""].reduce(0) { $0 + $1.utf8.count }
    }
}
