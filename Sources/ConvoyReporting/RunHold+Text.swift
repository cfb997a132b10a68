import ConvoyRun
import ConvoyText
import FoundationEssentials

extension RunHold {
    /// A few words for a column of a table: `gate canary 12 min`, `eu-1 paused`.
    func words(at now: Date) -> String {
        switch self {
        case .gate(let wave, let since, _): "gate \(wave) \(since.duration(to: now).humanAge)"
        case .window(let until): "window in \(now.duration(to: until).humanAge)"
        case .pausedServer(let server, _, _): "\(server) paused"
        case .stopping(let isCancelled): isCancelled ? "cancelling" : "stopping"
        }
    }

    /// As the JSON Schemas of runs have it.
    var json: JSONValue {
        switch self {
        case .gate(let wave, let since, let reason):
            ["kind": "gate", "wave": .string(wave), "since": .string(since.rfc3339), "reason": .optional(reason)]
        case .window(let until): ["kind": "maintenance-window", "until": .string(until.rfc3339)]
        case .pausedServer(let server, let by, let since):
            ["kind": "paused-server", "server": .string(server), "by": .string(by), "since": .optional(since?.rfc3339)]
        case .stopping(let isCancelled): ["kind": isCancelled ? "cancelling" : "stopping"]
        }
    }
}
