package import ConvoyMigrations
import ConvoyText
package import FoundationEssentials

/// A version of an instance, when it was read, and by what. The newest knowledge of an instance wins, whatever it came from.
package struct VersionKnowledge: Sendable, Hashable {
    /// What read the version.
    package enum Source: Sendable, Hashable {
        /// A probe.
        case probe
        /// The run with this id, when it planned or ended the instance.
        case run(String)
    }

    /// The newest version in the ledger; nil if the ledger is known to be missing or empty.
    package var version: MigrationVersion?
    /// When it was read.
    package var at: Date
    package var source: Source

    /// Knowledge from its parts.
    package init(version: MigrationVersion?, at: Date, source: Source) {
        (self.version, self.at, self.source) = (version, at, source)
    }

    /// What a probe read; nil if it did not get to the ledger.
    package init?(_ status: InstanceStatus, at: Date) {
        guard status.outcome != .unprovisioned, status.serverVersion != nil || status.version != nil else { return nil }
        self.init(version: status.version, at: at, source: .probe)
    }

    /// What the end of an instance in a run says; nil if the run did not get to the ledger, or lost sight of it.
    package init?(_ result: InstanceResult, run: String, at: Date) {
        guard result.outcome.learntVersion || result.to != nil else { return nil }
        self.init(version: result.to, at: at, source: .run(run))
    }

    /// `3 h ago (run 20261127T…)`: how old it is, and what read it.
    package func age(at now: Date) -> String {
        let age = "\(at.duration(to: now).humanAge) ago"
        return switch source {
        case .probe: age
        case .run(let run): run.isEmpty ? age : "\(age) (run \(run.visible))"
        }
    }
}

extension Outcome {
    /// Whether an instance that ended so in a run has the version that its result has, be it none.
    package var learntVersion: Bool { isGood && self != .skipped }

    /// Whether what was known before no longer counts: there is no ledger now, or a change may have been committed unseen.
    package var forgetsVersion: Bool { self == .unprovisioned || self == .unknown }
}
