internal import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
package import ConvoyText
package import FoundationEssentials

/// The same failure, seen on one or many instances.
package struct FailureGroup: Sendable, Hashable {
    /// Equal for the same failure on another instance.
    package var fingerprint: String
    /// The first one seen, for the words and the place.
    package var failure: Failure
    /// The instances that had it, in the fleet's order.
    package var instances: [String]
    /// The waves of the run in which it was seen, in the order of the waves; empty without a run.
    package var waves: [String]
    /// When an instance first ended with it in the run, or was found with it.
    package var firstSeen: Date?
    /// The holder of the lock, by instance, if a lock was the cause.
    package var lockHolders: [String: LockHolder]

    /// Groups by fingerprint; the most frequent first, then in the fleet's order.
    static func groups(of failures: some Sequence<Occurrence>) -> [FailureGroup] {
        var groups: [FailureGroup] = []
        var indices: [String: Int] = [:]
        for occurrence in failures {
            let fingerprint = occurrence.failure.fingerprint
            let index = indices[fingerprint] ?? groups.endIndex
            if index == groups.endIndex {
                indices[fingerprint] = index
                groups.append(FailureGroup(fingerprint, occurrence.failure))
            }
            groups[index].add(occurrence)
        }
        return groups.enumerated().sorted { ($1.element.instances.count, $0.offset) < ($0.element.instances.count, $1.offset) }.map(
            \.element
        )
    }

    private init(_ fingerprint: String, _ failure: Failure) {
        (self.fingerprint, self.failure) = (fingerprint, failure)
        (instances, waves, lockHolders) = ([], [], [:])
    }

    private mutating func add(_ occurrence: Occurrence) {
        instances.append(occurrence.instance)
        lockHolders[occurrence.instance] = occurrence.failure.lockedBy
        if let wave = occurrence.wave, !waves.contains(wave) { waves.append(wave) }
        if let at = occurrence.at { firstSeen = firstSeen.map { min($0, at) } ?? at }
    }

    /// A failure of one instance.
    struct Occurrence {
        var instance: String
        var wave: String?
        var at: Date?
        var failure: Failure
    }

    /// An element of `failures` of the machine output.
    package var json: JSONValue {
        [
            "fingerprint": .string(fingerprint),
            "version": .optional(failure.version?.description),
            "sqlstate": .optional(failure.sqlstate),
            "message": .string(failure.message),
            "count": .integer(instances.count),
            "instances": .strings(instances),
            "waves": .strings(waves),
            "first_seen": .optional(firstSeen?.rfc3339),
            "example": failure.json,
        ]
    }
}
