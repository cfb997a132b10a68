import ArgumentParser
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import ConvoyText

/// Options of the commands that show a fleet: which instances, in which order and format, how often.
struct ReportOptions: ParsableArguments {
    @OptionGroup var outputOptions: ReportOutputOptions

    @Option(
        name: .customLong("outcome"),
        help: ArgumentHelp(
            "Show only instances with these outcomes, for example failed,blocked. Repeatable.",
            valueName: "outcome"
        ),
        completion: .list(ofWords: Outcome.allCases.map(\.rawValue)),
        transform: OutcomeList.init(argument:)
    )
    var outcomes: [OutcomeList] = []

    @Option(
        help: ArgumentHelp(
            "Group instances by version, server, cohort, outcome or label.KEY, or the instances of a run by wave.",
            valueName: "what"
        ),
        transform: ReportGrouping.init(argument:)
    )
    var by: ReportGrouping?

    @Option(help: "Sort instances by this value; unknown values sort last.")
    var sort: ReportOrder.Key?

    @Flag(help: "Reverse --sort.")
    var descending = false

    @Flag(help: "Show one screen for a fleet of any size: outcomes, versions, the most frequent failures, the instances furthest behind.")
    var summary = false

    @Flag(help: "Show the cohort of each instance: its version and schema fingerprint. Requires a second query per instance.")
    var cohorts = false

    @Option(
        help: ArgumentHelp(
            "Show these columns, in this order, for example instance,version,label.ring. For a table or CSV.",
            valueName: "column,…"
        ),
        completion: .list(ofWords: InstanceColumn.known.filter { !$0.hasPrefix("label.") }),
        transform: ColumnNames.init(argument:)
    )
    var columns: ColumnNames?

    @Option(
        defaultAsFlag: WatchInterval.standard,
        help: ArgumentHelp(
            "Refresh at this interval until Ctrl-C. On a terminal the report is redrawn in place.",
            valueName: "interval"
        )
    )
    var watch: WatchInterval?

    /// Whether the report shows cohorts.
    var needsCohorts: Bool { cohorts || by == .cohort || columns?.names.contains { $0.lowercased() == "cohort" } == true }

    var filter: ReportFilter {
        ReportFilter(
            outcomes: outcomes.isEmpty ? nil : Set(outcomes.flatMap(\.outcomes)),
            order: sort.map { ReportOrder($0, descending ? .descending : .ascending) }
        )
    }

    func validate() throws {
        let output = outputOptions.output
        if descending, sort == nil { throw ValidationError("--descending requires --sort") }
        if summary, output != .table { throw ValidationError("--summary requires --output table; the other formats include the counts") }
        if summary, by != nil { throw ValidationError("--summary cannot be combined with --by") }
        if summary || by != nil, sort != nil { throw ValidationError("--sort cannot be combined with --summary or --by") }
        if by != nil, !GroupsReport.formats.contains(output) {
            let possible = ReportFormat.allCases.filter(GroupsReport.formats.contains).map(\.rawValue)
            throw ValidationError("--by supports only these values of --output: \(possible.joined(separator: ", "))")
        }
        if let columns {
            if summary || by != nil { throw ValidationError("--columns cannot be combined with --summary or --by") }
            try columns.check(output)
        }
        try watch?.check()
        if watch != nil, outputOptions.outputFile == nil, output != .table, output != .ndjson {
            throw ValidationError(
                "--watch requires --output table or ndjson, or --output-file with a file to overwrite each time"
            )
        }
    }
}

/// One or several outcomes: `failed,blocked`.
struct OutcomeList: Sendable {
    var outcomes: [Outcome]

    /// - Throws: a `ValidationError` that lists all outcomes.
    init(argument: String) throws {
        outcomes = try argument.split(separator: ",", omittingEmptySubsequences: false).map { part in
            let word = String(part).trimmingBlanks
            guard let outcome = Outcome(rawValue: word) else {
                let known = Outcome.allCases.map(\.rawValue)
                let nearest = nearestWord(to: word, among: known).map { " (did you mean \($0)?)" } ?? ""
                throw ValidationError("unknown outcome “\(word.visible)”\(nearest); the outcomes are: \(known.joined(separator: ", "))")
            }
            return outcome
        }
    }
}

extension ReportGrouping {
    /// - Throws: a `ValidationError` that lists the groupings.
    init(argument: String) throws {
        guard let grouping = ReportGrouping(argument) else {
            throw ValidationError("choose version, server, cohort, outcome, wave or label.KEY, for example label.region")
        }
        self = grouping
    }
}

extension ReportOrder.Key: ExpressibleByArgument {}

/// The time between two probes of --watch.
struct WatchInterval: ExpressibleByArgument, CustomStringConvertible {
    let duration: Duration

    static let standard = WatchInterval(duration: .seconds(5))

    private init(duration: Duration) {
        self.duration = duration
    }

    init?(argument: String) {
        // A bare number is in seconds, as in watch(1).
        if let duration = Duration(text: argument) ?? Duration(text: argument + "s"), duration >= .seconds(1) {
            self.duration = duration
            return
        }
        // A short text that begins with a digit, such as 100ms or 1x, was meant as an interval; any other may be the run of `convoy report`.
        guard argument.utf8.count <= 7, let first = argument.utf8.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return nil
        }
        duration = .zero
    }

    /// - Throws: a validation error for a text that is not an interval.
    func check() throws {
        guard duration >= .seconds(1) else {
            throw ValidationError("--watch requires an interval of at least one second, for example 5s or 1m")
        }
    }

    var description: String {
        duration.milliseconds % 1000 == 0 ? "\(duration.milliseconds / 1000)s" : "\(duration.milliseconds)ms"
    }
}

extension String {
    /// Without the blanks at both ends: an element of a list that is separated by commas.
    var trimmingBlanks: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
