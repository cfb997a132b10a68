import ArgumentParser
import ConvoyFleet
import ConvoyKit

/// `convoy help fleet-file`: every key of the fleet file with its meaning, from its schema. It is a topic of `help` and no command.
struct FleetFileHelp: FleetCommand {
    /// The word behind `help` that asks for it.
    static let topic = "fleet-file"

    func execute() async throws -> CommandExit {
        StandardStreams.output.write(Self.text)
        try StandardStreams.output.check()
        return .success
    }

    static let text: String = {
        var text = """
            KEYS OF THE FLEET FILE

            What stands under `defaults` also stands in a server, in an instance and in an
            entry of `discover`, and each overrides the one before. [] is an entry of a
            list, NAME a name of your own. A value may contain ${env:NAME},
            ${env:NAME:-default} and ${file:PATH}. docs/fleet-file.md explains the keys,
            `convoy explain KEY` one of them.


            """
        for key in FleetFileKey.all {
            var notes = [key.type]
            if let value = key.defaultValue { notes.append("default \(value)") }
            if key.isRequired { notes.append("required") }
            text += "\(key.path)\n" + wrapped("\(key.meaning) (\(notes.joined(separator: "; ")))", indent: "    ", width: 78)
        }
        return text
    }()

    /// The words of a text on lines of at most that many columns.
    private static func wrapped(_ text: String, indent: String, width: Int) -> String {
        var lines: [String] = []
        var line = indent
        for word in text.split(separator: " ") {
            if line.count > indent.count, line.count + 1 + word.count > width {
                lines.append(line)
                line = indent
            }
            line += line.count > indent.count ? " \(word)" : word
        }
        return (lines + [line]).map { $0 + "\n" }.joined()
    }
}
