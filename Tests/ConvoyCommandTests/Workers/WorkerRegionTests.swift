import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// Workers of several regions with one fleet file: each has its own part of the instances, and reaches no other.
@Suite(.timeLimit(.minutes(5)))
struct WorkerRegionTests {
    /// Two regions, each with a server whose databases are discovered. Where the variable `FAR` says so, the second one cannot be reached.
    private func withRegions(_ body: (WorkerFleet) async throws -> Void) async throws {
        try await withWorkerFleet(2, migrations: SlowSet.files(pause: 0.05)) { fleet in
            let path = "\(fleet.folder)/fleet.yaml"
            let lines = try String(contentsOfFile: path, encoding: .utf8).components(separatedBy: "\n")
            let server = fleet.databases[0].server
            var file = Array(lines.prefix { !$0.hasPrefix("servers:") })
            file.append("servers:")
            file.append("  near: {host: \(server.socketFolder), port: \(server.port)}")
            file.append("  far: {host: \"${env:FAR:-\(server.socketFolder)}\", port: \(server.port)}")
            file.append("discover:")
            for (name, database) in zip(["near", "far"], fleet.databases) {
                file.append("  - server: \(name)")
                file.append("    databases: \"\(database.name)\"")
                file.append("    name: \"\(name)-{database}\"")
                file.append("    user: \(database.ownerName)")
                file.append("    labels: {region: \(name)}")
            }
            file.append("workers:")
            file.append("  select: region=${env:REGION}")
            file.append("  total: 3")
            file += lines.drop { !$0.hasPrefix("rollout:") }
            try file.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
            try await body(fleet)
        }
    }

    @Test func aRegionThatCannotBeReachedKeepsNoWorkerFromARun() async throws {
        try await withRegions { fleet in
            let near = try await fleet.worker(environment: ["REGION": "near", "FAR": "/nowhere"])
            #expect(near.snapshot.standardOutput.contains("takes up to 3 assignments at a time, of the instances that match region=near"))
            // Who submits the run has no region.
            let run = try await fleet.submit()
            try await eventually("the near one is done", within: .seconds(60)) {
                try await fleet.count("assignments WHERE kind = 'change' AND state = 'done'") == 1
            }
            #expect(try await fleet.count("assignments WHERE kind = 'change' AND state = 'waiting' AND subject LIKE 'far-%'") == 1)
            let far = try await fleet.worker(["--total", "1"], environment: ["REGION": "far"])
            #expect(far.snapshot.standardOutput.contains("takes up to 1 assignments at a time, of the instances that match region=far"))
            let end = try await fleet.wait(for: run)
            #expect(end.exitCode == 0, "\(end.standardError)")
            try await fleet.expectAppliedOnce(SlowSet.versions)
            // Each had its own.
            #expect(try await fleet.count("assignments WHERE kind = 'change' AND attempt > 1") == 0)
            for worker in [near, far] {
                let drained = try await worker.drained()
                #expect(drained.exitCode == 0 && !drained.standardError.contains("takes no part"), "\(drained.standardError)")
            }
        }
    }

    /// The options of the command line come first, also where the file's value cannot be known.
    @Test func theCommandLineComesBeforeTheFile() async throws {
        try await withRegions { fleet in
            let without = try await runConvoy(["worker"], in: fleet.folder)
            #expect(without.exitCode == 78)
            #expect(without.standardError.contains("environment variable REGION is not set"), "\(without.standardError)")
            let unknown = try await runConvoy(["worker", "--select", "region=near", "--servers", "neer"], in: fleet.folder)
            #expect(unknown.exitCode == 64 && unknown.standardError.contains("did you mean near?"), "\(unknown.standardError)")
            let none = try await runConvoy(["worker", "--select", "region=near", "--servers", ","], in: fleet.folder)
            #expect(none.exitCode == 64, "\(none.standardError)")
            let both = try await fleet.worker(["--select", "region in (near,fat)", "--servers", "near,far", "--total", "2"])
            #expect(
                both.snapshot.standardOutput.contains(
                    "takes up to 2 assignments at a time, of the instances on servers far, near that match region in (near,fat)"
                )
            )
            // A label that no instance has is most likely a mistake, and may come later.
            #expect(both.snapshot.standardError.contains("warning: the worker's selector: no instance has the label region=fat"))
            #expect(try await both.drained().exitCode == 0)
        }
    }
}
