import Foundation
import TestSupport
import Testing

/// Compares the help of every command with the files in `Help`, at 80 columns.
///
/// After a wanted change, run this suite with `CONVOY_WRITE_GOLDEN=1` to write the files anew, and read their diff.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct HelpTests {
    private static let folder = "\(repositoryRoot)/Tests/ConvoyCommandTests/Help"
    private static let columns = 80

    @Test func theHelpOfEveryCommandIsTheRecordedHelp() async throws {
        let helps = try await helps(of: [])
        #expect(helps.count >= 20)
        if ProcessInfo.processInfo.environment["CONVOY_WRITE_GOLDEN"] != nil { try write(helps) }
        let files = Set(try FileManager.default.contentsOfDirectory(atPath: Self.folder))
        #expect(Set(helps.keys).subtracting(files).sorted() == [], "commands without a file")
        #expect(files.subtracting(helps.keys).sorted() == [], "files without a command")
        for (file, help) in helps where files.contains(file) {
            let recorded = try String(contentsOfFile: "\(Self.folder)/\(file)", encoding: .utf8)
            #expect(help == recorded, "\(file)")
        }
    }

    @Test func everyLineOfTheHelpFitsItsTerminal() async throws {
        for (file, help) in try await helps(of: []) {
            for line in help.components(separatedBy: "\n") { #expect(line.count <= Self.columns, "\(file): \(line)") }
        }
    }

    /// The help of a command and of all commands below it, by file name: `convoy.txt`, `migrate.txt`, `runs-list.txt`.
    private func helps(of command: [String]) async throws -> [String: String] {
        let result = try await runConvoy(["help"] + command, environment: ["COLUMNS": "\(Self.columns)"])
        #expect(result.exitCode == 0, "\(command): \(result.standardError)")
        var helps = [(command.isEmpty ? "convoy" : command.joined(separator: "-")) + ".txt": result.standardOutput]
        for name in subcommands(in: result.standardOutput) {
            helps.merge(try await self.helps(of: command + [name])) { first, _ in first }
        }
        return helps
    }

    /// The names in the section of subcommands; a description that continues on the next line is indented further.
    private func subcommands(in help: String) -> [String] {
        let parts = help.components(separatedBy: "\nSUBCOMMANDS:\n")
        guard parts.count == 2, let section = parts[1].components(separatedBy: "\n\n").first else { return [] }
        return section.components(separatedBy: "\n").filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") }.compactMap { line in
            line.split(separator: " ").first.map(String.init)
        }
    }

    /// Replaces all files of the folder.
    private func write(_ helps: [String: String]) throws {
        let manager = FileManager.default
        for file in try manager.contentsOfDirectory(atPath: Self.folder) { try manager.removeItem(atPath: "\(Self.folder)/\(file)") }
        for (file, help) in helps { try writeFile("\(Self.folder)/\(file)", help, mode: 0o644) }
    }
}
