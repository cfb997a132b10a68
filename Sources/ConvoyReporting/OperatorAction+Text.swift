import ConvoyRun
import ConvoyText
internal import FoundationEssentials

extension OperatorAction {
    /// One line: `gate of wave canary approved 2026-08-08 09:00:00Z by ann@host`.
    var text: String {
        let deed =
            switch kind {
            case .approved(let wave): "gate of wave \(wave.visible) approved"
            case .paused(let server): "server \(server.visible) paused"
            case .unpaused(let server): "server \(server.visible) unpaused"
            case .resumed: "run resumed"
            }
        return "\(deed) \(at.human) by \(by.visible)"
    }

    /// As the JSON Schemas of runs have it.
    var json: JSONValue {
        let (when, person) = (JSONValue.string(at.rfc3339), JSONValue.string(by))
        return switch kind {
        case .approved(let wave): ["action": "approve", "wave": .string(wave), "at": when, "by": person]
        case .paused(let server): ["action": "pause", "server": .string(server), "at": when, "by": person]
        case .unpaused(let server): ["action": "unpause", "server": .string(server), "at": when, "by": person]
        case .resumed: ["action": "resume", "at": when, "by": person]
        }
    }
}
