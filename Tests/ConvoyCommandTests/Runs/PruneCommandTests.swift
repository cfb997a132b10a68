import Foundation
import TestSupport
import Testing

/// `runs prune` and `journal_keep`: which runs go, and which stay whatever is asked for.
@Suite(.timeLimit(.minutes(5)))
struct PruneCommandTests {
    private func run(_ words: [String], in folder: String) async throws -> String {
        let result = try await runConvoy(words + ["--yes", "--output", "json"], in: folder)
        #expect(result.exitCode == 0, "\(words): \(result.standardError)")
        return try #require(try jsonObject(result)["run"] as? String)
    }

    private func runs(in folder: String) async throws -> [String] {
        let result = try await runConvoy(["runs", "--output", "json"], in: folder)
        return try #require(try jsonObject(result)["runs"] as? [[String: Any]]).compactMap { $0["run"] as? String }
    }

    private func removed(_ result: ConvoyResult) throws -> [String] {
        let document = try jsonObject(result)
        #expect(document["schema"] as? String == "convoy.prune/1")
        return try #require(document["removed"] as? [[String: Any]]).compactMap { $0["run"] as? String }
    }

    @Test func theNewestRunOfEachInstanceStays() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases) { folder in
                let alices = try await run(["migrate", "--select", "name=alice"], in: folder)
                let bob = ["--select", "name=bob"]
                let first = try await run(["migrate"] + bob, in: folder)
                let second = try await run(["rollback", "--steps", "1"] + bob, in: folder)
                let third = try await run(["migrate"] + bob, in: folder)

                let preview = try await runConvoy(["runs", "prune", "--keep", "1", "--dry-run", "--output", "json"], in: folder)
                #expect(preview.exitCode == 0, "\(preview.standardError)")
                #expect(try removed(preview) == [second, first])
                #expect(try await runs(in: folder) == [third, second, first, alices])

                let told = try await runConvoy(["runs", "prune", "--keep", "1", "--dry-run"], in: folder)
                #expect(
                    told.standardOutput.contains(
                        "would remove 2 of 4 runs; 1 older run is kept: it can be resumed, or no newer run is known of the fleet or of an instance\n"
                    ),
                    "\(told.standardOutput)"
                )
                let unasked = try await runConvoy(["runs", "prune", "--keep", "1"], in: folder)
                #expect(unasked.exitCode == 64)
                #expect(unasked.standardError.contains("preview it with --dry-run, then add --yes"), "\(unasked.standardError)")
                let young = try await runConvoy(["runs", "prune", "--keep", "90d", "--yes"], in: folder)
                #expect(young.standardOutput.contains("nothing to remove among 4 runs"), "\(young.standardOutput)")

                let pruned = try await runConvoy(["runs", "prune", "--keep", "1", "--yes", "--output", "json"], in: folder)
                #expect(pruned.exitCode == 0, "\(pruned.standardError)")
                #expect(try removed(pruned) == [second, first])
                #expect(try jsonObject(pruned)["kept"] as? Int == 2)
                #expect(try await runs(in: folder) == [third, alices])
                // What is left can still be read.
                let shown = try await runConvoy(["runs", "show", alices, "--output", "json"], in: folder)
                #expect(shown.exitCode == 0, "\(shown.standardError)")

                let file = folder + "/fleet.yaml"
                let text = try String(contentsOfFile: file, encoding: .utf8)
                try (text + "journal_keep: 1\n").write(toFile: file, atomically: true, encoding: .utf8)
                let fourth = try await run(["rollback", "--steps", "1"] + bob, in: folder)
                #expect(try await runs(in: folder) == [fourth, alices])
            }
        }
    }

    @Test(arguments: ["0", "-1", "soon", "0d"])
    func whatIsToBeKeptIsANumberOrAnAge(_ keep: String) async throws {
        let result = try await runConvoy(["runs", "prune", "--keep=\(keep)", "--dry-run"], in: "/")
        #expect(result.exitCode == 64)
        #expect(result.standardError.contains("--keep must be"), "\(result.standardError)")
    }
}
