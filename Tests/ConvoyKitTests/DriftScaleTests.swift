import ConvoyCatalog
import ConvoyFleet
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import Synchronization
import TestSupport
import Testing

@testable import ConvoyKit

/// Drift of fleets that are larger than any that a test could start, or stranger.
@Suite(.timeLimit(.minutes(2)))
struct DriftScaleTests {
    private static let version = MigrationVersion(7)
    private static let expected = Catalog([
        CatalogFact(.schema, "public"), CatalogFact(.table, "public.cars", "(id, name)"), CatalogFact(.column, "public.cars.name", "text"),
    ])

    /// The catalogue of a cohort; that of the first one is as the version has it.
    private static func reading(_ cohort: Int, extra count: Int = 1, text: String = "CREATE INDEX") -> CatalogReading {
        var facts = expected.facts
        if cohort > 0 { for index in 0..<count { facts.insert(CatalogFact(.index, "public.i\(cohort)_\(index)", text)) } }
        let catalog = Catalog(facts)
        return CatalogReading(version: version, fingerprint: catalog.fingerprint, content: .facts(catalog))
    }

    /// What was asked and compared.
    private struct Counts {
        var reads = 0
        var running = 0
        var most = 0
        var comparisons = 0
        var known: Set<String?> = []
    }

    private final class Observed: Sendable {
        let counts = Mutex(Counts())
    }

    private func comparison(
        _ observed: Observed,
        _ answer: @escaping @Sendable (Int) throws(Failure) -> CatalogReading
    ) -> DriftComparison {
        DriftComparison(
            expected: ExpectedCatalogs([Self.version: Self.expected]),
            scope: .all,
            read: { (instance, known) async throws(Failure) in
                observed.counts.withLock { counts in
                    counts.reads += 1
                    counts.running += 1
                    counts.most = max(counts.most, counts.running)
                    counts.known.insert(known(Self.version))
                }
                for _ in 0..<3 { await Task.yield() }
                defer { observed.counts.withLock { $0.running -= 1 } }
                return try answer(Int(instance.name) ?? 0)
            },
            compare: { found, expected, scope in
                observed.counts.withLock { $0.comparisons += 1 }
                return found.differences(from: expected, in: scope)
            }
        )
    }

    private func instances(_ count: Int, servers: Int = 10) -> [Instance] { (0..<count).map { instance("\($0)@s\($0 % servers)") } }

    private func probe(total: Int = 40, perServer: Int = 8) -> FleetProbe {
        FleetProbe(inspector: NoInspector(), limits: ConnectionLimits(total: total, perServer: perServer))
    }

    @Test func sixtyCohortsAreComparedSixtyTimes() async {
        let observed = Observed()
        let cohorts = (1...60).map { Self.reading($0) }
        let report = await comparison(observed) { cohorts[$0 % 60] }.report(on: instances(2_000), of: "fleet", with: probe())
        let counts = observed.counts.withLock(\.self)
        #expect(counts.reads == 2_000 && counts.comparisons == 60)
        // As many connections as the limits allow, and no more.
        #expect(counts.most <= 40 && counts.most > 1)
        #expect(counts.known == [Self.expected.fingerprint])
        #expect(report.cohorts.count == 60 && report.instances == 2_000 && report.drifted == 2_000 && report.unread.isEmpty)
        #expect(report.cohorts.allSatisfy { $0.count == 1 && $0.leftOut == 0 })
        // In the order of the fleet.
        #expect(report.cohort(of: "61")?.instances.prefix(3) == ["1", "61", "121"])
    }

    @Test func whatIsKnownIsNotCompared() async {
        let observed = Observed()
        let known = CatalogReading(version: Self.version, fingerprint: Self.expected.fingerprint, content: .known)
        let other = Self.reading(1)
        let report = await comparison(observed) { $0 == 5 ? other : known }.report(on: instances(300), of: "fleet", with: probe())
        #expect(observed.counts.withLock(\.comparisons) == 1)
        #expect(report.cohorts.map(\.instances.count) == [1, 299] && report.drifted == 1)
    }

    /// However many objects tenants make: what is kept has a limit, and what is not kept is counted.
    @Test func whatIsKeptHasALimit() async {
        let observed = Observed()
        let cohorts = (0..<20).map { Self.reading($0, extra: 200, text: String(repeating: "x", count: 500)) }
        var limited = comparison(observed) { cohorts[$0 % 20] }
        limited.limits = DriftComparison.Limits(ofOneCohort: 40_000, inAll: 200_000)
        let report = await limited.report(on: instances(100), of: "fleet", with: probe())
        let texts = report.cohorts.flatMap(\.differences).map { [$0.object, $0.found ?? "", $0.sql ?? ""] }
        #expect(texts.joined().reduce(0) { $0 + $1.utf8.count } < 200_000)
        #expect(report.cohorts.count == 20 && report.drifted == 95)
        #expect(report.cohorts.dropLast().allSatisfy { $0.count == 200 && $0.isDrifted && $0.leftOut > 0 })
        #expect(report.cohorts.map(\.differences.count).max().map { $0 > 10 && $0 < 80 } == true)
        #expect(report.cohorts.last?.count == 0)
        let table = report.table(OutputStyle())
        #expect(table.contains("200 differences") && table.contains(": `--output json` has the first "))
        #expect(report.html.contains("`convoy drift --output json` has the first "))
    }

