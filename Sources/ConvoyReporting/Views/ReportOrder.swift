internal import ConvoyMigrations
internal import ConvoyRollout
import ConvoyRun
import ConvoyText

/// The order in which a report lists instances. Those of which the key is not known come last either way; equals keep the fleet's order.
package struct ReportOrder: Sendable, Hashable {
    /// What instances are ordered by.
    package enum Key: String, Sendable, Hashable, CaseIterable {
        case name
        /// The newest version.
        case version
        /// As ``Outcome`` lists them: the good ones first.
        case outcome
        /// How many migrations are due.
        case pending
        /// How long it has been on its version.
        case age
        /// How long the run's migrations took.
        case duration
    }

    package enum Direction: Sendable, Hashable {
        case ascending, descending
    }

    package var key: Key
    package var direction: Direction

    package init(_ key: Key, _ direction: Direction = .ascending) {
        self.key = key
        self.direction = direction
    }

    func sorted(_ instances: [InstanceReport]) -> [InstanceReport] {
        switch key {
        case .name: sorted(instances) { $0.name }
        case .version: sorted(instances) { $0.version }
        case .outcome: sorted(instances) { Outcome.allCases.firstIndex(of: $0.outcome) }
        case .pending: sorted(instances) { $0.due?.count }
        case .age: sorted(instances) { $0.sinceAge }
        case .duration: sorted(instances) { $0.workTime }
        }
    }

    private func sorted<Value: Comparable>(_ instances: [InstanceReport], by value: (InstanceReport) -> Value?) -> [InstanceReport] {
        let keyed = instances.enumerated().map { (place: $0, value: value($1), instance: $1) }
        return keyed.sorted { left, right in
            switch (left.value, right.value) {
            case (let first?, let second?) where first != second: direction == .ascending ? first < second : first > second
            case (.some, nil): true
            case (nil, .some): false
            default: left.place < right.place
            }
        }.map(\.instance)
    }
}
