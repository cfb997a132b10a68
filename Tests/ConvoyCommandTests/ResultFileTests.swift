import ConvoyJournal
import ConvoyRollout
import Foundation
import TestSupport
import Testing

/// `--output-file` and `--out` take the place of nothing but an older result of the same kind.
@Suite(.timeLimit(.minutes(2)))
struct ResultFileTests {
    private static let formats = ["table", "json", "ndjson", "csv", "markdown", "html", "junit", "prometheus"]

    private func contents(_ folder: String) throws -> [String: Data] {
        let names = try FileManager.default.subpathsOfDirectory(atPath: folder)
        return Dictionary(
            uniqueKeysWithValues: names.compactMap { name in FileManager.default.contents(atPath: "\(folder)/\(name)").map { (name, $0) } }
        )
    }

    private func withFiles(_ body: (_ folder: String) async throws -> Void) async throws {
        var files = Files.fleet()
        files["notes.md"] = "# Notes\n\n- 3 things to do\n"
        files["list.csv"] = "name,server\nalice,eu\n"
        files["page.html"] = "<!doctype html>\n<title>mine</title>\n"
        files["data.json"] = "{\"schema\": \"mine\"}\n"
        files[".convoy/journal.sqlite-wal"] = ""
        try await withTemporaryFolder(files: files) { folder in
            _ = try await SQLiteJournal.open(path: "\(folder)/.convoy/journal.sqlite")
            try FileManager.default.createSymbolicLink(atPath: "\(folder)/link", withDestinationPath: "fleet.yaml")
            try await body(folder)
        }
    }

    @Test(arguments: formats)
    func noOtherFileIsReplaced(_ format: String) async throws {
        try await withFiles { folder in
            let before = try contents(folder)
            let targets = [
                "fleet.yaml", "./fleet.yaml", "link", ".convoy/journal.sqlite", ".convoy/journal.sqlite-wal", ".convoy/journal.sqlite-shm",
                ".convoy/journal.sqlite.x.lock", "Migrations/20200101000000_create_cars.sql", "Migrations/report",
                "Migrations/../Migrations/x",
                "password", "notes.md", "list.csv", "page.html", "data.json",
            ]
            for target in targets {
                let result = try await runConvoy(["status", "--output", format, "--output-file", target], in: folder)
                #expect(result.exitCode == 64, "\(target): \(result.standardError)")
                #expect(result.standardError.contains("--output-file: \(target)"))
                #expect(result.standardOutput == "")
            }
            #expect(try contents(folder) == before)
        }
    }

    @Test(arguments: formats, [["status"], ["report", "none"], ["status", "--by", "label.ring"], ["status", "--summary"]])
    func anOlderResultIsReplaced(_ format: String, _ command: [String]) async throws {
        if command.contains("--summary"), format != "table" { return }
        if command.contains("--by"), !["table", "json", "csv", "markdown"].contains(format) { return }
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let arguments = command + ["--output", format, "--output-file", "out"]
            for _ in 0..<2 {
                let result = try await runConvoy(arguments, in: folder)
                #expect(result.exitCode == 69, "\(result.standardError)")
            }
            let other = format == "html" ? "csv" : "html"
            let refused = try await runConvoy(["status", "--output", other, "--output-file", "out"], in: folder)
            #expect(refused.exitCode == 64)
            #expect(refused.standardError.contains("not replaced"))
        }
    }

    @Test func aPlanReplacesOnlyAPlan() async throws {
        try await withFiles { folder in
            let before = try contents(folder)
            for target in [
                "fleet.yaml", "link", ".convoy/journal.sqlite", ".convoy/journal.sqlite-shm", "Migrations/plan.json", "password",
                "data.json",
            ] {
                let result = try await runConvoy(["plan", "--out", target], in: folder)
                #expect(result.exitCode == 64, "\(target): \(result.standardError)")
                #expect(result.standardError.contains("--out: \(target)"))
            }
            #expect(try contents(folder) == before)
            for _ in 0..<2 { #expect(try await runConvoy(["plan", "--out", "plan.json"], in: folder).exitCode == 69) }
            // A report is no plan, and a plan is no report.
            #expect(try await runConvoy(["status", "--output", "json", "--output-file", "plan.json"], in: folder).exitCode == 64)
        }
    }
}
