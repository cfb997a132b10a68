import ConvoyFleet
import ConvoyKit
import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyJournal

/// A worker takes part only in runs that it would carry out as every other worker does.
@Suite struct RunRefusalTests {
    private func set(_ files: [(Int64, String)]) throws -> MigrationSet {
        try MigrationSet(
            files.map { version, sql in
                let contents = Array("-- migrate:up\n\(sql)\n-- migrate:down\nSELECT 1;\n".utf8)
                return try MigrationFile(version: MigrationVersion(version), name: "m", path: "\(version)_m.sql", contents: contents)
                    .migration()
            }
        )
    }

    private func plan(_ set: MigrationSet, _ names: String) -> RunPlan {
        RunPlan(
            fleet: "eu",
            generatedAt: Date(timeIntervalSince1970: 0),
            change: .up(to: nil),
            migrations: set.migrations.map(RunPlan.PinnedMigration.init),
            waves: [RunPlan.Wave(name: "all", instances: instances(names).map(RunPlan.PlannedInstance.init))]
        )
    }

    private func run(version: String = Convoy.version, checksum: String = "abc") -> OpenRun {
        OpenRun(
            id: RunID("r"),
            fleetChecksum: checksum,
            convoyVersion: version,
            handOver: "",
            turn: 0,
            lastEvent: 0,
            hasRequests: false,
            resumedBy: nil
        )
    }

    private func refusal(_ run: OpenRun, _ plan: RunPlan, _ set: MigrationSet, fleet names: String) -> String? {
        let targets = RunTargets(instances(names), limits: ConnectionLimits(total: 4, perServer: 4))
        do throws(RunRefusal) {
            try RunRefusal.check(run, plan, fleetChecksum: "abc", set: set, targets: targets)
            return nil
        } catch {
            #expect(!error.hint.isEmpty)
            return error.description
        }
    }

    @Test func theSameFilesAreAccepted() throws {
        let set = try set([(1, "SELECT 1;")])
        #expect(refusal(run(), plan(set, "a@s1 b@s2"), set, fleet: "a@s1 b@s2 c@s3") == nil)
    }

    @Test func theRefusalSaysWhatDiffers() throws {
        let set = try set([(1, "SELECT 1;"), (2, "SELECT 2;")])
        let planned = plan(set, "a@s1 b@s2")
        #expect(refusal(run(version: "0.0.1"), planned, set, fleet: "a@s1 b@s2")?.contains("submitted by Convoy 0.0.1") == true)
        #expect(refusal(run(checksum: "abd"), planned, set, fleet: "a@s1 b@s2")?.contains("its fleet file is not the same") == true)
        let others = try self.set([(1, "SELECT 1;"), (2, "SELECT 3;"), (3, "SELECT 1;")])
        let migrations = try #require(refusal(run(), planned, others, fleet: "a@s1 b@s2"))
        #expect(migrations.contains("migration 2 was modified") && migrations.contains("migration 3 was added"), "\(migrations)")
        let moved = try #require(refusal(run(), planned, set, fleet: "a@s9"))
        #expect(
            moved.contains("instance a is database a on s9, not a on s1") && moved.contains("instance b is not in the fleet"),
            "\(moved)"
        )
    }

    /// What another process has written is shown as text and no more.
    @Test func aVersionFromOutsideIsShownVisibly() throws {
        let set = try set([(1, "SELECT 1;")])
        let text = try #require(refusal(run(version: "9\u{1B}[2J\n"), plan(set, "a"), set, fleet: "a"))
        #expect(!text.unicodeScalars.contains { $0.value < 0x20 }, "\(text)")
    }
}
