import ConvoyFleet
import ConvoyText

/// A halt as events show it: `reason` in words, `rule` and what belongs to it for programs.
extension HaltReason {
    var members: [(String, JSONValue)] {
        let words: (String, JSONValue) = ("reason", .string(description))
        let rule = JSONValue.string(rule.rawValue)
        switch self {
        case .failures(let wave, let limit, let instances):
            return [words, ("rule", rule), ("wave", .string(wave)), ("limit", .integer(limit)), ("instances", .strings(instances))]
        case .failurePercent(let wave, let limit, let count, let instances):
            return [words, ("rule", rule)] + Self.share(wave, limit, count, instances)
        case .sameFailure(let wave, let limit, let fingerprint, let instances):
            return [
                words, ("rule", rule), ("wave", .string(wave)), ("limit", .integer(limit)),
                ("fingerprint", .string(fingerprint)), ("instances", .strings(instances)),
            ]
        case .unreachablePercent(let wave, let limit, let count, let instances):
            return [words, ("rule", rule)] + Self.share(wave, limit, count, instances)
        case .nothingReached(let wave): return [words, ("rule", rule), ("wave", .string(wave))]
        case .onFailure(let wave, let policy, let instance):
            return [
                words, ("rule", rule), ("wave", .string(wave)), ("policy", .string(policy.rawValue)),
                ("instance", .string(instance)),
            ]
        case .gateFailed(let wave, let reason):
            return [words, ("rule", rule), ("wave", .string(wave)), ("cause", .string(reason))]
        case .notApproved(let wave, let within):
            return [words, ("rule", rule), ("wave", .string(wave)), ("limit", .seconds(within / .seconds(1)))]
        case .hookFailed(let point, let wave, let reason):
            return [
                words, ("rule", rule), ("point", .string(point.rawValue)), ("wave", .optional(wave)), ("cause", .string(reason)),
            ]
        case .journalFailed(let reason): return [words, ("rule", rule), ("cause", .string(reason))]
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
        let name = try text(.rule)
        switch HaltRule(rawValue: name) {
        case .failures:
            self = .failures(wave: try text(.wave), limit: try container.decode(Int.self, forKey: .limit), instances: try names())
        case .failurePercent:
            self = .failurePercent(
                wave: try text(.wave),
                limit: try container.decode(Double.self, forKey: .limit),
                count: try container.decode(Int.self, forKey: .count),
                instances: try names()
            )
        case .sameFailure:
            self = .sameFailure(
                wave: try text(.wave),
                limit: try container.decode(Int.self, forKey: .limit),
                fingerprint: try text(.fingerprint),
                instances: try names()
            )
        case .unreachablePercent:
            self = .unreachablePercent(
                wave: try text(.wave),
                limit: try container.decode(Double.self, forKey: .limit),
                count: try container.decode(Int.self, forKey: .count),
                instances: try names()
            )
        case .nothingReached: self = .nothingReached(wave: try text(.wave))
        case .onFailure:
            self = .onFailure(
                wave: try text(.wave),
                policy: try container.decode(OnFailure.self, forKey: .policy),
                instance: try text(.instance)
            )
        case .gate: self = .gateFailed(wave: try text(.wave), reason: try text(.cause))
        case .approval:
            self = .notApproved(
                wave: try text(.wave),
                within: Duration(clampingSeconds: try container.decode(Double.self, forKey: .limit))
            )
        case .hook:
            self = .hookFailed(
                try container.decode(HookPoint.self, forKey: .point),
                wave: try container.decodeIfPresent(String.self, forKey: .wave),
                reason: try text(.cause)
            )
        case .journal: self = .journalFailed(reason: try text(.cause))
        case nil:
            throw DecodingError.dataCorruptedError(forKey: .rule, in: container, debugDescription: "no rule is called “\(name)”")
        }
    }
}
