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
        help: """
            How to write the result: a table, markdown or html for people; json, ndjson or csv for programs; junit for what collects test \
            results; prometheus for what collects metrics.
            """
    )
    var output: ReportFormat = .table

    @Option(help: ArgumentHelp("Write the result to this file instead, whole or not at all.", valueName: "file"))
    var outputFile: String?

    func validate() throws {
        if outputFile?.isEmpty == true { throw ValidationError("--output-file names no file") }
    }

    /// A plan is no report: it has no outcomes yet.
    func checkFitsPlan() throws {
        guard output == .table || output == .json, outputFile == nil else {
            throw ValidationError("with --dry-run the result is a plan: --output is table or json, and it goes to standard output")
        }
    }
}

/// Where a report goes, and as what.
struct ReportOutput: Sendable {
    let format: ReportFormat
    private let file: ResultFile?

    /// - Throws: a ``CommandFailure`` where the file will not be writable; nobody should learn that after a run.
    init(_ options: ReportOutputOptions) throws {
        let format = options.output
        self.format = format
        file = options.outputFile.map { ResultFile(path: $0, option: "--output-file", kind: .report(format)) }
        try file?.check()
    }

    /// - Throws: a ``CommandFailure`` where the result would take the place of a file that the fleet needs.
    func check(_ session: FleetSession) throws {
        try file?.check(against: session.protectedFiles)
    }

    var isStandardOutput: Bool { file == nil }

    /// What the place can show; a file has no width.
    func style(_ settings: Settings) -> OutputStyle {
        isStandardOutput ? settings.style(of: StandardStreams.output) : OutputStyle()
    }

    /// - Throws: a ``CommandFailure`` where it could not be written.
    func write(_ text: String) throws {
        guard let file else {
            StandardStreams.output.write(text)
            return try StandardStreams.output.check()
        }
        // Another process may have put something there since.
        try file.check()
        do throws(FileWriteError) {
            try replaceFile(file.path, Array(text.utf8))
        } catch {
            throw CommandFailure(.failed, "--output-file: \(file.path): \(error)", hint: "`convoy report` writes it again")
        }
    }

    /// Writes a plan where a report was asked for: as what a plan can be, and else for people, beside the result.
    func write(_ plan: PlanReport, _ settings: Settings) throws {
        switch format {
        case .table where isStandardOutput: StandardStreams.output.write(plan.table(settings.style(of: StandardStreams.output)))
        case .json where isStandardOutput: StandardStreams.output.write(plan.json.text)
        default: StandardStreams.error.write(plan.table(settings.style(of: StandardStreams.error)))
        }
        try StandardStreams.output.check()
    }
}
