import ConvoyKit
import ConvoyMigrations
import FoundationEssentials
import TeslaMate
import TestSupport
import Testing

/// The checkpoint that ships with the set is what the command writes, on each release.
@Suite(.timeLimit(.minutes(10))) struct ShippedCheckpointTests {
    @Test(arguments: PostgresServer.Release.tested)
    func theCommandWritesIt(release: PostgresServer.Release) async throws {
        let server = try await PostgresServer.shared(release)
        let set = try teslaMateSet.get()
        let newest = try #require(set.newest?.version)
        let migrations = "\(repositoryRoot)/Migrations"
        let shipped = try String(contentsOfFile: "\(migrations)/\(Checkpoint.folder)/\(newest).sql", encoding: .utf8)
        try await withTemporaryFolder { folder in
            try FileManager.default.copyItem(atPath: "\(migrations)/catalogue", toPath: "\(folder)/catalogue")
            let recording = CheckpointRecording(set, steps: [EncryptAPITokens()], server: server.superuser(database: "postgres"))
            let summary = try await recording.write(into: folder, displayedAs: "Migrations")
            #expect(summary.migrations == set.migrations.count)
            #expect(
                try String(contentsOfFile: "\(folder)/\(Checkpoint.folder)/\(newest).sql", encoding: .utf8) == shipped,
                "run `convoy checkpoint`"
            )
        }
    }
}
