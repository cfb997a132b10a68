internal import ConvoyMigrations
public import ConvoyRollout

/// The same failure, seen on one or many instances.
public struct FailureGroup: Sendable, Hashable {
    /// Equal for the same failure on another instance.
    public var fingerprint: String
    /// The first one seen, for the words and the place.
    public var failure: Failure
    /// Who had it, in the fleet's order.
    public var instances: [String]
    /// Who held the lock, by instance, where that was the trouble.
    public var lockHolders: [String: LockHolder]

    /// Groups by fingerprint; the most frequent first, then in the fleet's order.
    static func groups(of failures: some Sequence<(instance: String, failure: Failure)>) -> [FailureGroup] {
        var groups: [FailureGroup] = []
        var indices: [String: Int] = [:]
        for (instance, failure) in failures {
            let fingerprint = failure.fingerprint
            let index = indices[fingerprint] ?? groups.endIndex
            if index == groups.endIndex {
                indices[fingerprint] = index
                groups.append(FailureGroup(fingerprint: fingerprint, failure: failure, instances: [], lockHolders: [:]))
            }
            groups[index].instances.append(instance)
            groups[index].lockHolders[instance] = failure.lockedBy
        }
        return groups.enumerated().sorted { ($1.element.instances.count, $0.offset) < ($0.element.instances.count, $1.offset) }.map(
            \.element
        )
    }

    var json: JSONValue {
        [
            "fingerprint": .string(fingerprint),
            "version": .optional(failure.version?.description),
            "sqlstate": .optional(failure.sqlstate),
            "message": .string(failure.message),
            "count": .integer(instances.count),
            "instances": .strings(instances),
        ]
    }
}
