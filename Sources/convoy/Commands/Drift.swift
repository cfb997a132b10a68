import ArgumentParser
import ConvoyFleet
import ConvoyKit
import ConvoyReporting
import ConvoyRun
import ConvoyText

/// `convoy drift`
struct Drift: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what differs between each schema and that of its version.",
        usage: "convoy drift [<options>]",
        discussion: """
            Reads the catalogue of each database with one query, takes no lock of its own
            and writes nothing. Instances with the same version and the same schema are a
            cohort, and each cohort is compared once with the catalogue that ships with
            the migrations.

              convoy drift
              convoy drift --instance alice
              convoy drift --select ring=canary --by label.region
              convoy drift --output json | jq '.cohorts[] | select(.drifted)'

            Not compared: rows, the ledger, what extensions own, names of roles, and the
            bodies of functions unless --all is given.

            The exit code is 3 if something drifted, 1 if an instance could not be read or
            compared, and 69 if none could be read.
            """
    )

    @OptionGroup var options: FleetOptions
    @Option(name: [.customShort("o"), .long], help: "Output format: table or html for people, json for programs, prometheus for metrics.")
    var output: Format = .table

    @OptionGroup var colorOption: ColorOption
    @OptionGroup var instanceOption: InstanceOption

    @Option(help: ArgumentHelp("Count the drift by the values of a label, for example label.region.", valueName: "label.KEY"))
    var by: String?

    @Flag(help: "Also compare objects outside of the schemas of the migrations, and the bodies of functions.")
    var all = false

    /// The format of the result.
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case table, html, json, prometheus
    }

    func validate() throws {
        if let by, by.count < 7 || !by.hasPrefix("label.") {
            throw ValidationError("--by requires a label, for example label.region")
        }
        try instanceOption.check(against: options)
    }

    private func text(of report: DriftReport, _ style: OutputStyle) -> String {
        switch output {
        case .table: report.table(style)
        case .html: report.html
        case .json: report.json.text
        case .prometheus: report.openMetrics
        }
    }

    func execute() async throws -> CommandExit {
        let settings = try Settings(options, color: colorOption.color)
        let session = try FleetSession(settings)
        return try await Interruption.handled(clearTerminal: session.statusLine.clear) { _ in
            let selection = try await session.select(naming: instanceOption.names)
            let label = by.map { String($0.dropFirst(6)) }
            try session.checkLabel(of: label.map(ReportGrouping.label), selection.instances)
            let count = selection.instances.count
            let statusLine = session.statusLine
            var report = try await session.client.drift(of: selection.instances, in: all ? .all : .ofTheSet) {
                statusLine.show("reading the catalogues: \($0) of \(count)")
            }
            statusLine.clear()
            if let label {
                let values = selection.instances.compactMap { instance in instance.labels[label].map { (instance.name, $0) } }
                report.group(by: label, values: Dictionary(values) { first, _ in first })
            }
            StandardStreams.output.write(text(of: report, settings.style(of: StandardStreams.output)))
            try StandardStreams.output.check()
            return CommandExit(report).unlessIncomplete(selection)
        }
    }
}

extension FleetSession {
    /// Lists the instances of these names; without a name, those that `--select` chooses.
    func select(naming names: [String]) async throws -> Selection {
        guard !names.isEmpty else { return try await select() }
        var selection = try await select()
        if let unknown = names.first(where: { !selection.found.contains($0) }) {
            let nearest = nearestWord(to: unknown, among: Array(selection.found))
            throw CommandFailure(
                .usage,
                "--instance: no instance is called “\(unknown.visible)”",
                hint: nearest.map { "did you mean \($0)?" } ?? "`convoy status` shows the names"
            )
        }
        selection.instances.removeAll { !names.contains($0.name) }
        return selection
    }
}

extension CommandExit {
    /// The code of a comparison: 130 before 69 before 1 before 3.
    fileprivate init(_ report: DriftReport) {
        let outcomes = report.unread.map(\.failure.kind)
        if outcomes.contains(.interrupted) {
            self = .interrupted
        } else if report.cohorts.isEmpty, !outcomes.isEmpty, outcomes.allSatisfy({ $0 == .unreachable }) {
            self = .unreachable
        } else if !outcomes.isEmpty || report.cohorts.contains(where: { $0.problem != nil }) {
            self = .failed
        } else {
            self = report.cohorts.contains(where: \.isDrifted) ? .checkFound : .success
        }
    }
}
