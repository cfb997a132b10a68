/// Why the fleet was halted: the rule, the wave, and the instances that broke it.
public enum HaltReason: Sendable, Hashable, CustomStringConvertible {
    /// `stop: {failures: N}`: this many instances of the wave did not end well.
    case failures(wave: String, limit: Int, instances: [String])
    /// A wave that has a stop rule ended without one instance that could be reached, so it showed nothing about the waves after it.
    case nothingReached(wave: String)

    /// One line without a full stop; of many instances it names the first few.
    public var description: String {
        switch self {
        case .failures(let wave, let limit, let instances):
            let shown = instances.prefix(Self.shownInstances).joined(separator: ", ")
            let more = instances.count > Self.shownInstances ? " and \(instances.count - Self.shownInstances) more" : ""
            return "wave \(wave) reached its stop rule failures: \(limit) (\(shown)\(more))"
        case .nothingReached(let wave):
            return "no instance of wave \(wave), which has a stop rule, could be reached, so it says nothing about the waves after it"
        }
    }

    private static let shownInstances = 5
}
