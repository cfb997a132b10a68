import ArgumentParser
import ConvoyKit
import ConvoyText

/// `convoy schema`
struct Schema: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the JSON Schema of the fleet file or of a document.",
        usage: "convoy schema [<name>]",
        discussion: """
            Without a name it lists the schemas. An editor that knows the schema of the
            fleet file completes its keys and marks mistakes while you type; `convoy init`
            writes the line that names it.

              convoy schema
              convoy schema fleet
              convoy schema report
            """
    )

    @Argument(help: "Name of a schema, for example fleet, report or convoy.report/1.", completion: .list(PublishedSchema.all.map(\.name)))
    var name: String?

    func execute() async throws -> CommandExit {
        if let name {
            guard let schema = PublishedSchema.named(name) else {
                let hint = PublishedSchema.nearest(to: name).map { "did you mean `convoy schema \($0)`?" } ?? "`convoy schema` lists them"
                throw CommandFailure(.usage, "there is no schema “\(name)”", hint: hint)
            }
            StandardStreams.output.write(String(decoding: schema.bytes, as: UTF8.self))
        } else {
            var table = TextTable([.init("NAME"), .init("WHAT IT DESCRIBES")])
            for schema in PublishedSchema.all { table.add(["\(schema.name)", "\(schema.summary)"]) }
            StandardStreams.output.write(table.lines(OutputStyle()).map { $0 + "\n" }.joined())
        }
        try StandardStreams.output.check()
        return .success
    }
}
