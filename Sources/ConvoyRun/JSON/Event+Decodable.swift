import ConvoyFleet
import ConvoyMigrations
import ConvoyText
internal import FoundationEssentials

/// An event has a type that this program does not know: a newer one wrote it.
package struct UnknownEventType: Error {
    var type: String
}

extension Event: Decodable {
    private enum Key: String, CodingKey {
        case at, type, run, fleet, waves, wave, instance, from, to, pending, reason, message, outcome, applied, failure, by, point,
            duration, problem
        case output, server, connections, until, status, version, direction, activity, blockers, statement, line, parent
    }

    /// Reads the JSON form of an event. Keys that it does not know are passed over.
    ///
    /// - Throws: a `DecodingError` for a value that is not an event, or for a type that this program does not know.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        func text(_ key: Key) throws -> String { try container.decode(String.self, forKey: key) }
        func date(_ key: Key) throws -> Date {
            guard let date = Date(rfc3339: try text(key)) else {
                throw DecodingError.dataCorruptedError(forKey: key, in: container, debugDescription: "no RFC 3339 time")
            }
            return date
        }
        func ending() throws -> RunEnding {
            let ending = try container.decode(RunEnding.self, forKey: .status)
            // A run is abandoned after its end, by its record alone.
            guard ending != .abandoned else {
                throw DecodingError.dataCorruptedError(forKey: .status, in: container, debugDescription: "not how a run ends")
            }
            return ending
        }
        func migration() throws -> AppliedMigration { try AppliedMigration(from: decoder) }
        func result() throws -> InstanceResult {
            InstanceResult(
                outcome: try container.decode(Outcome.self, forKey: .outcome),
                from: try container.decodeIfPresent(MigrationVersion.self, forKey: .from),
                to: try container.decodeIfPresent(MigrationVersion.self, forKey: .to),
                applied: try container.decode([AppliedMigration].self, forKey: .applied),
                failure: try container.decodeIfPresent(Failure.self, forKey: .failure)
            )
        }

        let name = try text(.type)
        guard let type = EventType(rawValue: name) else { throw UnknownEventType(type: name) }
        let kind: Kind =
            switch type {
            case .runStarted:
                .runStarted(run: try text(.run), fleet: try text(.fleet), waves: try container.decode([PlannedWave].self, forKey: .waves))
            case .traceJoined: .traceJoined(parent: try text(.parent))
            case .waveStarted: .waveStarted(wave: try text(.wave))
            case .instanceStarted: .instanceStarted(instance: try text(.instance), wave: try text(.wave))
            case .instancePlanned:
                .instancePlanned(
                    instance: try text(.instance),
                    from: try container.decodeIfPresent(MigrationVersion.self, forKey: .from),
                    pending: try container.decode([MigrationVersion].self, forKey: .pending)
                )
            case .instanceWaiting:
                // The reason has them in words: what is damaged here costs only itself.
                .instanceWaiting(
                    instance: try text(.instance),
                    reason: try text(.reason),
                    facts: WaitFacts(
                        blockers: (try? container.decodeIfPresent([LockHolder].self, forKey: .blockers)) ?? [],
                        statement: try? container.decodeIfPresent(String.self, forKey: .statement),
                        line: try? container.decodeIfPresent(Int.self, forKey: .line)
                    )
                )
            case .migrationApplied: .migrationApplied(instance: try text(.instance), migration: try migration())
            case .instanceProgress:
                .instanceProgress(
                    instance: try text(.instance),
                    activity: try container.decodeIfPresent(ServerActivity.self, forKey: .activity)
                )
            case .instanceWarned: .instanceWarned(instance: try text(.instance), message: try text(.message))
            case .instanceFinished: .instanceFinished(instance: try text(.instance), result: try result())
            case .waveFinished: .waveFinished(wave: try text(.wave))
            case .rollbackStarted: .rollbackStarted(instance: try text(.instance), wave: try text(.wave))
            case .rollbackFinished: .rollbackFinished(instance: try text(.instance), result: try result())
            case .gateOpened: .gateOpened(wave: try text(.wave))
            case .gateWaiting: .gateWaiting(wave: try text(.wave), reason: try text(.reason))
            case .approved: .approved(wave: try text(.wave), by: try text(.by))
            case .gatePassed: .gatePassed(wave: try text(.wave))
            case .gateFailed: .gateFailed(wave: try text(.wave), reason: try text(.reason))
            case .hookFinished:
                .hookFinished(
                    HookResult(
                        point: try container.decode(HookPoint.self, forKey: .point),
                        wave: try container.decodeIfPresent(String.self, forKey: .wave),
                        instance: try container.decodeIfPresent(String.self, forKey: .instance),
                        duration: try container.duration(forKey: .duration),
                        problem: try container.decodeIfPresent(String.self, forKey: .problem),
                        output: try text(.output)
                    )
                )
            case .serverPaused: .serverPaused(server: try text(.server), by: try text(.by))
            case .serverResumed: .serverResumed(server: try text(.server), by: try text(.by))
            case .budgetChanged:
                .budgetChanged(
                    server: try text(.server),
                    connections: min(max(0, try container.decode(Int.self, forKey: .connections)), 1_000_000)
                )
            case .windowClosed: .windowClosed(until: try date(.until))
            case .windowOpened: .windowOpened
            case .runResumed: .runResumed(by: try text(.by))
            case .halted: .halted(try HaltReason(from: decoder))
            case .stopRequested: .stopRequested
            case .cancelRequested: .cancelRequested
            case .runFinished: .runFinished(status: try ending())
            }
        self.init(at: try date(.at), kind)
    }
}
