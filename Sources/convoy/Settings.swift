import ArgumentParser
import ConvoyDashboard
import ConvoyFleet
import ConvoyReporting
import ConvoyRollout
import ConvoyText
import FoundationEssentials

/// Where the fleet file is.
struct FleetFileOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The fleet file. Without it CONVOY_FLEET of the environment, else fleet.yaml.",
            valueName: "file"
        )
    )
    var fleet: String?

    /// What is taken where nothing names one.
    static let standard = "fleet.yaml"
    /// The variable of the environment that names one.
    static let variable = "CONVOY_FLEET"

    /// The file that the option names, else the environment, else the one in the working directory.
    func path(environment: [String: String]) -> String {
        fleet ?? environment[Self.variable].flatMap { $0.isEmpty ? nil : $0 } ?? Self.standard
    }
}

/// Options of the commands that work on instances.
struct FleetOptions: ParsableArguments {
    @OptionGroup var file: FleetFileOption

    @Option(
        help: ArgumentHelp(
            "Only the instances that this describes, for example 'ring=canary,region in (eu,us),!legacy,name~team-*'.",
            valueName: "selector"
        )
    )
    var select: String?
}

/// Options of commands that write a result.
struct OutputOptions: ParsableArguments {
    @Option(help: "How to write the result: a table for people, or json for programs.")
    var output: OutputFormat = .table
}

/// Options of commands that take long.
struct ProgressOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How the run is shown on standard error: live draws its waves on a terminal, plain writes lines, none only what someone should know at once.",
            valueName: "auto|live|plain|none"
        )
    )
    var progress = ProgressChoice.auto
}

/// How a run is shown while it happens.
enum ProgressChoice: String, ExpressibleByArgument, CaseIterable {
    /// Live on a terminal, else plain.
    case auto
    case live, plain, none
}

/// What the result is written as.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table, json
}

/// What decides how a command behaves: flags, environment and terminal, merged once. Nothing reads the environment later.
struct Settings: Sendable {
    let fleetFile: String
    let selector: Selector?
    let output: OutputFormat
    private let progress: ProgressChoice
    /// What the fleet file's `${env:…}` are filled in from.
    let environment: [String: String]
    /// Whether there is someone to answer a question.
    let canAsk: Bool
    private let noColor: Bool
    private let columns: Int?
    private let isDumb: Bool
    private let usesUnicode: Bool

    /// - Throws: a ``CommandFailure`` for a selector that is none.
    init(_ options: FleetOptions, output: OutputFormat = .table, progress: ProgressChoice = .auto) throws {
        do throws(SelectorError) {
            let selector = try options.select.map { text throws(SelectorError) in try Selector(parsing: text) }
            self.init(options.file, selector: selector, output: output, progress: progress)
        } catch {
            throw CommandFailure(.usage, "--select: \(error.message), at character \(error.column)", hint: error.hint)
        }
    }

    init(
        _ file: FleetFileOption,
        selector: Selector? = nil,
        output: OutputFormat = .table,
        progress: ProgressChoice = .auto,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) {
        let set = environment.filter { !$0.value.isEmpty }
        fleetFile = file.path(environment: environment)
        self.selector = selector
        self.output = output
        self.progress = progress
        self.environment = environment
        canAsk = StandardStreams.isInputTerminal && StandardStreams.error.isTerminal
        noColor = set["NO_COLOR"] != nil
        columns = set["COLUMNS"].flatMap(Int.init).flatMap { $0 > 0 ? $0 : nil }
        isDumb = set["TERM"] == nil || set["TERM"] == "dumb"
        let locale = (set["LC_ALL"] ?? set["LC_CTYPE"] ?? set["LANG"] ?? "").lowercased()
        usesUnicode = locale.contains("utf-8") || locale.contains("utf8")
    }

    /// What a stream can show now; a terminal's size changes.
    func style(of stream: OutputFile) -> OutputStyle {
        let size = stream.terminalSize
        return OutputStyle(
            width: columns ?? size?.width,
            height: size?.height,
            usesColor: stream.isTerminal && !noColor && !isDumb,
            usesUnicode: usesUnicode
        )
    }

    /// How progress is shown on standard error.
    var progressMode: ProgressReporter.Mode {
        switch progress {
        case .auto: canRedraw ? .live : .plain
        case .live: .live
        case .plain: .plain
        case .none: .none
        }
    }

    /// - Throws: a ``CommandFailure`` where progress cannot be shown as it was asked for.
    func checkProgress() throws {
        guard progress == .live, !canRedraw else { return }
        throw CommandFailure(
            .usage,
            "--progress live: standard error is no terminal that can be drawn on",
            hint: "without --progress, convoy draws where it can and writes lines where it cannot"
        )
    }

    /// Whether standard error is a terminal on which lines can be written over.
    var canRedraw: Bool { StandardStreams.error.isTerminal && !isDumb }

    /// Whether standard output is a terminal on which lines can be written over.
    var canRedrawOutput: Bool { StandardStreams.output.isTerminal && !isDumb }

    /// Writes a result to standard output.
    func writeResult(table: (OutputStyle) -> String, json: () -> JSONValue) throws {
        switch output {
        case .table: StandardStreams.output.write(table(style(of: StandardStreams.output)))
        case .json: StandardStreams.output.write(json().text)
        }
        try StandardStreams.output.check()
    }
}
