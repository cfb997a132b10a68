package import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
package import ConvoyText

/// The fleet in numbers: how many instances ended how, and how many are on which version.
package struct FleetSummary: Sendable, Hashable {
    /// How many instances there are.
    package private(set) var instances = 0
    /// Instances by outcome; what none has is absent.
    package private(set) var outcomes: [Outcome: Int] = [:]
    /// How many of those that are `ahead` are accepted by the fleet file.
    package private(set) var accepted = 0
    /// Instances by the newest version in their ledger.
    package var versions: [MigrationVersion: Int] { standings.reduce(into: [:]) { $0[$1.key.version, default: 0] += $1.value } }
    /// Instances by where they stand among the releases of the app, of those with a version; empty if no releases are known.
    package var releases: [ReleaseList.Place: Int] {
        standings.reduce(into: [:]) { counts, standing in
            if let release = standing.key.release { counts[release, default: 0] += standing.value }
        }
    }
    /// Instances whose ledger is known to hold no version.
    package private(set) var withoutVersion = 0
    /// Instances whose version was not learnt.
    package private(set) var withUnknownVersion = 0
    /// Instances by version and release.
    private var standings: [Standing: Int] = [:]

    /// A version, and its place among the releases: an instance with a gap is at another place than one without.
    private struct Standing: Hashable {
        var version: MigrationVersion
        var release: ReleaseList.Place?
    }

    /// Of no instances.
    package init() {}

    /// Of these instances.
    package init(_ instances: some Sequence<InstanceReport>) {
        for instance in instances { add(instance) }
    }

    mutating func add(_ instance: InstanceReport) {
        add(
            instance.outcome,
            isAccepted: instance.isAccepted,
            version: instance.version,
            release: instance.release,
            isVersionKnown: instance.isVersionKnown
        )
    }

    mutating func add(
        _ outcome: Outcome,
        isAccepted: Bool = false,
        version: MigrationVersion?,
        release: ReleaseList.Place?,
        isVersionKnown: Bool
    ) {
        instances += 1
        if isAccepted { accepted += 1 }
        outcomes[outcome, default: 0] += 1
        if let version {
            standings[Standing(version: version, release: release), default: 0] += 1
        } else if isVersionKnown {
            withoutVersion += 1
        } else {
            withUnknownVersion += 1
        }
    }

    /// How many have a bad outcome.
    package var badInstances: Int { outcomes.reduce(0) { $1.key.isGood ? $0 : $0 + $1.value } - accepted }

    /// `10 migrated, 2 ahead (accepted)`; empty for no instances.
    func outcomeText(_ style: OutputStyle) -> String {
        outcomes.ordered.map { outcome, count in
            guard outcome == .ahead, accepted > 0 else { return outcome.text(count, style) }
            guard accepted < count else { return "\(count) ahead (accepted)" }
            return outcome.text(count, style) + " (\(accepted) accepted)"
        }.joined(separator: ", ")
    }

    /// With `releases` if some are known.
    package var json: JSONValue {
        let json: JSONValue = [
            "instances": .integer(instances),
            "outcomes": outcomes.json,
            "versions": .object(.init(versions.sorted { $0.key < $1.key }.map { ($0.key.description, .integer($0.value)) })),
        ]
        guard !releases.isEmpty else { return json }
        let counts = releases.sorted { $0.key < $1.key }.map { ($0.key.text, JSONValue.integer($0.value)) }
        return json.inserting("releases", .object(.init(counts)), behind: "versions")
    }

    /// Newest version first, as a table; no lines for an empty fleet.
    func versionLines(_ style: OutputStyle) -> [String] {
        guard instances > 0 else { return [] }
        var columns: [TextTable.Column] = [.init("VERSION", importance: 2), .init("INSTANCES", .right, importance: 1)]
        if !releases.isEmpty { columns.insert(.init("RELEASE", importance: 3), at: 1) }
        var table = TextTable(columns)
        for row in versionRows {
            table.add(releases.isEmpty ? ["\(row.name)", "\(row.count)"] : ["\(row.name)", "\(row.release ?? "-")", "\(row.count)"])
        }
        return table.lines(style)
    }

    /// The newest version first, and last the number of instances without a version and with an unknown version.
    var versionRows: [(version: MigrationVersion?, name: String, release: String?, count: Int)] {
        let rows = standings.sorted { left, right in
            if left.key.version != right.key.version { return left.key.version > right.key.version }
            guard let first = left.key.release, let second = right.key.release else { return left.key.release != nil }
            return first > second
        }
        return rows.map { ($0.key.version, $0.key.version.description, $0.key.release?.text, $0.value) }
            + [(nil, "none", nil, withoutVersion), (nil, "not known", nil, withUnknownVersion)].filter { $0.3 > 0 }
    }
}

extension [Outcome: Int] {
    /// In the order in which ``Outcome`` declares them.
    var ordered: [(outcome: Outcome, count: Int)] {
        Outcome.allCases.compactMap { outcome in self[outcome].map { (outcome, $0) } }
    }

    package var json: JSONValue { .object(.init(ordered.map { ($0.outcome.rawValue, .integer($0.count)) })) }

    /// `10 migrated, 1 failed`; empty for none.
    func text(_ style: OutputStyle) -> String {
        ordered.map { $0.outcome.text($0.count, style) }.joined(separator: ", ")
    }

    package var text: String { text(OutputStyle()) }
}

extension Outcome {
    /// `3 failed`.
    fileprivate func text(_ count: Int, _ style: OutputStyle) -> String { style.paint("\(count) \(rawValue)", isGood ? .none : .bad) }

    var emphasis: Emphasis {
        switch self {
        case .upToDate, .migrated, .rolledBack, .adopted, .repaired: .good
        case .pending, .edited, .outOfOrder, .interrupted, .skipped: .notable
        default: .bad
        }
    }
}
