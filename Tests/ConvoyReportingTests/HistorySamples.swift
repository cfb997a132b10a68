import ConvoyMigrations
import ConvoyRollout
import ConvoyRun

@testable import ConvoyReporting

/// Twenty instances of two migrations, and one that went back.
let durationsReport = DurationsReport(
    journal: ".convoy/journal.sqlite",
    generatedAt: moment(),
    runs: [RunID("r-2"), RunID("r-1")],
    migrations: MigrationDurations.gathered(
        (1...20).flatMap { number in
            [older, newest].map { version in
                let milliseconds = version == older ? number : number == 7 ? 95_000 : 1000 + number * 10
                return ("i\(number)", AppliedMigration(version: version, direction: .up, duration: .milliseconds(milliseconds)))
            }
        } + [("i3", AppliedMigration(version: newest, direction: .down, duration: .seconds(2)))]
    ),
    names: [newest: "narrow_charges"]
)

/// The next run over the fleet of ``troubledRun``: one failure went, one stayed with another instance, one is new.
let nextRun: [Event] = {
    let gone = Failure(.unreachable, "connection refused by us-1:5432", hint: "is the server running?")
    let applied = [AppliedMigration(version: newest, direction: .up, duration: .milliseconds(30))]
    let results: [(String, InstanceResult)] = [
        ("alice", InstanceResult(outcome: .upToDate, from: newest, to: newest)),
        ("bob", InstanceResult(outcome: .migrated, from: older, to: newest, applied: applied)),
        ("carol", InstanceResult(outcome: .failed, from: older, to: older, failure: overflow)),
        ("erin", InstanceResult(outcome: .unreachable, failure: gone)),
    ]
    let waves = [PlannedWave(name: "canary", instances: ["alice"]), PlannedWave(name: "rest", instances: ["bob", "carol", "erin"])]
    var events = [Event(at: moment(3600), .runStarted(run: "r-2", fleet: "teslamate-eu", waves: waves))]
    for (name, result) in results { events.append(Event(at: moment(3601), .instanceFinished(instance: name, result: result))) }
    return events + [Event(at: moment(3602), .runFinished(status: .failed))]
}()

let runComparison = RunComparison(.init(report: report(troubledRun), state: nil), .init(report: report(nextRun), state: nil))
