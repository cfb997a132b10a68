import Foundation
import TestSupport
import Testing

/// The versions that hooks of an instance get, on a real database.
@Suite(.timeLimit(.minutes(2)))
struct HookVersionsTests {
    @Test func aHookKnowsTheVersionBeforeAndAfter() async throws {
        try await PostgresServer.shared().withDatabases(1) { databases in
            try await withFleet(databases) { folder in
                let path = "\(folder)/fleet.yaml"
                let note =
                    "[/bin/sh, -c, 'echo \"$CONVOY_HOOK $CONVOY_FROM:$CONVOY_TO $CONVOY_FROM_RELEASE:$CONVOY_TO_RELEASE\" >> versions']"
                let hooks = "rollout:\n  hooks: {before_instance: \(note), after_instance: \(note)}\n"
                let text = try String(contentsOfFile: path, encoding: .utf8)
                try writeFile("\(folder)/Migrations/releases.csv", "release,date,newest_version\nv1.0.0,2020-01-05,20200101000000\n")
                try writeFile(path, text.replacing("rollout:\n", with: hooks))
                for arguments in [
                    ["migrate", "--to", "20200101000000"], ["migrate"], ["rollback", "--to", "20200101000000"],
                    ["rollback", "--steps", "1"],
                ] {
                    let result = try await runConvoy(arguments + ["--yes"], in: folder)
                    #expect(result.exitCode == 0, "\(arguments): \(result.standardError)")
                }
                #expect(
                    try String(contentsOfFile: "\(folder)/versions", encoding: .utf8) == """
                        before_instance :20200101000000 :v1.0.0
                        after_instance :20200101000000 :v1.0.0
                        before_instance 20200101000000:20200102000000 v1.0.0:after v1.0.0
                        after_instance 20200101000000:20200102000000 v1.0.0:after v1.0.0
                        before_instance 20200102000000:20200101000000 after v1.0.0:v1.0.0
                        after_instance 20200102000000:20200101000000 after v1.0.0:v1.0.0
                        before_instance 20200101000000: v1.0.0:
                        after_instance 20200101000000: v1.0.0:

                        """
                )
            }
        }
    }
}
