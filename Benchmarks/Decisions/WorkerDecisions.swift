import ConvoyFleet
import ConvoyJournal
import ConvoyKit
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import Foundation

/// Workers carry out one run in a control database, with a stand-in for what they would do to the instances. `Benchmarks/workers/decisions` calls it, and
/// asks the control database afterwards what that took.
@main
struct WorkerDecisions {
    static func main() async throws {
        let words = CommandLine.arguments
        guard words.count == 5, let count = Int(words[3]), let total = Int(words[4]) else {
            complain("usage: WorkerDecisions FLEET-FILE CONTROL-DATABASE WORKERS TOTAL-OF-EACH")
            exit(64)
        }
        let environment = ["PATH": "/usr/bin:/bin"]
        let client = try FleetClient(fleetFile: words[1], environment: environment)
        let parameters = try ConnectionParameters(conninfo: words[2])
        let control = ControlDatabase(parameters)
        try await control.prepare()
        let journal = ControlJournal(control)
        let timing = Worker.Timing()
        let standIn = StandIn(versions: client.set.migrations.map(\.version))
        let workers = (1...max(1, count)).map { number in
            Worker(
                ControlDatabase(parameters, timing: timing.database),
                id: "worker-\(number)",
                fleet: client.fleet.name,
                limits: WorkerLimits(total: total),
                timing: timing,
                environment: environment,
                load: {
                    var files = Worker.Files(fleet: client.fleet, set: client.set, runner: client.runner, secrets: client.secrets)
                    files.standIn = standIn
                    return files
                },
                log: { complain("worker-\(number): \($0)") }
            )
        }
        let tasks = workers.map { worker in Task { try await worker.run() } }
        let plan = RunPlan(
            fleet: client.fleet.name,
            generatedAt: Date(),
            change: .up(to: nil),
            migrations: client.set.migrations.map(RunPlan.PinnedMigration.init),
            waves: [RunPlan.Wave(name: "all", instances: client.fleet.instances.map(RunPlan.PlannedInstance.init))]
        )
        let run = try NewRun(plan, fleetFile: words[1])
        guard let submission = RunSubmission(client.fleet, in: journal) else { return complain("the fleet has no control database") }
        try await submission.submit(run, beside: [])
        let name = run.record.id.description
        while try await journal.runs(named: name).first?.status == nil { try await Task.sleep(for: .milliseconds(250)) }
        for worker in workers { worker.drain() }
        for task in tasks { try await task.value }
        await control.close()
    }

    private static func complain(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }
}
