/// How often instances of a run failed alike.
struct FailureTally: Sendable {
    private var instances: [String: [String]] = [:]
    /// The fingerprint that most instances have; the first to get there among equals.
    private var mostFrequent: String?

    mutating func add(_ instance: String, fingerprint: String) {
        instances[fingerprint, default: []].append(instance)
        if count(fingerprint) > mostFrequent.map(count) ?? 0 { mostFrequent = fingerprint }
    }

    /// The failure that at least this number of instances have in common.
    func shared(by limit: Int) -> (fingerprint: String, instances: [String])? {
        guard let mostFrequent, let alike = instances[mostFrequent], alike.count >= limit else { return nil }
        return (mostFrequent, alike)
    }

    private func count(_ fingerprint: String) -> Int { instances[fingerprint]?.count ?? 0 }
}
