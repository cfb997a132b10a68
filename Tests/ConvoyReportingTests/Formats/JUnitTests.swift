import Foundation
import FoundationXML
import Testing

@testable import ConvoyReporting

struct JUnitTests {
    /// The elements of a document, as a parser of XML finds them.
    private final class Elements: NSObject, XMLParserDelegate {
        var found: [(name: String, attributes: [String: String], text: String)] = []

        func parser(
            _: XMLParser,
            didStartElement name: String,
            namespaceURI _: String?,
            qualifiedName _: String?,
            attributes: [String: String]
        ) {
            found.append((name, attributes, ""))
        }

        func parser(_: XMLParser, foundCharacters text: String) {
            if !found.isEmpty { found[found.count - 1].text += text }
        }
    }

    private func elements(_ report: FleetReport) throws -> Elements {
        let elements = Elements()
        let parser = XMLParser(data: Data(report.junit(at: moment()).utf8))
        parser.delegate = elements
        try #require(parser.parse(), "\(parser.parserError.map(String.init(describing:)) ?? "")")
        return elements
    }

    @Test func everyInstanceIsATestCase() throws {
        let found = try elements(report(troubledRun)).found
        let cases = found.filter { $0.name == "testcase" }.map { "\($0.attributes["classname"] ?? "") \($0.attributes["name"] ?? "")" }
        #expect(cases == ["canary alice", "rest bob", "rest carol", "rest dave"])
        let failures = found.filter { $0.name == "failure" }
        #expect(failures.map { $0.attributes["type"] } == ["failed", "lock-busy"])
        #expect(failures.first?.attributes["message"] == "numeric field overflow")
        #expect(failures.first?.text.contains("SQLSTATE 22003\n") == true)
        #expect(found.filter { $0.name == "skipped" }.map { $0.attributes["message"] } == ["pending"])
    }

    @Test func theNumbersOfASuiteAreThoseOfItsCases() throws {
        let found = try elements(report(troubledRun)).found
        let rest = try #require(found.first { $0.name == "testsuite" && $0.attributes["name"] == "rest" }).attributes
        #expect([rest["tests"], rest["failures"], rest["skipped"], rest["errors"]] == ["3", "2", "1", "0"])
        #expect(found.first?.attributes["tests"] == "4")
        #expect(found.first?.attributes["time"] == "0.012")
        #expect(rest["timestamp"] == "2026-08-08T09:00:00")
    }

    @Test func hostileTextComesBackAsText() throws {
        let names = try elements(hostileReport).found.filter { $0.name == "testcase" }.compactMap { $0.attributes["name"] }
        #expect(names.contains("<img src=x onerror=alert(1)>"))
        #expect(names.contains("line\nfeed\ttab"))
        #expect(names.contains("\\u{1B}[2J]]>&amp;"))
        #expect(names.contains("_under_ *star* [link](x) \\u{0}\\u{FFFE}"))
    }
}
