import Foundation
import Glibc
import TestSupport
import Testing

/// A fleet file where Kubernetes puts one: behind links, in a folder that cannot be written.
struct ReadOnlyFolderTests {
    @Test func whatOnlyReadsWorksAndMigrateNamesTheKey() async throws {
        let port = try RefusedPort()
        let text = """
            version: 1
            fleet: test
            migrations: Migrations
            instances: [{name: alice, host: 127.0.0.1, port: \(port.port), user: u, database: a}]

            """
        let files = ["..2026/fleet.yaml": text, "..2026/Migrations/20200101000000_create_cars.sql": Files.migration]
        try await withTemporaryFolder(files: files, mode: 0o644) { folder in
            let manager = FileManager.default
            try manager.createSymbolicLink(atPath: "\(folder)/..data", withDestinationPath: "..2026")
            for name in ["fleet.yaml", "Migrations"] {
                try manager.createSymbolicLink(atPath: "\(folder)/\(name)", withDestinationPath: "..data/\(name)")
            }
            for (arguments, code) in [(["validate"], 0), (["status"], 69), (["plan"], 69), (["migrate", "--yes"], 78)] {
                // Root may write anywhere, so that another user is asked.
                guard geteuid() == 0 || code != 78 else { continue }
                let result = try await runConvoyUnprivileged(arguments, in: folder)
                #expect(Int(result.exitCode) == code, "\(arguments): \(result.standardError)")
                if code == 78 { #expect(result.standardError.contains("journal:")) }
            }
        }
    }
}
