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
        name: [.customShort("f"), .long],
        help: ArgumentHelp(
            "Fleet file (default: $CONVOY_FLEET, or fleet.yaml).",
            valueName: "file"
        ),
        completion: .fleetFile
    )
    var fleet: String?

    /// The default fleet file.
    static let standard = "fleet.yaml"
    /// The environment variable that names the fleet file.
    static let variable = "CONVOY_FLEET"

    /// The file from the option, otherwise from the environment, otherwise the default in the working directory.
    func path(environment: [String: String]) -> String {
        fleet ?? environment[Self.variable].flatMap { $0.isEmpty ? nil : $0 } ?? Self.standard
    }
}

/// Options of the commands that work on instances.
struct FleetOptions: ParsableArguments {
    @OptionGroup var file: FleetFileOption

    @Option(
        name: [.customShort("l"), .long],
        help: ArgumentHelp(
            "Only instances that match the selector, for example 'ring=canary,region in (eu,us),!legacy,name~team-*'.",
            valueName: "selector"
        ),
        completion: .selector
    )
    var select: String?
}

/// Options of commands that write a result.
struct OutputOptions: ParsableArguments {
    @Option(name: [.customShort("o"), .long], help: "Output format: table for people, json for programs.")
    var output: OutputFormat = .table

    @OptionGroup var colorOption: ColorOption

    /// Whether tables have colors.
    var color: ColorChoice { colorOption.color }
}

/// The option of the commands that print for people.
struct ColorOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Colors of tables and progress. auto: on a terminal, unless NO_COLOR is set. A file written with --output-file has none.",
            valueName: "auto|always|never"
        )
    )
    var color = ColorChoice.auto
}

/// When text is colored.
enum ColorChoice: String, ExpressibleByArgument, CaseIterable {
    /// On a terminal that can show colors, unless `NO_COLOR` is set.
    case auto
    case always, never
}

/// Options of commands that take long.
struct ProgressOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Progress of the run on standard error. live: redraw the waves on a terminal; plain: one line per event; none: warnings and halts \
            only; json: each event as a line of JSON, for a program; auto: live on a terminal, otherwise plain.
            """,
            valueName: "auto|live|plain|json|none"
        )
    )
    var progress = ProgressChoice.auto
}

/// How the progress of a run is shown.
enum ProgressChoice: String, ExpressibleByArgument, CaseIterable {
    /// Live on a terminal, otherwise plain.
    case auto
    case live, plain, json, none
}

/// The format of a result.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table, json
}

/// The settings of a command: flags, environment and terminal, merged once. The environment is not read later.
struct Settings: Sendable {
    let fleetFile: String
    let selector: Selector?
    let output: OutputFormat
    private let progress: ProgressChoice
    private let color: ColorChoice
    /// The values of `${env:…}` in the fleet file.
    let environment: [String: String]
    /// Whether there is a terminal to ask a question on.
    let canAsk: Bool
    private let noColor: Bool
    private let columns: Int?
    private let isDumb: Bool
    private let usesUnicode: Bool

    /// - Throws: a ``CommandFailure`` for an invalid selector.
    init(
        _ options: FleetOptions,
        output: OutputFormat = .table,
        progress: ProgressChoice = .auto,
        color: ColorChoice = .auto
    ) throws {
        do throws(SelectorError) {
            let selector = try options.select.map { text throws(SelectorError) in try Selector(parsing: text) }
            self.init(options.file, selector: selector, output: output, progress: progress, color: color)
        } catch {
            throw CommandFailure(.usage, "--select: \(error.message), at character \(error.column)", hint: error.hint)
        }
    }

    init(
        _ file: FleetFileOption,
        selector: Selector? = nil,
        output: OutputFormat = .table,
        progress: ProgressChoice = .auto,
        color: ColorChoice = .auto,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) {
        let set = environment.filter { !$0.value.isEmpty }
        fleetFile = file.path(environment: environment)
        self.selector = selector
        self.output = output
        self.progress = progress
        self.color = color
        self.environment = environment
        canAsk = StandardStreams.isInputTerminal && StandardStreams.error.isTerminal
        noColor = set["NO_COLOR"] != nil
        columns = set["COLUMNS"].flatMap(Int.init).flatMap { $0 > 0 ? $0 : nil }
        isDumb = set["TERM"] == nil || set["TERM"] == "dumb"
        let locale = (set["LC_ALL"] ?? set["LC_CTYPE"] ?? set["LANG"] ?? "").lowercased()
        usesUnicode = locale.contains("utf-8") || locale.contains("utf8")
    }

    /// The style of a stream now, because a terminal's size changes.
    func style(of stream: OutputFile) -> OutputStyle {
        let size = stream.terminalSize
        return OutputStyle(
            width: columns ?? size?.width,
            height: size?.height,
            usesColor: usesColor(stream),
            usesUnicode: usesUnicode
        )
    }

    /// The option comes before the environment.
    private func usesColor(_ stream: OutputFile) -> Bool {
        switch color {
        case _ where writesJSONLines && stream === StandardStreams.error: false
        case .always: true
        case .never: false
        case .auto: stream.isTerminal && !noColor && !isDumb
        }
    }

    /// How progress is shown on standard error.
    var progressMode: ProgressReporter.Mode {
        switch progress {
        case .auto: canRedraw ? .live : .plain
        case .live: .live
        case .plain: .plain
        case .json: .json
        case .none: .none
        }
    }

    /// Begins to write in the requested way; call it before anything is written to standard error.
    ///
    /// - Throws: a ``CommandFailure`` if progress cannot be shown so.
    func checkProgress() throws {
        if writesJSONLines { StandardStreams.error.beginJSONLines() }
        guard progress == .live, !canRedraw else { return }
        throw CommandFailure(
            .usage,
            "--progress live: standard error is not a terminal that can be redrawn",
            hint: "omit --progress: convoy then redraws a terminal, and writes lines anywhere else"
        )
    }

    /// Whether standard error is a terminal on which lines can be written over.
    var canRedraw: Bool { StandardStreams.error.isTerminal && !isDumb && !writesJSONLines }

    /// Whether every line on standard error is JSON, for a program.
    var writesJSONLines: Bool { progress == .json }

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
