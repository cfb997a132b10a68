import ArgumentParser
import ConvoyDashboard
import ConvoyIO
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyText
import FoundationEssentials

extension ReportFormat: ExpressibleByArgument {}

/// Options of commands that write a report.
struct ReportOutputOptions: ParsableArguments {
    @Option(
        name: [.customShort("o"), .long],
        help: """
            Output format: table, markdown or html for people; json, ndjson or csv for programs; junit for CI; prometheus for metrics.
            """
    )
    var output: ReportFormat = .table

    @Option(help: ArgumentHelp("Write the result to this file instead of standard output.", valueName: "file"), completion: .file())
    var outputFile: String?

    @OptionGroup var colorOption: ColorOption

    /// Whether tables and progress have colors.
    var color: ColorChoice { colorOption.color }

    func validate() throws {
        if outputFile?.isEmpty == true { throw ValidationError("--output-file must not be empty") }
    }

    /// Checks that the result can be a plan, which has fewer formats than a report because it has no outcomes.
    func checkFitsPlan() throws {
        guard output == .table || output == .json, outputFile == nil else {
            throw ValidationError("--dry-run prints a plan: use --output table or json, and no --output-file")
        }
    }
}

/// Where a report is written, and in which format.
struct ReportOutput: Sendable {
    let format: ReportFormat
    private let file: ResultFile?

    /// - Throws: a ``CommandFailure`` if the file is not writable, before a run rather than after it.
    init(_ options: ReportOutputOptions) throws {
        let format = options.output
        self.format = format
        file = options.outputFile.map { ResultFile(path: $0, option: "--output-file", kind: .report(format)) }
        try file?.check()
    }

    /// - Throws: a ``CommandFailure`` if the result would replace a file that the fleet needs.
    func check(_ session: FleetSession) throws {
        try file?.check(against: session.protectedFiles)
    }

    var isStandardOutput: Bool { file == nil }

    /// The style of the output; a file has no width.
    func style(_ settings: Settings) -> OutputStyle {
        isStandardOutput ? settings.style(of: StandardStreams.output) : OutputStyle()
    }

    /// - Throws: a ``CommandFailure`` if the report cannot be written.
    func write(_ text: String) throws {
        guard let file else {
            StandardStreams.output.write(text)
            return try StandardStreams.output.check()
        }
        // Another process may have written the file since.
        try file.check()
        do throws(FileWriteError) {
            try replaceFile(file.path, Array(text.utf8))
        } catch {
            throw CommandFailure(.failed, "--output-file: \(file.path): \(error)", hint: "write it again with `convoy report`")
        }
    }

    /// Writes a plan instead of a report: to standard output in a format that plans have, otherwise as a table to standard error.
    func write(_ plan: PlanReport, _ settings: Settings) throws {
        switch format {
        case .table where isStandardOutput: StandardStreams.output.write(plan.table(settings.style(of: StandardStreams.output)))
        case .json where isStandardOutput: StandardStreams.output.write(plan.json.text)
        default: StandardStreams.error.write(plan.table(settings.style(of: StandardStreams.error)))
        }
        try StandardStreams.output.check()
    }
}
