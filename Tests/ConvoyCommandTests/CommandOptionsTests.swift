import Foundation
import TestSupport
import Testing

/// Help, completions and documentation name the options that the program has, all of them and no others.
///
/// Each source is read on its own; a new one needs a function that finds each command's options in it.
@Suite(.timeLimit(.minutes(2)))
struct CommandOptionsTests {
    private let pages: [DocumentationPage]

    init() throws {
        pages = try DocumentationPage.paths.map { try DocumentationPage($0) }
    }

    private func compare(_ found: [String: Set<String>], with model: CommandModel, _ source: String) {
        let all = model.all
        #expect(all.count > 25)
        #expect(Set(found.keys) == Set(all.keys), "\(source)")
        for (path, command) in all {
            let options = found[path] ?? []
            #expect(options.subtracting(command.options).sorted() == [], "\(source) of convoy \(path) has options that there are not")
            #expect(command.options.subtracting(options).sorted() == [], "\(source) of convoy \(path) lacks options")
        }
    }

    // MARK: Help

    @Test func theHelpOfEachCommandNamesItsOptions() async throws {
        let model = try await CommandModel.read()
        var found: [String: Set<String>] = [:]
        for path in model.all.keys {
            let file = path.isEmpty ? "convoy" : path.replacing(" ", with: "-")
            let help = try String(contentsOfFile: "\(repositoryRoot)/Tests/ConvoyCommandTests/Help/\(file).txt", encoding: .utf8)
            let section = help.components(separatedBy: "\nOPTIONS:\n").last?.components(separatedBy: "\n\n").first ?? ""
            // An explanation that continues on the next line is indented further.
            found[path] = []
            for match in section.matches(of: /(?m)^  (?:(-[a-z]), )?(--[a-z-]+)/) {
                found[path]?.insert(String(match.2))
                if let short = match.1 { found[path]?.insert(String(short)) }
            }
        }
        compare(found, with: model, "the help")
    }

    /// The examples in the help are commands that there are.
    @Test func theExamplesOfTheHelpAreRight() async throws {
        let model = try await CommandModel.read()
        var count = 0
        for path in model.all.keys {
            let file = path.isEmpty ? "convoy" : path.replacing(" ", with: "-")
            let help = try String(contentsOfFile: "\(repositoryRoot)/Tests/ConvoyCommandTests/Help/\(file).txt", encoding: .utf8)
            for line in help.components(separatedBy: "\n") where line.hasPrefix("  convoy ") {
                // An explanation follows after some blanks.
                let example = line.dropFirst("  convoy ".count).components(separatedBy: "   ")[0]
                #expect(model.problem(in: example) == nil, "\(file): \(line)")
                count += 1
            }
        }
        #expect(count > 40)
    }

    // MARK: Completions

    private func completions(_ shell: String) async throws -> String {
        let result = try await runConvoy(["--generate-completion-script", shell])
        #expect(result.exitCode == 0)
        return result.standardOutput
    }

    /// What each function of a script consists of, by the command's path; the functions of commands are called `_convoy_runs_show`.
    private func functions(_ script: String, of model: CommandModel) -> [String: String] {
        let paths = Dictionary(model.all.keys.map { ($0.replacing(" ", with: "_"), $0) }, uniquingKeysWith: { $1 })
        var functions: [String: String] = [:]
        for part in script.components(separatedBy: "\n}\n") {
            guard let start = part.components(separatedBy: "\n_convoy").last?.components(separatedBy: "() {\n"), start.count == 2 else {
                continue
            }
            if let path = paths[String(start[0].trimmingPrefix("_"))] { functions[path] = start[1] }
        }
        return functions
    }

    @Test func theCompletionsOfBashOfferThem() async throws {
        let model = try await CommandModel.read()
        var found: [String: Set<String>] = [:]
        for (path, body) in functions(try await completions("bash"), of: model) {
            let lists = body.matches(of: /repeating_(?:flags|options)=\(([^)]*)\)/)
            found[path] = Set(lists.flatMap { $0.1.split(separator: " ").map(String.init) })
            for (option, words) in model.all[path]?.choices ?? [:] {
                let offer = body.components(separatedBy: "'\(option)')\n").last?.components(separatedBy: "\n").first ?? ""
                for word in words { #expect(offer.contains("'\(word)'"), "\(path) \(option) \(word)") }
            }
        }
        compare(found, with: model, "the completion for bash")
    }

