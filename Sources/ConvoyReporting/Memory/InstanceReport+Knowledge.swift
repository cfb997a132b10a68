import ConvoyMigrations
internal import ConvoyRollout
package import ConvoyRun
import ConvoyText
package import FoundationEssentials

/// What is known of an instance's version, and since when it has it: the newest knowledge wins, whatever it came from.
extension InstanceReport {
    /// The newest knowledge of its version; nil if it is not known.
    package var known: VersionKnowledge? {
        // Each with nil where what was known before counts no longer.
        var sources: [(at: Date, knowledge: VersionKnowledge?)] = []
        func add(_ knowledge: VersionKnowledge?, _ outcome: Outcome, _ at: Date) {
            if knowledge != nil || outcome.forgetsVersion { sources.append((at, knowledge)) }
        }
        if let probe = facts.probe { add(VersionKnowledge(probe.status, at: probe.at), probe.status.outcome, probe.at) }
        for ending in endings { add(ending.knowledge, ending.result.outcome, ending.at) }
        if log.result == nil, let start = planned { sources.append((start.at, start)) }
        // Of what is equally old the run knows more than the probe before it.
        return sources.enumerated().max { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }?.element.knowledge
    }

    /// Where the run that is reported on found it, or its plan, where it has not ended there.
    private var planned: VersionKnowledge? {
        if let start { return VersionKnowledge(version: start.version, at: facts.startKnownAt ?? .distantPast, source: .run(run)) }
        guard log.pending != nil, let startedAt = log.startedAt else { return nil }
        return VersionKnowledge(version: log.from, at: startedAt, source: .run(run))
    }

    /// The newest knowledge where it is older than what the report is about: neither the report's probe nor the run that it reports on has it.
    package var remembered: VersionKnowledge? {
        guard let known else { return nil }
        switch known.source {
        case .probe: return nil
        case .run(let name): return lookedAt == nil && name == run ? nil : known
        }
    }

    /// Since when it is on its version, as far as a probe, the journal or its audit log know; nil if they do not.
    package var since: Date? {
        guard let probe = facts.probe else { return nil }
        guard let status = newerProbe else {
            let last = endings.max { $0.at < $1.at }
            return last.flatMap { $0.result.applied.isEmpty ? nil : $0.at } ?? probe.status.lastMigratedAt?.plausible(at: probe.at)
        }
        // A way down leaves only older rows in the ledger.
        let reversals =
            endings.compactMap { $0.result.applied.last?.direction == .down && $0.result.to == status.version ? $0.at : nil }
            + [status.claim?.revertedAt?.plausible(at: probe.at)].compactMap(\.self)
        return (reversals + [status.lastMigratedAt?.plausible(at: probe.at)].compactMap(\.self)).max()
    }

    /// How long that was when it was probed; nil if that is not known. A clock that is behind counts as zero.
    var sinceAge: Duration? {
        guard let since, let probe = facts.probe else { return nil }
        return Duration(clampingSeconds: max(0, probe.at.timeIntervalSince(since)))
    }

    /// As tables show it.
    var sinceText: String { sinceAge.map { "\($0.humanAge) ago" } ?? "-" }

    /// What the rules say about a setback, before the journal was asked what else happened.
    private var suspicion: Setback? {
        guard facts.skip == nil, log.result != nil || log.startedAt == nil, let known, let status = newerProbe else { return nil }
        let newest = newestEnding
        // What a lost run left is not known.
        guard newest?.result.outcome != .unknown else { return nil }
        return Setback(found: known, recorded: newest?.knowledge, claim: status.claim)
    }

    /// Why its database seems to be behind what is known of it; nil if nothing says so, or if that is older than what a run did.
    package var setback: Setback? {
        guard let setback = facts.setback, let suspicion, suspicion.witness == setback.witness, suspicion.version == setback.version else {
            return nil
        }
        return setback
    }

    /// What a setback says that has not been confirmed yet: the journal has to say what else happened.
    package var suspectedSetback: Setback? { suspicion }

    /// How it ended in the newest run that learnt its version; nil if none is known.
    package var newestResult: InstanceResult? { newestEnding?.result }

    private var newestEnding: Ending? { endings.filter { $0.knowledge != nil }.max { $0.at < $1.at } }
}

extension FleetReport {
    /// How many instances a list names.
    private static let setbackLimit = 20

    /// The instances whose databases seem to be behind what is known of them, with the reasons.
    package var setbacks: [(name: String, setback: Setback)] {
        instances.compactMap { instance in instance.setback.map { (instance.name, $0) } }
    }

    /// The same as lists have them, a sentence each: the first of many.
    var setbackTexts: [String] {
        let setbacks = setbacks
        let more = setbacks.count - Self.setbackLimit
        return setbacks.prefix(Self.setbackLimit).map { "\($0.name.visible) is \($0.setback.text)" }
            + (more > 0 ? ["and \(counted(more, "more instance"))"] : [])
    }

    /// The same as a table's last lines have them; no lines if no instance is behind.
    func setbackLines(_ style: OutputStyle) -> [String] {
        let texts = setbackTexts
        guard !texts.isEmpty else { return [] }
        return [style.paint("behind what is known of them", .notable) + ":"] + texts.map { "  \($0)" }
    }

    /// The versions that are older than what the report is about, a line each: the first of many.
    func rememberedTexts(at now: Date) -> [String] {
        let texts = instances.compactMap { instance -> String? in
            guard let known = instance.remembered else { return nil }
            return "\(instance.name.visible): \(known.version?.description ?? "none"), \(known.age(at: now))"
        }
        let more = texts.count - Self.setbackLimit
        return texts.prefix(Self.setbackLimit) + (more > 0 ? ["and \(counted(more, "more instance"))"] : [])
    }

    /// Whether some version is older than what the report is about, so that its age is shown.
    var hasRememberedVersions: Bool { instances.contains { $0.remembered != nil } }
}

extension InstanceReport {
    /// The cell of the column `KNOWN`: how old its version is, and what read it; empty where the report has read it.
    func knownCell(at now: Date?) -> TextTable.Cell {
        guard let known = remembered, let now else { return "-" }
        return "\(known.age(at: now))"
    }
}

extension TextTable.Column {
    /// How old a version is that the report has not read.
    static func known(importance: Int) -> TextTable.Column { .init("KNOWN", minimumWidth: 9, importance: importance) }
}
