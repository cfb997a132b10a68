import ArgumentParser
import ConvoyMigrations
import ConvoyRollout
import ConvoyText

/// The words at the start of a command line that choose the command. They are checked before anything else, so that a mistyped command is
/// not taken for an argument.
enum CommandWords {
    /// - Throws: a ``CommandFailure`` that names the nearest command.
    static func check(_ arguments: [String], root: any ParsableCommand.Type) throws {
        var words = arguments[...]
        if words.first == "help" { words = words.dropFirst() }
        var command = root
        while let word = words.popFirst(), !word.hasPrefix("-") {
            let known = command.configuration.subcommands
            // What follows are the command's own arguments.
            guard !known.isEmpty, word != "help" else { return }
            guard let next = known.first(where: { $0._commandName == word || $0.configuration.aliases.contains(word) }) else {
                let path = command._commandName == root._commandName ? "convoy" : "convoy \(command._commandName)"
                let nearest = nearestWord(to: word, among: known.map { $0._commandName })
                throw CommandFailure(
                    .usage,
                    "\(path) has no command “\(word)”",
                    hint: nearest.map { "did you mean `\(path) \($0)`?" } ?? "`\(path) --help` lists the commands"
                )
            }
            command = next
        }
    }
}