    @Test func theCompletionsOfZshOfferThem() async throws {
        let model = try await CommandModel.read()
        var found: [String: Set<String>] = [:]
        for (path, body) in functions(try await completions("zsh"), of: model) {
            let names = body.matches(of: /(?m)^ *'(?:\([^)]*\)'\{([^}]*)\}'|(--?[a-z-]+))[\[:]/)
            // `*` marks one that can be repeated.
            let repeated = body.matches(of: /(?m)^ *'?\*'?(?:\{([^}]*)\}'|(--?[a-z-]+))[\[:]/)
            let groups: [Substring?] = names.map { $0.1 ?? $0.2 } + repeated.map { $0.1 ?? $0.2 }
            found[path] = Set(groups.flatMap { ($0 ?? "").split(separator: ",").map(String.init) })
        }
        compare(found, with: model, "the completion for zsh")
    }

    @Test func theCompletionsOfFishOfferThem() async throws {
        let model = try await CommandModel.read()
        var found: [String: Set<String>] = [:]
        for line in try await completions("fish").components(separatedBy: "\n") {
            let parts = line.components(separatedBy: "flags_or_options \"convoy")
            guard parts.count == 2, let end = parts[1].firstIndex(of: "\"") else { continue }
            let path = parts[1][..<end].trimmingCharacters(in: .whitespaces)
            // The parser's own command is not among those of the model.
            guard path != "help" else { continue }
            let names = parts[1][end...].components(separatedBy: " -d '")[0]
            for name in names.matches(of: /-([sl]) '([a-z-]+)'/) {
                found[path, default: []].insert((name.1 == "s" ? "-" : "--") + name.2)
            }
        }
        compare(found, with: model, "the completion for fish")
    }

    // MARK: Documentation

    /// The command lines of a page: those in blocks for a shell, and those between backticks.
    private func commandLines(of page: DocumentationPage) -> [String] {
        let blocks = page.blocks.filter { ["console", "sh", "text"].contains($0.language) }.flatMap(\.lines)
        let lines = blocks.compactMap { line in
            let command = line.trimmingPrefix("$ ")
            return command.hasPrefix("convoy ") ? String(command.dropFirst("convoy ".count)) : nil
        }
        return lines + page.spans.compactMap { $0.hasPrefix("convoy ") ? String($0.dropFirst("convoy ".count)) : nil }
    }

    @Test func everyCommandLineOfThePagesIsRight() async throws {
        let model = try await CommandModel.read()
        var count = 0
        for page in pages {
            for line in commandLines(of: page) where line.prefix(1).allSatisfy({ $0.isLowercase || $0 == "-" }) {
                count += 1
                let problem = model.problem(in: line)
                #expect(problem == nil, "\(page.path): convoy \(line): \(problem ?? "")")
            }
        }
        #expect(count > 100)
    }

    /// `status --check` names a command without the program's name; `--check` an option of some command.
    @Test func everyOptionThatThePagesNameExists() async throws {
        let model = try await CommandModel.read()
        let options = model.all.values.reduce(into: Set<String>()) { $0.formUnion($1.options) }
        let commands = Set(model.all.keys)
        var count = 0
        // The benchmarks are a program of their own.
        for page in pages where page.path != "Benchmarks/README.md" {
            for span in page.spans {
                let words = span.split(separator: " ").map(String.init)
                guard let first = words.first, words.contains(where: { $0.hasPrefix("-") }) else { continue }
                if commands.contains(first) {
                    let problem = model.problem(in: span)
                    #expect(problem == nil, "\(page.path): \(span): \(problem ?? "")")
                    count += 1
                } else if first.hasPrefix("--"), first.count > 2 {
                    #expect(options.contains(String(first.prefix { $0 != "=" })), "\(page.path): \(span)")
                    count += 1
                }
            }
        }
        #expect(count > 100)
    }

    /// Every command stands on some page, and so does every option of it.
    @Test func everyCommandAndOptionIsOnAPage() async throws {
        let model = try await CommandModel.read()
        let text = pages.map(\.text).joined(separator: "\n")
        let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
        let words = Set(text.utf8.split { !letters.contains($0) && $0 != UInt8(ascii: "-") }.map { String(decoding: $0, as: UTF8.self) })
        for (path, command) in model.all {
            // Without its name, the command above it runs it.
            if path != "runs list" { #expect(text.contains("convoy \(path)"), "convoy \(path)") }
            let missing = command.options.subtracting(["--help", "-h"]).filter { !words.contains($0) }
            #expect(missing.sorted() == [], "options of convoy \(path)")
        }
    }

    /// What the program itself tells people to run.
    @Test func theCommandsInMessagesAreRight() async throws {
        let model = try await CommandModel.read()
        let files = try #require(FileManager.default.enumerator(atPath: "\(repositoryRoot)/Sources"))
        var count = 0
        for case let file as String in files where file.hasSuffix(".swift") {
            let text = try String(contentsOfFile: "\(repositoryRoot)/Sources/\(file)", encoding: .utf8)
            for part in text.components(separatedBy: "`") where part.hasPrefix("convoy ") && !part.contains("\n") {
                let line = part.dropFirst("convoy ".count)
                guard line.first?.isLowercase == true else { continue }
                count += 1
                let problem = model.problem(in: String(line))
                #expect(problem == nil, "\(file): convoy \(line): \(problem ?? "")")
            }
        }
        #expect(count > 30)
    }
}
