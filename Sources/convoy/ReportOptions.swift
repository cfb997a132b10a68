import ArgumentParser
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import ConvoyText

/// Options of the commands that show a fleet: which instances, in which order, how, how often.
struct ReportOptions: ParsableArguments {
    @OptionGroup var outputOptions: ReportOutputOptions

    @Option(
        name: .customLong("outcome"),
        help: ArgumentHelp(
            "Show only instances with these outcomes, for example failed,blocked; may be given several times.",
            valueName: "outcome"
        ),
        transform: OutcomeList.init(argument:)
    )
    var outcomes: [OutcomeList] = []

    @Option(
        help: ArgumentHelp(
            "Show groups instead of instances: by version, server, cohort, outcome or label.KEY, and a run by wave.",
            valueName: "what"
        ),
        transform: ReportGrouping.init(argument:)
    )
    var by: ReportGrouping?

    @Option(help: "Show instances in this order; those of which it is not known come last.")
    var sort: ReportOrder.Key?

    @Flag(help: "Turn the order of --sort round.")
    var descending = false

    @Flag(help: "Show one screen, however large the fleet is: outcomes, versions, the most frequent failures, who is furthest behind.")
    var summary = false

    @Flag(help: "Ask each instance for its cohort too: version and fingerprint of the schema. Takes a second look.")
    var cohorts = false

    @Option(
        defaultAsFlag: WatchInterval.standard,
        help: ArgumentHelp(
            "Look again and again, after so long each time. On a terminal the report is drawn over; Ctrl-C ends it.",
            valueName: "interval"
        )
    )
    var watch: WatchInterval?

    /// Whether cohorts are asked for.
    var needsCohorts: Bool { cohorts || by == .cohort }

    var filter: ReportFilter {
        ReportFilter(
            outcomes: outcomes.isEmpty ? nil : Set(outcomes.flatMap(\.outcomes)),
            order: sort.map { ReportOrder($0, descending ? .descending : .ascending) }
        )
    }

    func validate() throws {
        let output = outputOptions.output
        if descending, sort == nil { throw ValidationError("--descending is about --sort, which is missing") }
        if summary, output != .table { throw ValidationError("--summary is a table; the other formats have the counts in them") }
        if summary, by != nil { throw ValidationError("--summary and --by show different things; give one of them") }
        if summary || by != nil, sort != nil { throw ValidationError("--sort orders instances, which --summary and --by do not list") }
        if by != nil, !GroupsReport.formats.contains(output) {
            let possible = ReportFormat.allCases.filter(GroupsReport.formats.contains).map(\.rawValue)
            throw ValidationError("--by goes with --output \(possible.joined(separator: ", "))")
        }
        if watch != nil, outputOptions.outputFile == nil, output != .table, output != .ndjson {
            throw ValidationError(
                "--watch writes report after report: use --output table or ndjson, or have a file written over with --output-file"
            )
        }
    }
}

/// One or several outcomes: `failed,blocked`.
struct OutcomeList: Sendable {
    var outcomes: [Outcome]

    /// - Throws: a `ValidationError` that names all the outcomes there are.
    init(argument: String) throws {
        outcomes = try argument.split(separator: ",", omittingEmptySubsequences: false).map { part in
            let word = String(part).trimmingBlanks
            guard let outcome = Outcome(rawValue: word) else {
                let known = Outcome.allCases.map(\.rawValue)
                let nearest = nearestWord(to: word, among: known).map { " (did you mean \($0)?)" } ?? ""
                throw ValidationError("“\(word.visible)” is no outcome\(nearest); these are: \(known.joined(separator: ", "))")
            }
            return outcome
        }
    }
}

extension ReportGrouping {
    /// - Throws: a `ValidationError` that says what there is.
    init(argument: String) throws {
        guard let grouping = ReportGrouping(argument) else {
            throw ValidationError("instances are grouped by version, server, cohort, outcome, wave or label.KEY, for example label.region")
        }
        self = grouping
    }
}

extension ReportOrder.Key: ExpressibleByArgument {}

/// How long a watch waits between two looks.
struct WatchInterval: ExpressibleByArgument, CustomStringConvertible {
    let duration: Duration

    static let standard = WatchInterval(duration: .seconds(5))

    private init(duration: Duration) {
        self.duration = duration
    }

    init?(argument: String) {
        // A bare number is what watch(1) takes, in seconds.
        guard let duration = Duration(text: argument) ?? Duration(text: argument + "s"), duration >= .seconds(1) else { return nil }
        self.duration = duration
    }

    var description: String {
        duration.milliseconds % 1000 == 0 ? "\(duration.milliseconds / 1000)s" : "\(duration.milliseconds)ms"
    }
}

extension String {
    fileprivate var trimmingBlanks: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
