public import ConvoyFleet
import ConvoyText

/// Why the fleet was halted: what did not hold, where, and which instances showed it.
public enum HaltReason: Sendable, Hashable, CustomStringConvertible {
    /// `stop: {failures: N}`: this many instances of the wave failed.
    case failures(wave: String, limit: Int, instances: [String])
    /// `stop: {failure_percent: P}`: this share of the wave's `count` instances failed.
    case failurePercent(wave: String, limit: Double, count: Int, instances: [String])
    /// `stop: {same_failure: N}`: this many instances of the run failed with one fingerprint.
    case sameFailure(wave: String, limit: Int, fingerprint: String, instances: [String])
    /// `stop: {unreachable_percent: P}`: this share of the wave's `count` instances could not be reached.
    case unreachablePercent(wave: String, limit: Double, count: Int, instances: [String])
    /// Not one instance of a wave that guards what follows could be reached, so it showed nothing about the waves after it.
    case nothingReached(wave: String)
    /// An instance failed in a wave whose `on_failure` halts.
    case onFailure(wave: String, policy: OnFailure, instance: String)
    /// The gate after the wave did not let the next one start.
    case gateFailed(wave: String, reason: String)
    /// `approve_within`: the gate after the wave was not approved within this time.
    case notApproved(wave: String, within: Duration)
    /// A hook of the run, or of the wave, failed.
    case hookFailed(HookPoint, wave: String?, reason: String)
    /// What happens can no longer be recorded.
    case journalFailed(reason: String)

    /// One line without a full stop; of many instances it names the first few.
    public var description: String {
        switch self {
        case .failures(let wave, let limit, let instances):
            "wave \(wave) reached its stop rule failures: \(limit) (\(Self.firstFew(instances)))"
        case .failurePercent(let wave, let limit, let count, let instances):
            "wave \(wave) reached its stop rule failure_percent: \(Self.text(limit)) (\(Self.share(instances, of: count)))"
        case .sameFailure(let wave, let limit, let fingerprint, let instances):
            "wave \(wave) reached its stop rule same_failure: \(limit) (failure \(fingerprint): \(Self.firstFew(instances)))"
        case .unreachablePercent(let wave, let limit, let count, let instances):
            "wave \(wave) reached its stop rule unreachable_percent: \(Self.text(limit)) (\(Self.share(instances, of: count)))"
        case .nothingReached(let wave):
            "no instance of wave \(wave) could be reached, so the next wave does not start"
        case .onFailure(let wave, let policy, let instance):
            "\(instance) did not succeed, and wave \(wave) has on_failure: \(policy.rawValue)"
        case .gateFailed(let wave, let reason):
            "the gate after wave \(wave) failed: \(reason)"
        case .notApproved(let wave, let within):
            "the gate after wave \(wave) was not approved within \(within.human)"
        case .hookFailed(let point, let wave, let reason):
            "\(point.rawValue)\(wave.map { " of wave \($0)" } ?? "") failed: \(reason)"
        case .journalFailed(let reason):
            "the journal can no longer be written: \(reason)"
        }
    }

    /// The wave that it is about; nil if it is about the whole run.
    package var wave: String? {
        switch self {
        case .failures(let wave, _, _), .failurePercent(let wave, _, _, _), .sameFailure(let wave, _, _, _),
            .unreachablePercent(let wave, _, _, _), .nothingReached(let wave), .onFailure(let wave, _, _), .gateFailed(let wave, _),
            .notApproved(let wave, _):
            wave
        case .hookFailed(_, let wave, _): wave
        case .journalFailed: nil
        }
    }

    /// The wave whose migration it calls bad, so that `on_failure: rollback` returns the wave; nil if it says nothing about a migration.
    package var badWave: String? {
        switch self {
        case .failures(let wave, _, _), .failurePercent(let wave, _, _, _), .sameFailure(let wave, _, _, _), .onFailure(let wave, _, _),
            .gateFailed(let wave, _):
            wave
        case .unreachablePercent, .nothingReached, .notApproved, .hookFailed, .journalFailed: nil
        }
    }

    private static let shownInstances = 5

    private static func firstFew(_ instances: [String]) -> String {
        let shown = instances.prefix(shownInstances).joined(separator: ", ")
        return instances.count > shownInstances ? "\(shown) and \(instances.count - shownInstances) more" : shown
    }

    private static func share(_ instances: [String], of count: Int) -> String {
        "\(instances.count) of \(count): \(firstFew(instances))"
    }

    private static func text(_ percent: Double) -> String {
        Int(exactly: percent).map(String.init) ?? String(percent)
    }
}
