import Foundation
import TestSupport
import Testing

/// The commands of the real program with their options, as its parser of the command line knows them.
struct CommandModel: Decodable, Sendable {
    private struct Argument: Decodable {
        struct Name: Decodable {
            var kind: String
            var name: String
        }

        var names: [Name]?
        var shouldDisplay: Bool
        var allValues: [String]?
    }

    private struct Whole: Decodable { var command: CommandModel }

    let commandName: String
    let subcommands: [CommandModel]?
    private let arguments: [Argument]?

    /// Asks the program.
    static func read() async throws -> CommandModel {
        let result = try await runConvoy(["--experimental-dump-help"])
        #expect(result.exitCode == 0, "\(result.standardError)")
        return try JSONDecoder().decode(Whole.self, from: Data(result.standardOutput.utf8)).command
    }

    /// `--output`, `-o` and so on, without what is hidden.
    var options: Set<String> {
        var options: Set<String> = []
        for argument in arguments ?? [] where argument.shouldDisplay {
            for name in argument.names ?? [] { options.insert((name.kind == "short" ? "-" : "--") + name.name) }
        }
        return options
    }

    /// The words that an option takes, for those that take only some words.
    var choices: [String: [String]] {
        var choices: [String: [String]] = [:]
        for argument in arguments ?? [] {
            guard let values = argument.allValues, let name = argument.names?.last(where: { $0.kind == "long" }) else { continue }
            choices["--" + name.name] = values
        }
        return choices
    }

    /// All commands by their path: `""` is the program itself, `runs show` a command of a command. `help` is the parser's own.
    var all: [String: CommandModel] {
        var all = ["": self]
        for command in subcommands ?? [] where command.commandName != "help" {
            for (path, nested) in command.all { all[path.isEmpty ? command.commandName : "\(command.commandName) \(path)"] = nested }
        }
        return all
    }

    // MARK: Command lines

    /// What is wrong with the words of a command line after `convoy`; nil if it names a command and options that there are.
    ///
    /// A word in capitals stands for something; what follows a pipe or a redirection is not Convoy's.
    func problem(in line: String) -> String? {
        var words = Array(
            line.split(separator: " ").map { $0.trimmingCharacters(in: .init(charactersIn: "[](),.;:")) }.filter { !$0.isEmpty }
                .prefix { !["|", ">", "&&", "||", "#", "…", "→"].contains($0) }
        )
        guard words.first != "help" else {
            let topics = words.dropFirst().filter { $0 != "fleet-file" && $0.wholeMatch(of: /[a-z-]+/) != nil }
            return topics.isEmpty ? nil : problem(in: topics.joined(separator: " "))
        }
        var command = self
        var known = options
        while let word = words.first, let next = command.subcommands?.first(where: { $0.commandName == word }) {
            words.removeFirst()
            (command, known) = (next, next.options)
        }
        if command.subcommands != nil, let word = words.first, word.wholeMatch(of: /[a-z]+/) != nil { return "no command \(word)" }
        // `runs` alone is `runs list`. What the program writes of itself does not say so.
        if let implied = command.subcommands?.first(where: { $0.commandName == "list" }) { known.formUnion(implied.options) }
        for word in words {
            guard let option = word.wholeMatch(of: /(--?[a-z][a-z-]*)(=.*)?/).map({ String($0.1) }) else { continue }
            if !known.contains(option) { return "no option \(option) of \(command.commandName)" }
        }
        return nil
    }
}
