import ArgumentParser
import ConvoyReporting
import ConvoyText

/// The value of `--columns`: names of columns, separated by commas.
struct ColumnNames: Sendable {
    let names: [String]

    /// - Throws: a `ValidationError` for an empty name and for one that comes twice.
    init(argument: String) throws {
        names = argument.split(separator: ",", omittingEmptySubsequences: false).map { String($0).trimmingBlanks }
        guard !names.contains(where: \.isEmpty) else { throw ValidationError("--columns: a name is empty") }
        let folded = names.map { InstanceColumn.labelKey($0) == nil ? $0.lowercased() : $0 }
        if let twice = folded.indices.first(where: { folded[..<$0].contains(folded[$0]) }) {
            throw ValidationError("--columns: “\(names[twice].visible)” comes twice")
        }
    }

    /// - Throws: a `ValidationError` that lists the columns of the format.
    func check(_ format: ReportFormat) throws {
        switch format {
        case .table:
            for name in names where InstanceColumn(name) == nil { throw unknown(name, InstanceColumn.known, "a table") }
        case .csv:
            for name in names where FleetReport.csvColumn(name) == nil { throw unknown(name, FleetReport.knownCSVColumns, "CSV") }
        default: throw ValidationError("--columns requires --output table or csv")
        }
    }

    private func unknown(_ name: String, _ known: [String], _ format: String) -> ValidationError {
        let nearest = nearestWord(to: name, among: known).map { " (did you mean \($0)?)" } ?? ""
        return ValidationError(
            "--columns: unknown column “\(name.visible)”\(nearest); the columns of \(format) are: \(known.joined(separator: ", "))"
        )
    }

    /// Makes a report show these columns.
    func choose(in report: inout FleetReport, for format: ReportFormat) {
        switch format {
        case .table: report.columns = names.compactMap(InstanceColumn.init)
        case .csv: report.chosenCSVColumns = names.compactMap(FleetReport.csvColumn)
        default: break
        }
    }
}
