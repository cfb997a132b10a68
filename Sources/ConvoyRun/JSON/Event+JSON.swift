internal import ConvoyFleet
internal import ConvoyMigrations
package import ConvoyText
internal import FoundationEssentials

extension Event {
    /// The event as the journal keeps it and as a line of machine output shows it.
    ///
    ///     {"at":"2026-08-08T09:00:01.250Z","type":"instance_started","instance":"alice","wave":"canary"}
    ///
    /// `at` and `type` come first, then what the kind of event has, by the names of its payload in snake case. Versions are strings, times RFC 3339 in
    /// UTC, durations seconds. `instance_finished` and `rollback_finished` have `outcome`, `from`, `to`, `applied` and `failure`, the last as
    /// FAILURE of the machine output. New keys and new types may appear; none changes its meaning.
    package var json: JSONValue {
        let head: [(String, JSONValue)] = [("at", .string(at.rfc3339)), ("type", .string(kind.type.rawValue))]
        return .object(.init(head + kind.members))
    }
}

extension Event.Kind {
    fileprivate var members: [(String, JSONValue)] {
        switch self {
        case .runStarted(let run, let fleet, let waves):
            [
                ("run", .string(run)),
                ("fleet", .string(fleet)),
                ("waves", .array(waves.map { ["name": .string($0.name), "instances": .strings($0.instances)] })),
            ]
        case .traceJoined(let parent): [("parent", .string(parent))]
        case .waveStarted(let wave), .waveFinished(let wave), .gateOpened(let wave), .gatePassed(let wave): [("wave", .string(wave))]
        case .instanceStarted(let instance, let wave), .rollbackStarted(let instance, let wave):
            [("instance", .string(instance)), ("wave", .string(wave))]
        case .instancePlanned(let instance, let from, let pending):
            [("instance", .string(instance)), ("from", .optional(from?.description)), ("pending", .strings(pending))]
        case .instanceWaiting(let instance, let reason, let facts):
            [("instance", .string(instance)), ("reason", .string(reason))] + facts.members
        case .migrationApplied(let instance, let migration):
            [
                ("instance", .string(instance)),
                ("version", .string(migration.version.description)),
                ("direction", .string(migration.direction.rawValue)),
                ("duration", .seconds(migration.duration.seconds)),
            ] + (migration.checkpoint.map { [("checkpoint", .string($0.description))] } ?? [])
        case .instanceProgress(let instance, let activity):
            [("instance", .string(instance)), ("activity", activity?.json ?? .null)]
        case .instanceWarned(let instance, let message): [("instance", .string(instance)), ("message", .string(message))]
        case .instanceFinished(let instance, let result), .rollbackFinished(let instance, let result):
            [
                ("instance", .string(instance)),
                ("outcome", .string(result.outcome.rawValue)),
                ("from", .optional(result.from?.description)),
                ("to", .optional(result.to?.description)),
                ("applied", .array(result.applied.map(\.json))),
                ("failure", result.failure?.json ?? .null),
            ]
        case .gateWaiting(let wave, let reason), .gateFailed(let wave, let reason): [("wave", .string(wave)), ("reason", .string(reason))]
        case .approved(let wave, let by): [("wave", .string(wave)), ("by", .string(by))]
        case .hookFinished(let hook):
            [
                ("point", .string(hook.point.rawValue)),
                ("wave", .optional(hook.wave)),
                ("instance", .optional(hook.instance)),
                ("duration", .seconds(hook.duration.seconds)),
                ("problem", .optional(hook.problem)),
                ("output", .string(hook.output)),
            ]
        case .serverPaused(let server, let by), .serverResumed(let server, let by): [("server", .string(server)), ("by", .string(by))]
        case .budgetChanged(let server, let connections): [("server", .string(server)), ("connections", .integer(connections))]
        case .windowClosed(let until): [("until", .string(until.rfc3339))]
        case .runResumed(let by): [("by", .string(by))]
        case .halted(let reason): reason.members
        case .runFinished(let status): [("status", .string(status.rawValue))]
        case .windowOpened, .stopRequested, .cancelRequested: []
        }
    }

    /// The instance that it is about.
    package var instance: String? {
        switch self {
        case .instanceStarted(let name, _), .instancePlanned(let name, _, _), .instanceWaiting(let name, _, _),
            .migrationApplied(let name, _),
            .instanceProgress(let name, _), .instanceWarned(let name, _), .instanceFinished(let name, _), .rollbackStarted(let name, _),
            .rollbackFinished(let name, _):
            name
        case .hookFinished(let hook): hook.instance
        default: nil
        }
    }

    /// How the instance stands after it, where it says so.
    package var outcome: Outcome? {
        switch self {
        case .instanceFinished(_, let result), .rollbackFinished(_, let result): result.outcome
        default: nil
        }
    }
}
