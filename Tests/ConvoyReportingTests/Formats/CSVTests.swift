import Testing

@testable import ConvoyReporting
@testable import ConvoyText

struct CSVTests {
    @Test(arguments: [
        ("plain", "plain"), ("", ""), ("a,b", "\"a,b\""), ("say \"hi\"", "\"say \"\"hi\"\"\""), ("two\nlines", "\"two\nlines\""),
        ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"), ("\t=1", "'\t=1"), ("  =1,2", "\"'  =1,2\""),
        ("\n=1", "\"'\n=1\""),
        ("\u{FF1D}1", "'\u{FF1D}1"), ("a=1", "a=1"), ("2026-08-08", "2026-08-08"), (" x", "\" x\""), ("\r\n=1", "\"\\r\n=1\""),
        ("\u{1B}[2J", "\\u{1B}[2J"), ("\u{202E}=1", "\\u{202E}=1"), ("\u{A0}=1", "'\u{A0}=1"),
    ])
    func writesACell(_ value: String, _ expected: String) {
        var text = CSVText()
        text.add([value])
        #expect(text.text == expected + "\r\n")
    }

    @Test func everyRowHasEveryColumn() {
        let rows = Self.rows(hostileReport.csv)
        #expect(rows.count == hostileNames.count + 1)
        #expect(Set(rows.map(\.count)).count == 1)
        #expect(rows.first?.suffix(3) == ["label.a.b", "label.a_b", "label.ring"])
        #expect(rows.dropFirst().map(\.first)[1] == "'=cmd|' /C calc'!A0")
        #expect(rows.dropFirst().map(\.first)[3] == "quote\"d, 'n")
        #expect(rows.dropFirst().map(\.first)[4] == "line\nfeed\ttab")
    }

    @Test func theColumnsAreTheSameWhateverIsKnown() {
        let headers = [FleetReport(), statusReport, report(troubledRun), hostileReport].map {
            Self.rows($0.csv)[0].filter { !$0.hasPrefix("label.") }
        }
        #expect(Set(headers).count == 1)
    }

    /// Reads as RFC 4180 says.
    private static func rows(_ text: String) -> [[String]] {
        var rows: [[String]] = []
        var row: [String] = []
        var cell = ""
        var isQuoted = false
        var scalars = Array(text.unicodeScalars)[...]
        while let scalar = scalars.popFirst() {
            switch (scalar, isQuoted) {
            case ("\"", true) where scalars.first == "\"":
                cell.unicodeScalars.append("\"")
                scalars.removeFirst()
            case ("\"", _): isQuoted.toggle()
            case (",", false):
                row.append(cell)
                cell = ""
            case ("\r", false) where scalars.first == "\n":
                scalars.removeFirst()
                rows.append(row + [cell])
                (row, cell) = ([], "")
            default: cell.unicodeScalars.append(scalar)
            }
        }
        return rows
    }
}
