internal import Synchronization

/// Secrets that become known while Convoy runs, for the masks that hide them.
package final class LateMask: Sendable {
    private struct State {
        var table = SecretTable()
        /// How often each secret was added and not removed.
        var counts: [String: Int] = [:]
    }

    private let state = Mutex(State())
    private let accepts: @Sendable (String) -> Bool

    /// - Parameter accepts: whether a secret is hidden at all.
    init(accepts: @escaping @Sendable (String) -> Bool) {
        self.accepts = accepts
    }

    /// Those that are known now.
    var table: SecretTable { state.withLock(\.table) }

    func add(_ secret: String) {
        guard accepts(secret) else { return }
        state.withLock { state in
            state.counts[secret, default: 0] += 1
            guard state.counts[secret] == 1 else { return }
            for form in Set(SecretTable.forms(of: secret)) { state.table.add(form: form) }
        }
    }

    func remove(_ secret: String) {
        state.withLock { state in
            guard let count = state.counts[secret] else { return }
            state.counts[secret] = count > 1 ? count - 1 : nil
            guard count == 1 else { return }
            for form in Set(SecretTable.forms(of: secret)) { state.table.remove(form: form) }
        }
    }
}

/// What secret commands gave: the newest values of each key, so that a secret which rotates for days does not fill the memory.
final class LateSecretList: Sendable {
    private struct State {
        var values: [SecretReference: [String]] = [:]
        var masks: [LateMask] = []
    }

    /// A program that ended a while ago may still have a former value on its way.
    private static let keptValues = 4

    private let state = Mutex(State())

    /// A mask of all that is known, and of what will be.
    func mask(accepting accepts: @escaping @Sendable (String) -> Bool) -> LateMask {
        let mask = LateMask(accepts: accepts)
        state.withLock { state in
            for value in state.values.values.joined() { mask.add(value) }
            state.masks.append(mask)
        }
        return mask
    }

    func add(_ value: String, of reference: SecretReference) {
        state.withLock { state in
            var values = state.values[reference] ?? []
            guard values.last != value else { return }
            values.append(value)
            for mask in state.masks { mask.add(value) }
            if values.count > Self.keptValues {
                let former = values.removeFirst()
                for mask in state.masks { mask.remove(former) }
            }
            state.values[reference] = values
        }
    }
}
