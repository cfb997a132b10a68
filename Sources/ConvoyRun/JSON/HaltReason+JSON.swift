import ConvoyFleet
import ConvoyText

/// A halt as events show it: `reason` in words, `rule` and what belongs to it for programs.
extension HaltReason {
    var members: [(String, JSONValue)] {
        let words: (String, JSONValue) = ("reason", .string(description))
        switch self {
        case .failures(let wave, let limit, let instances):
            return [words, ("rule", "failures"), ("wave", .string(wave)), ("limit", .integer(limit)), ("instances", .strings(instances))]
        case .failurePercent(let wave, let limit, let count, let instances):
            return [words, ("rule", "failure_percent")] + Self.share(wave, limit, count, instances)
        case .sameFailure(let wave, let limit, let fingerprint, let instances):
            return [
                words, ("rule", "same_failure"), ("wave", .string(wave)), ("limit", .integer(limit)),
                ("fingerprint", .string(fingerprint)), ("instances", .strings(instances)),
            ]
        case .unreachablePercent(let wave, let limit, let count, let instances):
            return [words, ("rule", "unreachable_percent")] + Self.share(wave, limit, count, instances)
        case .nothingReached(let wave): return [words, ("rule", "nothing_reached"), ("wave", .string(wave))]
        case .onFailure(let wave, let policy, let instance):
            return [
                words, ("rule", "on_failure"), ("wave", .string(wave)), ("policy", .string(policy.rawValue)),
                ("instance", .string(instance)),
            ]
        case .gateFailed(let wave, let reason):
            return [words, ("rule", "gate"), ("wave", .string(wave)), ("cause", .string(reason))]
        case .hookFailed(let point, let wave, let reason):
            return [
                words, ("rule", "hook"), ("point", .string(point.rawValue)), ("wave", .optional(wave)), ("cause", .string(reason)),
            ]
        case .journalFailed(let reason): return [words, ("rule", "journal"), ("cause", .string(reason))]
        }
    }

    private static func share(_ wave: String, _ limit: Double, _ count: Int, _ instances: [String]) -> [(String, JSONValue)] {
        [("wave", .string(wave)), ("limit", .seconds(limit)), ("count", .integer(count)), ("instances", .strings(instances))]
    }
}

extension HaltReason: Decodable {
    private enum Key: String, CodingKey {
        case rule, wave, limit, count, instances, fingerprint, policy, instance, cause, point
    }

    /// Reads what an event shows.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        func text(_ key: Key) throws -> String { try container.decode(String.self, forKey: key) }
        func names() throws -> [String] { try container.decode([String].self, forKey: .instances) }
        switch try text(.rule) {
        case "failures":
            self = .failures(wave: try text(.wave), limit: try container.decode(Int.self, forKey: .limit), instances: try names())
        case "failure_percent":
            self = .failurePercent(
                wave: try text(.wave),
                limit: try container.decode(Double.self, forKey: .limit),
                count: try container.decode(Int.self, forKey: .count),
                instances: try names()
            )
        case "same_failure":
            self = .sameFailure(
                wave: try text(.wave),
                limit: try container.decode(Int.self, forKey: .limit),
                fingerprint: try text(.fingerprint),
                instances: try names()
            )
        case "unreachable_percent":
            self = .unreachablePercent(
                wave: try text(.wave),
                limit: try container.decode(Double.self, forKey: .limit),
                count: try container.decode(Int.self, forKey: .count),
                instances: try names()
            )
        case "nothing_reached": self = .nothingReached(wave: try text(.wave))
        case "on_failure":
            self = .onFailure(
                wave: try text(.wave),
                policy: try container.decode(OnFailure.self, forKey: .policy),
                instance: try text(.instance)
            )
        case "gate": self = .gateFailed(wave: try text(.wave), reason: try text(.cause))
        case "hook":
            self = .hookFailed(
                try container.decode(HookPoint.self, forKey: .point),
                wave: try container.decodeIfPresent(String.self, forKey: .wave),
                reason: try text(.cause)
            )
        case "journal": self = .journalFailed(reason: try text(.cause))
        case let other:
            throw DecodingError.dataCorruptedError(forKey: .rule, in: container, debugDescription: "no rule is called “\(other)”")
        }
    }
}
