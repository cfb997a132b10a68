package import ConvoyText

/// `workers`: what a worker of the fleet takes, and how long its leases are, where its command line does not say. What is nil is left to the program.
package struct WorkerDefaults: Sendable, Hashable {
    package var select: Selector?
    /// The names of servers.
    package var servers: Set<String>?
    package var total: Int?
    package var lease: Duration?
    /// By key: a value that takes a variable that is not set here, and what is wrong with that. Only a worker reports it, because only a worker needs
    /// the value.
    package var missing: [String: Problem] = [:]

    package static let totalRange = 1...1000
    package static let standardTotal = 16
    package static let leaseRange = Duration.seconds(10)...Duration.seconds(3600)
    package static let standardLease = Duration.seconds(15)

    package init() {}

    /// The names in a text, separated by commas.
    package static func names(in text: String) -> [String] {
        text.split(separator: ",").map { part in
            String(part.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
        }.filter { !$0.isEmpty }
    }
}