    /// Members that vanish while others of their cohort are read, and a cohort of which none is left.
    @Test func cohortsWhoseMembersVanish() async {
        let cohorts = (0..<3).map { Self.reading($0) }
        let gone = Failure(.unreachable, "the server closed the connection")
        let report = await comparison(Observed()) { (number) throws(Failure) in
            if number % 3 == 2 || number < 30 { throw gone }
            return cohorts[number % 3]
        }.report(on: instances(300), of: "fleet", with: probe())
        #expect(report.cohorts.map(\.instances.count) == [90, 90])
        #expect(report.unread.count == 120 && report.unread.allSatisfy { $0.failure == gone })
        #expect(report.unread.prefix(31).map(\.instance) == (0..<30).map(String.init) + ["32"])
        let summary = report.json.line
        #expect(summary.contains(#""summary":{"instances":180,"cohorts":2,"drifted":90,"unread":120}"#), "\(summary.prefix(200))")
    }

    @Test func noneIsLeft() async {
        let report = await comparison(Observed()) { (_) throws(Failure) in throw Failure(.unreachable, "gone") }
            .report(on: instances(50), of: "fleet", with: probe())
        #expect(report.cohorts.isEmpty && report.unread.count == 50 && !report.isWell)
    }

    /// Instances that were not got to are named, and those that were read count.
    @Test func aComparisonThatIsStopped() async {
        let observed = Observed()
        let stopped = OneTimeStop()
        let other = Self.reading(1)
        let task = Task {
            await comparison(observed) { _ in
                if observed.counts.withLock(\.reads) >= 20 { stopped.stop() }
                return other
            }.report(on: instances(200), of: "fleet", with: probe(total: 4))
        }
        stopped.set { task.cancel() }
        let report = await task.value
        #expect(report.instances >= 20 && report.instances + report.unread.count == 200)
        #expect(!report.unread.isEmpty && report.unread.allSatisfy { $0.failure.kind == .interrupted })
    }

    /// Cohorts that cannot be compared, each with its reason.
    @Test func whatCannotBeComparedSaysWhy() async {
        let readings = [
            CatalogReading(version: nil, fingerprint: "a", content: .facts(Self.expected)),
            CatalogReading(version: MigrationVersion(8), fingerprint: "b", content: .facts(Self.expected)),
            CatalogReading(version: Self.version, fingerprint: "c", content: .tooLarge),
        ]
        let observed = Observed()
        let report = await comparison(observed) { readings[$0 % 3] }.report(on: instances(6), of: "fleet", with: probe())
        #expect(observed.counts.withLock(\.comparisons) == 0)
        let problems = Dictionary(uniqueKeysWithValues: report.cohorts.map { ($0.name, $0.problem ?? "") })
        #expect(problems["none a"] == "no version is applied")
        #expect(problems["8 b"] == "the migration set does not have the version 8")
        #expect(problems["7 c"]?.hasPrefix("the catalogue has more rows than Convoy reads") == true)
        // The fingerprint of what was not read is no name of a cohort.
        #expect(Set(report.names.values) == ["none a", "8 b"] && report.names.count == 4)
    }
}

/// Stops something once it is known what.
private final class OneTimeStop: Sendable {
    private struct State {
        var isStopped = false
        var action: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    func stop() {
        let action = state.withLock { state in
            state.isStopped = true
            return state.action
        }
        action?()
    }

    func set(_ action: @escaping @Sendable () -> Void) {
        let isStopped = state.withLock { state in
            state.action = action
            return state.isStopped
        }
        if isStopped { action() }
    }
}

/// Catalogues are not asked for through it.
private struct NoInspector: InstanceInspector {
    func probe(_ instance: Instance, for change: Change) async -> InstanceStatus {
        InstanceStatus(name: instance.name, server: instance.server, database: instance.database, labels: [:], outcome: .unknown)
    }

    func work(of run: String, on instance: Instance) async -> RunWork? { nil }

    func slots(on instance: Instance, run: String) async -> ServerSlots? { nil }

    func connections(for instance: Instance) -> Int { 1 }
}
