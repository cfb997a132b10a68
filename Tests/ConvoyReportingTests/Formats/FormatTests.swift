import ConvoyMigrations
import ConvoyRollout
import Foundation
import Testing

@testable import ConvoyReporting
@testable import ConvoyText

struct FormatTests {
    /// A report and the subject that it is written for.
    struct Sample: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var document: ReportDocument
    }

    static let samples = [
        Sample(testDescription: "status", document: ReportDocument(statusReport, as: .status)),
        Sample(testDescription: "run", document: ReportDocument(report(troubledRun), as: .run)),
        Sample(testDescription: "hostile", document: ReportDocument(hostileReport, as: .report)),
    ]

    /// The page's own tests look at it as a browser does.
    @Test(arguments: samples, ReportFormat.allCases.filter { $0 != .html })
    func isAsItsGoldenFile(_ sample: Sample, _ format: ReportFormat) throws {
        let text = sample.document.text(format, OutputStyle(width: 120), at: moment(60))
        try expectGolden(text, "\(sample.testDescription).\(format.fileExtension)")
    }

    @Test(arguments: ReportFormat.allCases)
    func nothingInItIsObeyedByATerminal(_ format: ReportFormat) {
        let text = ReportDocument(hostileReport, as: .report).text(format, at: moment(60))
        // CSV keeps the line feeds and tabs of its cells, and ends its rows as RFC 4180 wants.
        let allowed: [Unicode.Scalar] = format == .csv ? ["\n", "\r", "\t"] : format == .junit ? ["\n", "\t"] : ["\n"]
        let obeyed = text.unicodeScalars.filter { $0.isObeyedByTerminals && !allowed.contains($0) }
        #expect(obeyed.isEmpty)
    }

    @Test(arguments: ReportFormat.allCases)
    func anEmptyReportIsADocumentToo(_ format: ReportFormat) throws {
        let text = ReportDocument(FleetReport(), as: .report).text(format, at: moment())
        #expect(text.utf8.last == 0x0A)
        if format == .json { #expect(try JSONSerialization.jsonObject(with: Data(text.utf8)) is [String: Any]) }
    }
}

extension ReportFormat {
    fileprivate var fileExtension: String {
        switch self {
        case .table: "txt"
        case .markdown: "md"
        case .junit: "xml"
        case .prometheus: "prom"
        case .json, .ndjson, .csv, .html: rawValue
        }
    }
}
