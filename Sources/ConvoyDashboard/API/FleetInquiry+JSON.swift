import ConvoyRun
import ConvoyText
internal import FoundationEssentials

extension FleetInquiry {
    /// The state for programs.
    var stateJSON: JSONValue {
        let (at, problems): (Date?, [String]) =
            switch state {
            case .never: (nil, [])
            case .running(let since): (since, [])
            case .done(let at, let findings): (at, findings.problems)
            case .failed(let at, let message): (at, [message])
            }
        return [
            "state": .string(state.name),
            "at": .optional(at?.rfc3339),
            "problems": .strings(problems),
            "every": schedule.map { .seconds($0.interval.seconds) } ?? .null,
            "last_done_at": .optional(findings?.at.rfc3339),
        ]
    }
}
